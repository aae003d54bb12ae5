"""A process of its own for what may crash or hang: it costs a child and nothing else.

The child is a fresh interpreter (a forked one would inherit the locks of Arrow's and the
tokenizer's threads). Parent and child exchange length-prefixed messages over pipes: the parent
asks, each answer is one status byte and a body. A child that cannot start, or that ends because of
the machine, is nobody's record's fault: StageError or MemoryError.
"""

import contextlib
import os
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import IO, BinaryIO

from pipeline.engine.work.blame import describe, is_ours
from pipeline.engine.work.watchdog import EXIT_CODE, LONGEST_SECONDS
from schemas.quarantine import CRASH, ERROR, TIMEOUT
from stages.errors import StageError

LENGTH = struct.Struct("<Q")
RESULT, RAISED, OURS, NO_MEMORY = b"r", b"e", b"f", b"m"
"""An answer; what a record provoked; what is no record's fault."""
START_SECONDS = 600.0
"""Of which a busy machine without a cache of kernels may spend most on compiling them."""


class ChildFailed(Exception):  # noqa: N818 - says what happened
    """The child died (`crash`), took too long (`timeout`) or raised (`error`)."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Child:
    """A process of `module`, started when it is needed and again after each death.

    `greeting` is its first message, which it answers once it is ready.
    """

    def __init__(self, module: str, greeting: bytes) -> None:
        self._module = module
        self._greeting = greeting
        self._process: subprocess.Popen[bytes] | None = None
        self._memory_kills = 0
        self._received = bytearray()

    def ask(self, request: bytes) -> None:
        """Send a request; ChildFailed if the child dies of it."""
        if self._process is not None and self._has_ended(self._process):
            self.close()  # it died idle, and not of this request
        process = self._process or self._start()
        assert process.stdin is not None
        try:
            _send(process.stdin, request)
        except BrokenPipeError:
            raise self._dead() from None

    def answer(self, seconds: float = LONGEST_SECONDS) -> tuple[bytes, bytes]:
        """The next answer: its status (of the caller's own kinds, or `RESULT`) and body.
        ChildFailed if there is none in time, or if a record made the child raise."""
        assert self._process is not None
        assert self._process.stdout is not None
        deadline = time.monotonic() + min(seconds, LONGEST_SECONDS)
        descriptor = self._process.stdout.fileno()
        while len(self._received) < (needed := self._needed()):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                self.close()
                raise ChildFailed(TIMEOUT, f"no answer within {seconds:.1f} s")
            chunk = os.read(descriptor, max(65536, needed - len(self._received)))
            if not chunk:
                raise self._dead()
            self._received += chunk
        with memoryview(self._received) as message:
            status = bytes(message[LENGTH.size : LENGTH.size + 1])
            body = bytes(message[LENGTH.size + 1 : needed])
        del self._received[:needed]
        if status == RAISED:
            raise ChildFailed(ERROR, body.decode())
        if status == NO_MEMORY:
            raise MemoryError(body.decode())
        if status == OURS:
            raise StageError(body.decode())
        return status, body

    def _needed(self) -> int:
        """Bytes of the message that is being received, as far as is known."""
        if len(self._received) < LENGTH.size:
            return LENGTH.size
        return LENGTH.size + int(LENGTH.unpack_from(self._received)[0])

    @staticmethod
    def _has_ended(process: "subprocess.Popen[bytes]") -> bool:
        """Whether it is gone, or its end of the pipe is: threads may outlive that for a moment."""
        assert process.stdout is not None
        if process.poll() is not None or select.select([process.stdout], [], [], 0)[0]:
            process.kill()
            process.wait()
            return True
        return False

    def close(self) -> None:
        """Kill the child."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    stream.close()
            self._process = None
            self._received.clear()

    def _start(self) -> "subprocess.Popen[bytes]":
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._memory_kills = _memory_kills()
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if _is_open(2) else subprocess.DEVNULL,
            env=environment,
        )
        assert self._process.stdin is not None
        try:
            _send(self._process.stdin, self._greeting)
            self.answer(START_SECONDS)
        except (BrokenPipeError, ChildFailed) as error:
            self.close()
            raise StageError(f"a process of {self._module} cannot be started: {error}") from error
        return self._process

    def _dead(self) -> ChildFailed:
        assert self._process is not None
        code = self._process.wait()
        self.close()
        if code == -signal.SIGKILL and _memory_kills() > self._memory_kills:
            raise MemoryError("the system ended a process for want of memory")
        if code == EXIT_CODE:
            return ChildFailed(TIMEOUT, "it took too long")
        cause = f"signal {-code}" if code < 0 else f"exit code {code}"
        return ChildFailed(CRASH, f"the process died: {cause}")


def serve(handle: Callable[[bytes], Callable[[bytes], Iterator[tuple[bytes, bytes]]]]) -> None:
    """The child's side: `handle` takes the greeting and returns what answers each request, until
    the parent closes the pipe. Nothing that is printed gets between the answers."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    requests = sys.stdin.buffer
    respond: Callable[[bytes], Iterator[tuple[bytes, bytes]]] | None = None
    while (request := _receive(requests)) is not None:
        try:
            if respond is None:
                respond = handle(request)
                _send(answers, RESULT)
                continue
            for status, body in respond(request):
                _send(answers, status + body)
        except MemoryError as error:
            _send(answers, NO_MEMORY + str(error).encode())
        except Exception as error:  # noqa: BLE001 - the parent decides what becomes of it
            status = OURS if respond is None or is_ours(error) else RAISED
            _send(answers, status + describe(error).encode("utf-8", "backslashreplace"))


def _send(stream: IO[bytes], message: bytes) -> None:
    stream.write(LENGTH.pack(len(message)))
    stream.write(message)
    stream.flush()


def _receive(stream: BinaryIO) -> bytes | None:
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (size,) = LENGTH.unpack(head)
    data = stream.read(size)
    return data if len(data) == size else None


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _memory_kills() -> int:
    """How many processes this system has ended for want of memory, where it counts them."""
    with contextlib.suppress(OSError), open("/proc/vmstat", encoding="ascii") as counters:
        for line in counters:
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
