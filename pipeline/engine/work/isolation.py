"""One method of a stage in a child process, so that a crash or a hang costs a child alone.

A request is the seconds it may take and a batch as an Arrow IPC stream, an answer a batch. The
child minds the seconds, too: it does not outlive a parent that was killed while it hangs.
"""

import io
import pickle
import struct
from collections.abc import Callable, Iterator

import pyarrow as pa

from pipeline.engine.work.child import RESULT, Child, serve
from pipeline.engine.work.task import StageRef
from pipeline.engine.work.watchdog import watchdog
from stages.kernels.ahead import compile_imported

SECONDS = struct.Struct("<d")
GRACE_SECONDS = 10.0
"""The child ends itself so much later than the parent would end it."""


class IsolatedStage:
    """Calls one method of a stage in a child."""

    def __init__(self, stage: StageRef, method: str) -> None:
        self._child = Child("pipeline.engine.work.isolation", pickle.dumps((stage, method)))

    def call(self, batch: pa.RecordBatch, seconds: float) -> pa.RecordBatch:
        """The method's answer; ChildFailed if there is none within `seconds`."""
        self._child.ask(SECONDS.pack(seconds) + _to_ipc(batch))
        _, body = self._child.answer(seconds)
        return _from_ipc(body)

    def close(self) -> None:
        """End the child."""
        self._child.close()


def _to_ipc(batch: pa.RecordBatch) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def _from_ipc(data: bytes) -> pa.RecordBatch:
    return pa.ipc.open_stream(data).read_next_batch()


def _answers(greeting: bytes) -> Callable[[bytes], Iterator[tuple[bytes, bytes]]]:
    stage, name = pickle.loads(greeting)
    method: Callable[[pa.RecordBatch], pa.RecordBatch] = getattr(stage.load(), name)
    compile_imported()

    def answer(request: bytes) -> Iterator[tuple[bytes, bytes]]:
        (seconds,) = SECONDS.unpack_from(request)
        batch = _from_ipc(request[SECONDS.size :])
        with watchdog(seconds + GRACE_SECONDS):
            result = method(batch)
        yield RESULT, _to_ipc(result)

    return answer


if __name__ == "__main__":
    serve(_answers)
