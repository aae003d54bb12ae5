"""What each step of a run takes: time, and the most memory that a worker and the driver hold."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.engine.runner import Monitor
from pipeline.engine.work.task import Outcome

MIB = 1 << 20


@dataclass
class StepCost:
    """What one step took."""

    step: str
    tasks: int = 0
    rows: int = 0
    written: int = 0
    cpu_seconds: float = 0.0
    seconds: float = 0.0
    worker_bytes: int = 0
    """The most any worker held during the step."""
    driver_bytes: int = 0


@dataclass
class Meter(Monitor):
    """Measures each step. Peaks are the kernel's (`VmHWM`), set back as a step begins."""

    costs: list[StepCost] = field(default_factory=list)
    show: bool = True

    def step_started(self, step: str, n_tasks: int, n_stale: int) -> None:
        for process in (os.getpid(), *_descendants()):
            _reset_peak(process)
        self.costs.append(StepCost(step))
        self._started = time.monotonic()

    def task_done(self, step: str, key: str, outcome: Outcome) -> None:
        cost = self.costs[-1]
        cost.tasks += 1
        cost.rows += outcome.result.records
        cost.written += outcome.result.written.size
        cost.cpu_seconds += outcome.cpu_seconds
        cost.worker_bytes = max(cost.worker_bytes, outcome.peak_bytes or 0)

    def step_ended(self, step: str) -> None:
        cost = self.costs[-1]
        cost.seconds = time.monotonic() - self._started
        cost.driver_bytes = _peak()
        if self.show:
            print(
                f"{cost.step.rpartition('.')[2]:<20} {cost.tasks:>6,} {cost.rows:>12,} "
                f"{cost.seconds:>8.1f} {cost.cpu_seconds:>8.1f} "
                f"{cost.rows / max(cost.cpu_seconds, 1e-9):>12,.0f} "
                f"{cost.worker_bytes / MIB:>8,.0f} {cost.driver_bytes / MIB:>8,.0f} "
                f"{cost.written / 1e6:>9,.0f}",
                flush=True,
            )


def _descendants() -> Iterator[int]:
    """The processes this one started, directly or not."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        parents[int(status.parent.name)] = int(fields[1])
    for process in parents:
        above = process
        while above in parents and above != os.getpid():
            above = parents[above]
        if above == os.getpid() and process != above:
            yield process


def _reset_peak(process: int) -> None:
    try:
        Path(f"/proc/{process}/clear_refs").write_text("5")
    except OSError:  # it has ended
        return


def _peak() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024
