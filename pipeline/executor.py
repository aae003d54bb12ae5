"""Where tasks run: in this process, or on Ray.

Both take a stream of tasks, keep a bounded window of them in flight, and yield each with its
outcome in order of completion. What a failure means is decided here, once: a dead worker is
retried, then isolated; an I/O error is retried; anything else is a bug and ends the run.
"""

import logging
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Protocol, Self

from pipeline.storage import Storage
from pipeline.work.task import Outcome, Task, run_task
from stages.errors import StageError

log = logging.getLogger("sluice")

SHIPPED = ("schemas", "stages", "pipeline", "seeds")
"""What travels to a cluster's workers: our modules, never an environment or a run folder."""

OBJECT_STORE_BYTES = 128 << 20
"""Tasks and outcomes are small; data goes through storage."""


@dataclass(frozen=True)
class Resources:
    """What one task of a stage may use, for the scheduler."""

    cpus: float = 1.0
    memory_bytes: int = 0


class Executor(AbstractContextManager["Executor"], Protocol):
    """Runs tasks; started when the first task comes, ended with the context."""

    @property
    def n_workers(self) -> int: ...

    def run(
        self, tasks: Iterable[Task], resources: Resources
    ) -> Iterator[tuple[Task, Outcome]]: ...


class LocalExecutor:
    """One task at a time, in this process (`--address local`).

    A task that killed an earlier process leaves a mark in `scratch/attempts`, and is isolated
    when it is met again.
    """

    n_workers = 1

    def __init__(self, storage: Storage, max_attempts: int) -> None:
        self._storage = storage
        self._max_attempts = max_attempts

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def run(self, tasks: Iterable[Task], resources: Resources) -> Iterator[tuple[Task, Outcome]]:
        for task in tasks:
            mark = f"scratch/attempts/{task.step}-{task.key}"
            isolate = self._storage.exists(mark)
            self._storage.write(mark, b"")
            outcome = self._attempt(replace(task, isolate=isolate))
            self._storage.delete(mark)
            yield task, outcome

    def _attempt(self, task: Task) -> Outcome:
        while True:
            try:
                return run_task(self._storage, task)
            except OSError as error:
                task = _after_io_error(task, error, self._max_attempts)


class RayExecutor:
    """Ray Core tasks: a private local Ray, or a cluster."""

    def __init__(
        self, storage: Storage, max_attempts: int, address: str | None, workers: int | None
    ) -> None:
        self._storage = storage
        self._max_attempts = max_attempts
        self._address = address
        self._workers = workers
        self._started = False
        self._function: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._started:
            import ray

            ray.shutdown()
            self._started = False

    @property
    def n_workers(self) -> int:
        self._start()
        import ray

        return max(1, int(ray.cluster_resources().get("CPU", 1)))

    def _start(self) -> None:
        if self._started:
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        import ray

        options: dict[str, Any] = {
            "include_dashboard": False,
            "log_to_driver": False,
            "logging_level": logging.ERROR,
            "configure_logging": False,
        }
        if self._address is None:
            ray.init(
                address="local",
                num_cpus=self._workers,
                object_store_memory=OBJECT_STORE_BYTES,
                **options,
            )
        else:
            ray.init(
                address=self._address, runtime_env={"py_modules": _shipped_modules()}, **options
            )
        self._started = True
        self._function = ray.remote(max_retries=0)(run_task)

    def run(self, tasks: Iterable[Task], resources: Resources) -> Iterator[tuple[Task, Outcome]]:
        self._start()
        import ray

        window = 2 * (self._workers or self.n_workers)
        queue = iter(tasks)
        flying: dict[Any, Task] = {}
        storage = ray.put(self._storage)
        remote = self._function.options(
            num_cpus=resources.cpus, memory=resources.memory_bytes or None
        )
        while True:
            while len(flying) < window and (task := next(queue, None)) is not None:
                flying[remote.remote(storage, task)] = task
            if not flying:
                return
            done, _ = ray.wait(list(flying), num_returns=1)
            task = flying.pop(done[0])
            answer = self._fetch(done[0], task)
            if isinstance(answer, Task):
                flying[remote.remote(storage, answer)] = answer
            else:
                yield task, answer

    def _fetch(self, reference: Any, task: Task) -> Outcome | Task:
        """The task's outcome, or the task to send again."""
        import ray

        try:
            outcome: Outcome = ray.get(reference)
        except (ray.exceptions.NodeDiedError, ray.exceptions.OutOfMemoryError) as error:
            return _again(task, str(error).splitlines()[0], self._max_attempts, isolate=False)
        except ray.exceptions.WorkerCrashedError as error:
            isolate = task.attempt >= 1
            return _again(task, str(error).splitlines()[0], self._max_attempts, isolate=isolate)
        except ray.exceptions.RayTaskError as error:
            cause = error.as_instanceof_cause()
            if isinstance(cause, OSError):
                return _after_io_error(task, cause, self._max_attempts)
            if isinstance(cause, StageError):
                raise StageError(_failed(task, str(error.cause))) from error
            raise StageError(_failed(task, str(error))) from error
        return outcome


def _shipped_modules() -> list[str]:
    import importlib.util

    folders = []
    for name in SHIPPED:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.submodule_search_locations is not None
        folders.append(next(iter(spec.submodule_search_locations)))
    return folders


def _again(task: Task, why: str, max_attempts: int, *, isolate: bool) -> Task:
    if task.attempt + 1 >= max_attempts + 1:
        raise StageError(_failed(task, f"{max_attempts + 1} attempts; the last: {why}"))
    log.warning("%s shard %s: attempt %d: %s", task.step, task.key, task.attempt + 1, why)
    return replace(task, attempt=task.attempt + 1, isolate=task.isolate or isolate)


def _after_io_error(task: Task, error: OSError, max_attempts: int) -> Task:
    again = _again(task, f"{type(error).__name__}: {error}", max_attempts, isolate=False)
    time.sleep(0.2 * 2**task.attempt)
    return again


def _failed(task: Task, why: str) -> str:
    return f"{task.step} failed on shard {task.key}: {why}\nrun the same command to resume"
