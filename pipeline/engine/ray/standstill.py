"""Workers that do nothing though they have a task: stopped by a signal, waiting for a disk that
does not answer, or for each other.

A record that hangs ends its worker, but a worker that gets no turn cannot end itself, and its run
would wait for it without a word. On this machine a worker stands still if it uses no CPU time;
of another machine only that no task ends can be seen.
"""

import os
import time
from collections.abc import Callable, Iterable

from pipeline.engine.ray.processes import STOPPED, Process, descendants

LOOK_SECONDS = 5.0
WORKING = "ray::run_task"
"""How Ray calls a worker that is at a task."""
IDLE_SHARE = 0.02
"""Of a core: what a worker's own housekeeping may use while its task does nothing."""


def _workers() -> list[Process]:
    return [one for one in descendants(os.getpid()) if one.title.startswith(WORKING)]


class Standstill:
    """Watches the workers that descend from this process."""

    def __init__(
        self,
        workers: Callable[[], Iterable[Process]] = _workers,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workers = workers
        self._clock = clock
        self._looked = clock()
        self._since: dict[int, tuple[float, float]] = {}
        self._told: dict[int, float] = {}

    def look(self, seconds: float) -> list[str]:
        """What to say of workers that have stood still for so long; of each again when it has
        been twice as long. Looks every five seconds."""
        now = self._clock()
        if now - self._looked < LOOK_SECONDS:
            return []
        self._looked = now
        workers = list(self._workers())
        pids = {worker.pid for worker in workers}
        self._since = {pid: since for pid, since in self._since.items() if pid in pids}
        self._told = {pid: told for pid, told in self._told.items() if pid in pids}
        return [line for worker in workers if (line := self._judge(worker, now, seconds))]

    def _judge(self, worker: Process, now: float, seconds: float) -> str | None:
        since, cpu = self._since.setdefault(worker.pid, (now, worker.cpu_seconds))
        still = now - since
        if worker.cpu_seconds - cpu > IDLE_SHARE * still:
            self._since[worker.pid] = now, worker.cpu_seconds
            self._told.pop(worker.pid, None)
            return None
        if still < max(seconds, 2 * self._told.get(worker.pid, 0.0)):
            return None
        self._told[worker.pid] = still
        why = ", stopped by a signal" if worker.state == STOPPED else ""
        return (
            f"worker {worker.pid} has stood still for {still:.0f} s{why}; if it is killed, its "
            "task is tried again"
        )


class Silence:
    """Notices that no task has ended for long; all that can be seen of a cluster."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.ended()

    def ended(self) -> None:
        """A task has."""
        self._since, self._told = self._clock(), 0.0

    def look(self, seconds: float, n_tasks: int) -> list[str]:
        """What to say if none has for so long; again when it has been twice as long."""
        silent = self._clock() - self._since
        if silent < max(seconds, 2 * self._told):
            return []
        self._told = silent
        return [f"none of {n_tasks} tasks has ended for {silent:.0f} s"]
