"""Where tasks run: in this process here, on Ray in `ray.executor`.

Both take a stream of tasks, keep a bounded window of them in flight, and yield each with its
outcome in order of completion, and None when a second has passed without one. What a failure
means is decided here, once: a dead worker is retried, then isolated; an I/O error is retried;
anything else is a bug and ends the run.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Protocol, Self

from pipeline.engine.work.task import Outcome, Task, run_task
from pipeline.storage.credentials import without_credentials
from pipeline.storage.storage import Storage
from stages.errors import StageError

log = logging.getLogger("sluice")


@dataclass(frozen=True)
class Resources:
    """What one task of a stage may use, for the scheduler."""

    cpus: float = 1.0
    memory_bytes: int = 0


TICK_SECONDS = 1.0
"""The driver gets a turn this often while no task ends."""


Preparing = Callable[[str, int, int], None]
"""Is told what is being prepared, how many of it are, and how many there will be."""


class Executor(AbstractContextManager["Executor"], Protocol):
    """Runs tasks; started when the first task comes, ended with the context."""

    @property
    def n_workers(self) -> int: ...

    def prepare(self, preparing: Preparing) -> None:
        """Start what runs tasks; nothing if it runs."""

    def run(
        self, tasks: Iterable[Task], resources: Resources
    ) -> Iterator[tuple[Task, Outcome] | None]: ...

    def standing_still(self, seconds: float) -> list[str]:
        """What to say of workers that have not moved for so long. Asked while no task ends."""


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

    def prepare(self, preparing: Preparing) -> None:
        """This process is there, and compiles a kernel when it calls it."""

    def standing_still(self, seconds: float) -> list[str]:
        """Nobody is left to ask while this process works."""
        return []

    def run(self, tasks: Iterable[Task], resources: Resources) -> Iterator[tuple[Task, Outcome]]:
        for task in tasks:
            mark = f"scratch/attempts/{task.step}-{task.key}"
            isolate = self._storage.exists(mark)
            self._storage.write(mark, b"")
            done = self._attempt(replace(task, isolate=isolate))
            self._storage.delete(mark)
            yield done

    def _attempt(self, task: Task) -> tuple[Task, Outcome]:
        while True:
            try:
                return task, run_task(self._storage, task)
            except OSError as error:
                task = after_io_error(task, error, self._max_attempts)
            except StageError as error:
                raise StageError(failed(task, str(error))) from error
            except MemoryError as error:
                why = f"not enough memory ({error})" if str(error) else "not enough memory"
                raise StageError(failed(task, why)) from error


def again(task: Task, why: str, max_attempts: int, *, isolate: bool = False) -> Task:
    """The task's next attempt; StageError after the last."""
    why = without_credentials(why)
    if task.attempt + 1 >= max_attempts:
        raise StageError(failed(task, f"{task.attempt + 1} attempts; the last: {why}"))
    log.warning("%s shard %s: attempt %d: %s", task.step, task.key, task.attempt + 1, why)
    return replace(task, attempt=task.attempt + 1, isolate=task.isolate or isolate)


def after_crash(task: Task, why: str, max_attempts: int) -> Task:
    """The next attempt of a task whose worker died: a worker may die of something else once, so
    the attempt after the second death, and the last in any case, is isolated."""
    isolate = task.attempt >= 1 or task.attempt + 2 == max_attempts
    return again(task, why, max_attempts, isolate=isolate)


def after_io_error(task: Task, error: OSError, max_attempts: int) -> Task:
    """The next attempt after a pause that doubles."""
    retry = again(task, f"{type(error).__name__}: {error}", max_attempts)
    time.sleep(0.2 * 2**task.attempt)
    return retry


def failed(task: Task, why: str) -> str:
    """The message of a failed stage: which, on what, why, and how to go on."""
    return f"{task.step} failed on shard {task.key}: {without_credentials(why)}"
