"""Where tasks run: what `--address` means."""

import os
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self

from pipeline.configuration import Config
from pipeline.engine.executor import Executor, LocalExecutor, Preparing, Resources
from pipeline.engine.work.task import Outcome, Task
from pipeline.storage.storage import Storage

LOCAL = "local"
"""This process, no Ray."""


class Deferred:
    """An executor that is made when the first task comes: importing Ray takes longer than finding
    out that nothing is to be done."""

    def __init__(self, make: Callable[[], Executor]) -> None:
        self._make = make
        self._made: Executor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._made is not None:
            self._made.__exit__(kind, error, trace)

    @property
    def _executor(self) -> Executor:
        if self._made is None:
            self._made = self._make().__enter__()
        return self._made

    @property
    def n_workers(self) -> int:
        return self._executor.n_workers

    def prepare(self, preparing: Preparing) -> None:
        self._executor.prepare(preparing)

    def run(
        self, tasks: Iterable[Task], resources: Resources
    ) -> Iterator[tuple[Task, Outcome] | None]:
        return self._executor.run(tasks, resources)

    def standing_still(self, seconds: float) -> list[str]:
        return self._executor.standing_still(seconds)


def open_executor(
    config: Config, storage: Storage, address: str | None, workers: int | None
) -> Executor:
    """The executor behind an address: None (RAY_ADDRESS if set, else a private local Ray),
    `auto`, `ray://…`, or `local`. A cluster is asked at once, a private Ray starts when needed."""
    attempts = config.engine.max_attempts
    if address == LOCAL:
        return LocalExecutor(storage, attempts)
    address = address or os.environ.get("RAY_ADDRESS")

    def on_ray() -> Executor:
        from pipeline.engine.ray.executor import RayExecutor  # noqa: PLC0415 - Ray costs a second to import

        return RayExecutor(
            storage, attempts, address, workers or config.engine.workers, config.engine.window
        )

    return Deferred(on_ray) if address is None else on_ray()
