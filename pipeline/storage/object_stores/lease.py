"""One driver at a time on a store: a lease object `lock` that its holder keeps renewing.

The holder writes it anew every 10 s, from a thread; one that was not renewed for 30 s may be taken
over. Who writes first wins, because a put is conditional (If-None-Match for a new lease, If-Match
for a renewal or take-over); where a store offers no conditions, a taker waits a moment and reads
back whose lease it is. Ages are the store's own (Date less Last-Modified) or a waiter's
observation, so no clocks are compared.

A holder that was suspended, or cut off, for longer than a lease lives asks the store before it
changes anything: `check` renews, or raises StorageError because another driver took over.
"""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pipeline.storage.json_files import DAMAGED
from pipeline.storage.object_stores.object_storage import ObjectStorage
from pipeline.storage.object_stores.retry import Transient
from pipeline.storage.object_stores.store import ConditionFailed
from stages.errors import StorageError

LOCK = "lock"
RELEASE_SECONDS = 5.0
"""A lease that cannot be given back in so long goes stale by itself."""


@dataclass(frozen=True)
class Timing:
    """Of leases, in seconds. All drivers of a run must agree on `stale`."""

    renew: float = 10.0
    stale: float = 30.0
    poll: float = 1.0
    settle: float = 1.0
    """Before a lease is read back, where the store offers no conditions."""


TIMING = Timing()


@dataclass(frozen=True)
class _Seen:
    """A lease as it was read."""

    content: dict[str, Any]
    etag: str
    age_seconds: float | None

    @property
    def generation(self) -> int:
        return int(self.content["generation"])

    def __str__(self) -> str:
        content = self.content
        return f"process {content.get('pid')} on {content.get('host')} since {content.get('since')}"


class Lease:
    """A lease that is held: renewed by a thread until it is released or lost."""

    def __init__(
        self, storage: ObjectStorage, content: dict[str, Any], etag: str, timing: Timing
    ) -> None:
        self.generation = int(content["generation"])
        self._storage = storage
        self._content = content
        self._etag = etag
        self._timing = timing
        self._renewed = time.monotonic()
        self._lost: str | None = None
        self._mutex = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """StorageError if another driver has the run."""
        if self._lost is None and time.monotonic() - self._renewed > self._timing.stale / 2:
            self._storage.call(LOCK, self._renew)
        if self._lost is not None:
            raise StorageError(
                f"{self._storage.url}: the lease was lost to {self._lost}; this driver stops"
            )

    def release(self) -> None:
        """Stop renewing and let the next driver in at once."""
        self._ended.set()
        self._thread.join()
        with self._mutex:
            if self._lost is None:
                released = {**self._content, "released": True}
                hurried = replace(self._storage.retry, patience_seconds=RELEASE_SECONDS)
                try:
                    hurried.call(LOCK, lambda: self._put(released))
                except (ConditionFailed, StorageError, OSError):
                    return  # it goes stale by itself

    def _keep(self) -> None:
        while not self._ended.wait(self._timing.renew) and self._lost is None:
            try:
                self._renew()
            except (Transient, StorageError, OSError):
                continue  # the store is away; `check` insists before anything is changed

    def _renew(self) -> None:
        with self._mutex:
            if self._ended.is_set() or self._lost is not None:
                return
            began = time.monotonic()
            content = {**self._content, "renewals": self._content["renewals"] + 1}
            try:
                self._put(content)
            except (ConditionFailed, FileNotFoundError):
                seen = _read(self._storage)
                if seen is None or seen.content.get("holder") != content["holder"]:
                    self._lost = str(seen) if seen is not None else "nobody: the lock was deleted"
                    return
                # Our own put, whose answer was lost.
                self._content, self._etag = seen.content, seen.etag
            self._renewed = began

    def _put(self, content: dict[str, Any]) -> None:
        self._etag = _put(self._storage, content, self._etag)
        self._content = content


@dataclass(frozen=True)
class LeasedStorage(ObjectStorage):
    """A driver's view of its run folder: it changes nothing once its lease is lost."""

    lease: Lease | None = None

    @property
    def generation(self) -> int:
        """The driver's number."""
        assert self.lease is not None
        return self.lease.generation

    def before_change(self) -> None:
        if self.lease is not None:
            self.lease.check()


@contextmanager
def hold_lease(
    storage: ObjectStorage, *, wait_seconds: float, timing: Timing = TIMING
) -> Iterator[LeasedStorage]:
    """Hold the run folder; yields the storage through which the driver may change it.

    Waits up to `wait_seconds` for another driver's lease to end or go stale, then raises
    StorageError naming the holder.
    """
    lease = _acquire(storage, wait_seconds, timing)
    try:
        yield LeasedStorage(storage.store, storage.prefix, storage.retry, lease)
    finally:
        lease.release()


def _acquire(storage: ObjectStorage, wait_seconds: float, timing: Timing) -> Lease:
    watched = storage.call(LOCK, lambda: _read(storage))
    unchanged_since = time.monotonic()
    deadline = unchanged_since + wait_seconds
    while True:
        seen = storage.call(LOCK, lambda: _read(storage))
        now = time.monotonic()
        if seen is None or watched is None or seen.etag != watched.etag:
            watched, unchanged_since = seen, now
        if seen is None or _is_free(seen, now - unchanged_since, timing):
            lease = _take(storage, seen, timing)
            if lease is not None:
                return lease
        elif now >= deadline:
            raise StorageError(f"{storage.url} is in use by {seen}; one driver at a time")
        time.sleep(timing.poll)


def _is_free(seen: _Seen, watched_seconds: float, timing: Timing) -> bool:
    if seen.content.get("released"):
        return True
    # The store's Last-Modified has whole seconds: one second may be lost to rounding.
    age = -1.0 if seen.age_seconds is None else seen.age_seconds - 1.0
    return max(age, watched_seconds) >= timing.stale


def _take(storage: ObjectStorage, seen: _Seen | None, timing: Timing) -> Lease | None:
    """The lease, or None if another driver was quicker."""
    content = {
        "generation": 1 + (seen.generation if seen is not None else 0),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
        "holder": secrets.token_hex(16),
        "renewals": 0,
    }
    expected = None if seen is None else seen.etag
    try:
        etag = storage.call(LOCK, lambda: _put(storage, content, expected))
    except (ConditionFailed, FileNotFoundError):
        etag = ""
    if not etag or not storage.store.conditional:
        if not storage.store.conditional:
            time.sleep(timing.settle)
        found = storage.call(LOCK, lambda: _read(storage))
        if found is None or found.content.get("holder") != content["holder"]:
            return None
        etag = found.etag
    return Lease(storage, content, etag, timing)


def _put(storage: ObjectStorage, content: dict[str, Any], expected: str | None) -> str:
    data = json.dumps(content).encode()
    key = storage.key(LOCK)
    if expected is None:
        return storage.store.put(key, data, if_absent=True)
    return storage.store.put(key, data, if_match=expected)


def _read(storage: ObjectStorage) -> _Seen | None:
    try:
        data, info = storage.store.get_all(storage.key(LOCK))
    except FileNotFoundError:
        return None
    try:
        content = dict(json.loads(data))
        content["generation"] = int(content["generation"])
    except DAMAGED as error:
        where = f"{storage.url}/{LOCK}"
        raise StorageError(f"{where} is damaged; delete it if no driver runs there") from error
    return _Seen(content, info.etag, info.age_seconds)
