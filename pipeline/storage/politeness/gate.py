"""One limit for all that ask a service together: so many connections, one pace.

Without Ray a connection is a kernel lock on a file that all processes of this machine share, gone
the moment its holder dies. On Ray, `cluster_gate` asks an actor. A process whose parent holds a
connection for it (a child that reads in isolation) keeps the pace by itself.
"""

import atexit
import fcntl
import os
import shutil
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Protocol

from pipeline.storage.politeness.pace import Pace
from pipeline.storage.politeness.service import Service
from pipeline.storage.shared_folder import shared_folder
from stages.errors import BlockedError

LOOK_SECONDS = 0.03
"""How often a waiting process looks for a free connection."""
LONGEST_SLEEP_SECONDS = 0.5
"""Who was blocked meanwhile learns of it within that time."""
_MOMENTS = struct.Struct("<dd")


class Connection(Protocol):
    """One of the few; whoever holds it for minutes says so now and then."""

    def renew(self) -> None: ...


class Gate(Protocol):
    """Lets requests through."""

    def connection(self) -> AbstractContextManager[Connection]:
        """Waits for its turn. BlockedError once somebody was blocked."""
        ...

    def slow_down(self, seconds: float | None) -> None:
        """A request was refused; everybody waits."""
        ...

    def block(self, why: str) -> None:
        """The server blocks us: no request of this run is made any more."""
        ...


def open_gate(service: Service) -> Gate:
    """The gate that this process shares with all others."""
    ray = sys.modules.get("ray")
    if ray is not None and ray.is_initialized():
        from pipeline.storage.politeness.cluster_gate import ClusterGate  # noqa: PLC0415

        return ClusterGate(service)
    return FileGate(service, shared_folder(service.name))


class FileGate:
    """All processes of this machine, by locks on files; those of this process alone, where the
    shared folder cannot be trusted."""

    def __init__(self, service: Service, folder: Path | None) -> None:
        self._folder = folder or _own_folder(service.name)
        self._service = service
        self._blocked = ""

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        descriptor = self._acquire()
        try:
            yield Held()
        finally:
            os.close(descriptor)

    def _acquire(self) -> int:
        while True:
            if self._blocked:
                raise BlockedError(self._blocked)
            descriptor = self._free_connection()
            wait = LOOK_SECONDS
            if descriptor is not None:
                with self._pace() as pace:
                    wait = pace.wait(time.time(), self._service.apart_seconds)
                if not wait:
                    return descriptor
                os.close(descriptor)
            time.sleep(min(wait, LONGEST_SLEEP_SECONDS))

    def _free_connection(self) -> int | None:
        for number in range(self._service.connections):
            descriptor = self._open(f"connection-{number}")
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            else:
                return descriptor
        return None

    def slow_down(self, seconds: float | None) -> None:
        with self._pace() as pace:
            pace.slow_down(time.time(), seconds)

    def block(self, why: str) -> None:
        self._blocked = why

    @contextmanager
    def _pace(self) -> Iterator[Pace]:
        """The common pace, while nobody else looks at it."""
        descriptor = self._open("pace")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            before = os.pread(descriptor, _MOMENTS.size, 0)
            pace = Pace(*_MOMENTS.unpack(before)) if len(before) == _MOMENTS.size else Pace()
            yield pace
            os.pwrite(descriptor, _MOMENTS.pack(pace.not_before, pace.slow_until), 0)
        finally:
            os.close(descriptor)

    def _open(self, name: str) -> int:
        return os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


@cache
def _own_folder(name: str) -> Path:
    folder = tempfile.mkdtemp(prefix=f"sluice-{name}-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


class OwnGate:
    """The gate of a process for which another one holds a connection."""

    def __init__(self) -> None:
        self._state = Pace()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        while wait := self._state.wait(time.time()):
            time.sleep(wait)
        yield Held()

    def slow_down(self, seconds: float | None) -> None:
        self._state.slow_down(time.time(), seconds)

    def block(self, why: str) -> None:
        """The error itself reaches the process that holds the connection."""


class Held:
    """A connection that nobody takes away."""

    def renew(self) -> None:
        """A lock needs no renewing."""
