"""The gate of a whole cluster: one actor a service, whom every worker asks before a request.

An actor holds no file locks, so a connection is a lease: who dies with one gives it back after
three minutes. The actor belongs to the process that asked first; should that end, the next one
makes another, which knows of no leases, so for three minutes there may be more connections.

Cost: two calls of 1 ms for a request of up to 32 MiB.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import ray
import ray.exceptions

from pipeline.storage.politeness.gate import Connection
from pipeline.storage.politeness.pace import Pace
from pipeline.storage.politeness.service import Service
from stages.errors import BlockedError

NAMESPACE = "sluice"
LEASE_SECONDS = 180.0
"""Longer than a request may take."""
TURN_SECONDS = 10.0
"""A call answers within that time; who still waits asks again. The dead do not."""
LOOK_SECONDS = 0.02
WAITING = 20_000
"""Workers that may wait at once."""


class Book:
    """Who holds a connection, at what pace, and which runs are blocked."""

    def __init__(self) -> None:
        self._leases: dict[int, float] = {}
        self._numbers = itertools.count(1)
        self._pace = Pace()
        self._blocked: dict[str, str] = {}

    def take(self, run: str, limit: int, now: float, apart_seconds: float = 0.0) -> int | None:
        """A connection, or None; BlockedError if this run is blocked."""
        if run in self._blocked:
            raise BlockedError(self._blocked[run])
        self._leases = {one: ends for one, ends in self._leases.items() if ends > now}
        if len(self._leases) >= limit or self._pace.wait(now, apart_seconds):
            return None
        number = next(self._numbers)
        self._leases[number] = now + LEASE_SECONDS
        return number

    def renew(self, number: int, now: float) -> None:
        if number in self._leases:
            self._leases[number] = now + LEASE_SECONDS

    def give_back(self, number: int) -> None:
        self._leases.pop(number, None)

    def slow_down(self, seconds: float | None, now: float) -> None:
        self._pace.slow_down(now, seconds)

    def block(self, run: str, why: str) -> None:
        self._blocked[run] = why


class Clerk:
    """The actor: the book, and a queue before it."""

    def __init__(self) -> None:
        self._book = Book()
        self._queue = asyncio.Lock()

    async def take(self, run: str, service: Service) -> int | str | None:
        """A connection's number, why the run is blocked, or None: ask again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(TURN_SECONDS), self._queue:
                while True:
                    try:
                        number = self._book.take(
                            run, service.connections, time.time(), service.apart_seconds
                        )
                    except BlockedError as error:
                        return str(error)
                    if number is not None:
                        return number
                    await asyncio.sleep(LOOK_SECONDS)
        return None

    async def renew(self, number: int) -> None:
        self._book.renew(number, time.time())

    async def give_back(self, number: int) -> None:
        self._book.give_back(number)

    async def slow_down(self, seconds: float | None) -> None:
        self._book.slow_down(seconds, time.time())

    async def block(self, run: str, why: str) -> None:
        self._book.block(run, why)


class ClusterGate:
    """A worker's side."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._run = str(ray.get_runtime_context().get_job_id())

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        number: int | str | None = None
        while number is None:
            number = self._ask(lambda clerk: clerk.take.remote(self._run, self._service))
        if isinstance(number, str):
            raise BlockedError(number)
        held = _Lease(self._ask, number)
        try:
            yield held
        finally:
            self._ask(lambda clerk: clerk.give_back.remote(number))

    def slow_down(self, seconds: float | None) -> None:
        self._ask(lambda clerk: clerk.slow_down.remote(seconds))

    def block(self, why: str) -> None:
        self._ask(lambda clerk: clerk.block.remote(self._run, why))

    def _ask(self, question: Callable[[Any], Any]) -> Any:
        """The actor's answer; it is made where there is none."""
        while True:
            try:
                return ray.get(question(_clerk(self._service.name)))
            except ray.exceptions.RayActorError:
                _clerk.cache_clear()
                time.sleep(LOOK_SECONDS)


class _Lease:
    def __init__(self, ask: Callable[[Callable[[Any], Any]], Any], number: int) -> None:
        self._ask = ask
        self._number = number
        self._renewed = time.monotonic()

    def renew(self) -> None:
        if time.monotonic() - self._renewed > LEASE_SECONDS / 3:
            self._ask(lambda clerk: clerk.renew.remote(self._number))
            self._renewed = time.monotonic()


@cache
def _clerk(name: str) -> Any:
    return (
        ray.remote(Clerk)
        .options(
            name=name,
            namespace=NAMESPACE,
            get_if_exists=True,
            num_cpus=0,
            max_concurrency=WAITING,
        )
        .remote()
    )
