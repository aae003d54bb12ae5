"""Where tasks run: what `--address` means."""

import os

from pipeline.configuration import Config
from pipeline.engine.executor import Executor, LocalExecutor
from pipeline.storage.storage import Storage

LOCAL = "local"
"""This process, no Ray."""


def open_executor(
    config: Config, storage: Storage, address: str | None, workers: int | None
) -> Executor:
    """The executor behind an address: None (RAY_ADDRESS if set, else a private local Ray),
    `auto`, `ray://…`, or `local`."""
    attempts = config.engine.max_attempts
    if address == LOCAL:
        return LocalExecutor(storage, attempts)
    from pipeline.engine.ray_executor import RayExecutor  # noqa: PLC0415 - Ray costs a second to import

    address = address or os.environ.get("RAY_ADDRESS")
    return RayExecutor(
        storage, attempts, address, workers or config.engine.workers, config.engine.window
    )
