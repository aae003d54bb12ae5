"""A stage in a child process, so that a crash or a hang costs a child and nothing else.

The child is a fresh interpreter (a forked one would inherit the locks of Arrow's and the
tokenizer's threads). Parent and child exchange length-prefixed Arrow IPC streams over pipes;
each answer is one status byte and a batch or an error's text.
"""

import io
import os
import pickle
import select
import struct
import subprocess
import sys
import time
from typing import IO, BinaryIO

import pyarrow as pa

from pipeline.engine.work.task import StageRef

LENGTH = struct.Struct("<Q")
RESULT, ERROR = b"r", b"e"
START_SECONDS = 120.0


class ChildFailed(Exception):  # noqa: N818 - says what happened
    """The child died (`crash`), took too long (`timeout`) or raised (`error`)."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class IsolatedStage:
    """Calls one method of a stage in a child that is started when needed and after each death."""

    def __init__(self, stage: StageRef, method: str) -> None:
        self._stage = stage
        self._method = method
        self._child: subprocess.Popen[bytes] | None = None

    def call(self, batch: pa.RecordBatch, seconds: float) -> pa.RecordBatch:
        """The method's answer; ChildFailed if there is none within `seconds`."""
        child = self._started()
        assert child.stdin is not None
        try:
            _send(child.stdin, _to_ipc(batch))
        except BrokenPipeError:
            self._raise_dead()
        status, payload = self._receive(seconds)
        if status == ERROR:
            raise ChildFailed("error", payload.decode())
        return _from_ipc(payload)

    def close(self) -> None:
        """Kill the child."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            for stream in (self._child.stdin, self._child.stdout):
                if stream is not None:
                    stream.close()
            self._child = None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            self._child = subprocess.Popen(
                [sys.executable, "-m", "pipeline.engine.work.isolation"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
            )
            assert self._child.stdin is not None
            _send(self._child.stdin, pickle.dumps((self._stage, self._method)))
            status, payload = self._receive(START_SECONDS)
            if status == ERROR:
                raise RuntimeError(f"the stage cannot be built: {payload.decode()}")
        return self._child

    def _receive(self, seconds: float) -> tuple[bytes, bytes]:
        assert self._child is not None
        assert self._child.stdout is not None
        deadline = time.monotonic() + seconds
        descriptor = self._child.stdout.fileno()
        data = b""
        needed = LENGTH.size
        while len(data) < needed:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                self.close()
                raise ChildFailed("timeout", f"no answer within {seconds:.0f} s")
            chunk = os.read(descriptor, max(65536, needed - len(data)))
            if not chunk:
                self._raise_dead()
            data += chunk
            if needed == LENGTH.size and len(data) >= LENGTH.size:
                needed += LENGTH.unpack_from(data)[0]
        return data[LENGTH.size : LENGTH.size + 1], data[LENGTH.size + 1 :]

    def _raise_dead(self) -> None:
        assert self._child is not None
        code = self._child.wait()
        self.close()
        cause = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise ChildFailed("crash", f"the process died: {cause}")


def _send(stream: IO[bytes], payload: bytes) -> None:
    stream.write(LENGTH.pack(len(payload)))
    stream.write(payload)
    stream.flush()


def _to_ipc(batch: pa.RecordBatch) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def _from_ipc(payload: bytes) -> pa.RecordBatch:
    return pa.ipc.open_stream(payload).read_next_batch()


def _read_exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _serve() -> None:
    """The child: answer batches until the parent closes the pipe."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    requests = sys.stdin.buffer
    reference: StageRef
    reference, name = pickle.loads(
        _read_exactly(requests, LENGTH.unpack(_read_exactly(requests, 8))[0])
    )
    method = getattr(reference.load(), name)
    _send(answers, RESULT)
    while True:
        try:
            payload = _read_exactly(requests, LENGTH.unpack(_read_exactly(requests, 8))[0])
        except EOFError:
            return
        try:
            answer = RESULT + _to_ipc(method(_from_ipc(payload)))
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a record provokes is data
            answer = ERROR + f"{type(error).__name__}: {error}".encode()
        _send(answers, answer)


if __name__ == "__main__":
    _serve()
