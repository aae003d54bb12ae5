"""Calls a stage on a batch and finds the records that kill it.

Records that raise are found by bisection in this process. A batch that kills the process, or takes
longer than its limit, ends the worker (a watchdog that needs no interpreter lock); the driver then
sends the task again with `isolate`, and a child process does the work: first the batch as a whole,
then, if the child died, one record after another, because each death costs a new child.

What is no record's fault (`blame`) ends the task: MemoryError and OSError as they are, anything
else as StageError.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from pipeline.engine.work.blame import describe, is_ours
from pipeline.engine.work.child import ChildFailed
from pipeline.engine.work.isolation import IsolatedStage
from pipeline.engine.work.patience import PATIENCE, Patience
from pipeline.engine.work.task import Limits, StageRef
from pipeline.engine.work.watchdog import watchdog
from schemas.quarantine import ERROR, TIMEOUT
from stages.errors import StageError
from stages.kernels.ahead import compile_imported

SUSPICIOUS_RECORDS = 10
"""If at least so many records raised and none did not, it was not the records."""


@dataclass(frozen=True)
class Failure:
    """Why a record was quarantined: `error`, `crash` or `timeout`."""

    reason: str
    error: str


class Guard:
    """One method of a stage (`process` or `convert`), guarded.

    `since` is the process's CPU time when the task began, of a worker's first task of a step: then
    the first record goes alone, and `loading_seconds` is what had been spent when it was done, less
    what a record of so many bytes takes.
    """

    def __init__(
        self,
        stage: StageRef,
        method: str,
        limits: Limits,
        isolate: bool,
        patience: Patience | None = None,
        since: float | None = None,
    ) -> None:
        self._since = since if not isolate else None
        self.loading_seconds: float | None = None
        self._name = f"{stage.target}.{method}"
        self._limits = limits
        self._patience = patience or Patience(limits)
        self._child = IsolatedStage(stage, method) if isolate else None
        self._method: Callable[[pa.RecordBatch], pa.RecordBatch] | None = None
        if not isolate:
            self._method = getattr(stage.load(), method)
            compile_imported()

    def __call__(self, batch: pa.RecordBatch) -> tuple[list[pa.RecordBatch], dict[int, Failure]]:
        """Results for the good rows, in order, and row → failure for the others."""
        results: list[pa.RecordBatch] = []
        failures: dict[int, Failure] = {}
        if batch.num_rows > 1 and self._since is not None:
            self._solve(batch.slice(0, 1), 0, results, failures)
            loaded = time.process_time()
            self._solve(batch.slice(1), 1, results, failures)
            share = batch.slice(0, 1).nbytes / max(batch.slice(1).nbytes, 1)
            one = share * (time.process_time() - loaded)
            self.loading_seconds = max(loaded - self._since - one, 0.0)
            self._since = None
        elif batch.num_rows:
            self._solve(batch, 0, results, failures)
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
        n = batch.num_rows
        if n > 1 and self._child is not None and not self._patience.covers(self._seconds(n)):
            answer: pa.RecordBatch | Failure = Failure(TIMEOUT, "no time left for whole batches")
        else:
            answer = self._try(batch)
        if isinstance(answer, pa.RecordBatch):
            if answer.num_rows != n:
                raise StageError(f"{self._name} returned {answer.num_rows} rows for {n}")
            results.append(answer)
        elif n == 1:
            failures[start] = answer
        else:
            size = (n + 1) // 2 if answer.reason == ERROR else 1
            for first in range(0, n, size):
                self._solve(batch.slice(first, size), start + first, results, failures)

    def _seconds(self, rows: int) -> float:
        alone = rows == 1 and self._child is not None
        return self._limits.seconds(rows) * (PATIENCE if alone else 1)

    def _try(self, batch: pa.RecordBatch) -> pa.RecordBatch | Failure:
        if self._child is not None:
            return self._try_isolated(self._child, batch)
        assert self._method is not None
        try:
            with watchdog(self._seconds(batch.num_rows)):
                return self._method(batch)
        except (MemoryError, OSError) as error:
            if is_ours(error):
                raise
            return Failure(ERROR, describe(error))
        except Exception as error:
            if is_ours(error):
                raise StageError(f"{self._name}: {describe(error)}") from error
            return Failure(ERROR, describe(error))

    def _try_isolated(
        self, child: IsolatedStage, batch: pa.RecordBatch
    ) -> pa.RecordBatch | Failure:
        limit = self._patience.limit(self._seconds(batch.num_rows))
        try:
            return child.call(batch, limit)
        except ChildFailed as error:
            if error.reason == TIMEOUT:
                self._patience.lose(limit)
            return Failure(error.reason, str(error))
