"""Calls a stage on a batch and finds the record that kills it.

A record that raises is found by bisection in this process. A batch that kills the process, or
takes longer than its limit, ends the worker (a watchdog thread that needs no interpreter lock);
the driver then sends the task again with `isolate`, and the same bisection runs in a child
process. A single record gets ten times the limit before it counts as hanging.

MemoryError never quarantines: it says more of the machine than of the record.
"""

import faulthandler
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa

from pipeline.engine.work.isolation import ChildFailed, IsolatedStage
from pipeline.engine.work.task import Limits, StageRef
from stages.errors import StageError

PATIENCE = 10
SUSPICIOUS_ROWS = 10
"""A batch of at least so many records that all raise is a bug of ours, not bad input."""


@dataclass(frozen=True)
class Failure:
    """Why a record was quarantined: `error`, `crash` or `timeout`."""

    reason: str
    error: str


class Guard:
    """One method of a stage (`process` or `convert`), guarded."""

    def __init__(self, stage: StageRef, method: str, limits: Limits, isolate: bool) -> None:
        self._stage = stage
        self._method = method
        self._limits = limits
        self._child = IsolatedStage(stage, method) if isolate else None

    def __call__(self, batch: pa.RecordBatch) -> tuple[list[pa.RecordBatch], dict[int, Failure]]:
        """Results for the good rows, in order, and row → failure for the others."""
        results: list[pa.RecordBatch] = []
        failures: dict[int, Failure] = {}
        self._solve(batch, 0, results, failures)
        if len(failures) == batch.num_rows >= SUSPICIOUS_ROWS:
            first = failures[0]
            raise StageError(
                f"{self._stage.target}.{self._method} failed on all {batch.num_rows} records of a "
                f"batch; the first: {first.error}"
            )
        return results, failures

    def close(self) -> None:
        """End the child process, if there is one."""
        if self._child is not None:
            self._child.close()

    def _solve(
        self,
        batch: pa.RecordBatch,
        start: int,
        results: list[pa.RecordBatch],
        failures: dict[int, Failure],
    ) -> None:
        if batch.num_rows == 0:
            return
        patience = PATIENCE if batch.num_rows == 1 and self._child is not None else 1
        try:
            result = self._call(batch, self._limits.seconds(batch.num_rows) * patience)
        except (MemoryError, StageError):
            raise
        except ChildFailed as error:
            failure = Failure(error.reason, str(error))
        except Exception as error:  # noqa: BLE001 - whatever a record provokes is data
            failure = Failure("error", f"{type(error).__name__}: {error}")
        else:
            if result.num_rows != batch.num_rows:
                raise StageError(
                    f"{self._stage.target}.{self._method} returned {result.num_rows} rows "
                    f"for {batch.num_rows}"
                )
            results.append(result)
            return
        if batch.num_rows == 1:
            failures[start] = failure
            return
        half = batch.num_rows // 2
        self._solve(batch.slice(0, half), start, results, failures)
        self._solve(batch.slice(half), start + half, results, failures)

    def _call(self, batch: pa.RecordBatch, seconds: float) -> pa.RecordBatch:
        if self._child is not None:
            return self._child.call(batch, seconds)
        method: Callable[[pa.RecordBatch], pa.RecordBatch] = getattr(
            self._stage.load(), self._method
        )
        with _watchdog(seconds):
            return method(batch)


@contextmanager
def _watchdog(seconds: float) -> Iterator[None]:
    """End the process if the block takes longer, even inside native code."""
    faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
