"""One driver at a time: on a disk a kernel lock on `RUN/lock`, gone the moment the driver dies; on
a store a lease (`pipeline.storage.object_stores.lease`).

The file's content names the holder and counts generations; what a driver's workers write carries
its generation. Workers never inherit the lock (the descriptor is closed on exec).
"""

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.storage.json_files import DAMAGED
from pipeline.storage.storage import LocalStorage, Storage
from stages.errors import StorageError

WAIT_SECONDS = 30.0
LOCK_BYTES = 512
"""A holder with the longest host name, padded with spaces."""


@dataclass(frozen=True)
class Held:
    """A run folder that this driver holds."""

    generation: int
    storage: Storage
    """Through which the driver, and no worker, changes the run."""


@contextmanager
def hold(storage: Storage, *, wait_seconds: float = WAIT_SECONDS) -> Iterator[Held]:
    """Hold the run folder, wherever it lies.

    Waits up to `wait_seconds` for another driver to end, then raises StorageError naming it.
    """
    if isinstance(storage, LocalStorage):
        with run_lock(storage.root, wait_seconds=wait_seconds) as generation:
            yield Held(generation, storage)
        return
    from pipeline.storage.object_stores.lease import hold_lease  # noqa: PLC0415 - for stores alone
    from pipeline.storage.object_stores.object_storage import ObjectStorage  # noqa: PLC0415

    assert isinstance(storage, ObjectStorage)
    with hold_lease(storage, wait_seconds=wait_seconds) as leased:
        yield Held(leased.generation, leased)


@contextmanager
def run_lock(run: Path, *, wait_seconds: float = WAIT_SECONDS) -> Iterator[int]:
    """Hold a run folder on a disk; yields this driver's generation (1, 2, …)."""
    run.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(run / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _acquire(descriptor, run, wait_seconds)
        generation = _last_generation(descriptor, run) + 1
        holder = {
            "generation": generation,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        # In place and of one length: a full disk must not cost the count of generations.
        os.pwrite(descriptor, json.dumps(holder).encode().ljust(LOCK_BYTES), 0)
        os.fsync(descriptor)
        yield generation
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, run: Path, wait_seconds: float) -> None:
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                holder = _holder(descriptor)
                raise StorageError(
                    f"{run} is in use by process {holder.get('pid')} on {holder.get('host')} "
                    f"since {holder.get('since')}; one driver at a time"
                ) from None
            time.sleep(0.2)
        else:
            return


def _last_generation(descriptor: int, run: Path) -> int:
    """The number of the last driver, 0 if there was none: what its workers, which may outlive it,
    write must not be taken for ours."""
    if not os.pread(descriptor, LOCK_BYTES, 0).strip():
        return 0
    try:
        return int(_holder(descriptor)["generation"])
    except DAMAGED as error:
        raise StorageError(f"{run}/lock is damaged; delete it if no driver runs there") from error


def _holder(descriptor: int) -> dict[str, Any]:
    try:
        content = json.loads(os.pread(descriptor, 4096, 0) or b"{}")
    except DAMAGED:
        return {}
    return content if isinstance(content, dict) else {}
