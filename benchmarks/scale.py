"""The driver at scale: 100,000 shards of work that does nothing, through the real engine.

    python benchmarks/scale.py [SHARDS] [RAY_SHARDS]

What a driver must bear is one receipt per shard. This prints, as the shards are made: its
memory, the bytes a shard adds to it, its CPU time per shard; then the time a second driver takes
to find that all of them are done. First in this process, then (20,000 shards) with two Ray
workers, where messages and scheduling are paid for too. A shard here has the components and
columns of `github.rules.decide` and statistics of 4 kB, as a real one.
"""

import gc
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from pipeline.engine.executor import Executor, LocalExecutor, Resources
from pipeline.engine.plans import Plan, PlanSequence
from pipeline.engine.ray.executor import RayExecutor
from pipeline.engine.runner import Monitor, Runner
from pipeline.engine.work.task import Context, Limits, Outcome, Quarantine, Result
from pipeline.storage.digest import bytes_digest
from pipeline.storage.storage import LocalStorage
from pipeline.storage.tables import Written

SHARDS = 100_000
RAY_SHARDS = 20_000
COLUMNS = 16
STATISTICS_ROWS = 50
MIB = 1 << 20


@dataclass(frozen=True)
class NoWork:
    """Makes an object of one byte, and the facts a real shard would have."""

    number: int

    def run(self, context: Context, quarantine: Quarantine) -> Result:
        assert isinstance(context.storage, LocalStorage)
        path = context.storage.root / context.temporary
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        columns = {f"column_{n}": bytes_digest(b"%d %d" % (n, self.number)) for n in range(COLUMNS)}
        cube = [[None, f"Language {n}", "MIT", n, self.number, 0] for n in range(STATISTICS_ROWS)]
        histogram = {"edges": [2.0**n for n in range(25)], "counts": [self.number] * 26}
        statistics = {"cube": cube, "histograms": {f"measure_{n}": histogram for n in range(8)}}
        written = Written(rows=1, size=1, xxh3=bytes_digest(b"x"), columns=columns)
        return Result(written, {"statistics": statistics}, text_bytes=1, records=1)


def plan(key: str) -> Plan:
    """What a shard is made from: a stage's constants, and the digests of the columns it reads."""
    inputs = {f"stage.input_{n}": bytes_digest(f"{n} {key}".encode()) for n in range(COLUMNS)}
    components = {"version": 1, "libraries": {"numpy": "2"}, "options": {"limit": 100}, **inputs}
    return Plan(key, components, lambda: NoWork(int(key)))


class Meter(Monitor):
    """Prints a line at tenths and halves of the way."""

    def __init__(self, n_shards: int) -> None:
        self._marks = {n_shards // 10, n_shards // 2, n_shards}
        self.restart()

    def restart(self) -> None:
        """Measure from here."""
        gc.collect()
        self._done = 0
        self._memory, self._cpu, self._started = resident(), time.process_time(), time.monotonic()

    def task_done(self, step: str, key: str, outcome: Outcome) -> None:
        self._done += 1
        if self._done in self._marks:
            grown = resident() - self._memory
            cpu = 1e3 * (time.process_time() - self._cpu) / self._done
            rate = self._done / (time.monotonic() - self._started)
            print(
                f"{self._done:>10,} {resident() / MIB:>10.0f} {grown / self._done:>16,.0f} "
                f"{cpu:>14.2f} {rate:>10,.0f}",
                flush=True,
            )


def resident() -> int:
    """This process's resident memory, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(title: str, root: Path, executor: Executor, n_shards: int) -> None:
    """Make all shards, then find them made."""
    storage = LocalStorage(root)
    keys = [f"{number:05d}" for number in range(n_shards)]
    resources = Resources(1.0, 0)
    print(f"\n{title}, {n_shards:,} shards\n")
    print("    shards  RSS (MiB)  bytes per shard  CPU ms/shard   shards/s")
    meter = Meter(n_shards)
    runner = Runner(storage, executor, meter, 1, Limits(60.0), 0.01)
    with executor:
        if isinstance(executor, RayExecutor):
            runner.ensure("bench.start", "start", PlanSequence(keys[:4], plan), resources)
            meter.restart()
        runner.ensure("bench.nothing", "bench", PlanSequence(keys, plan), resources)
    ledger = storage.mark("_bench.ledger").size / n_shards
    started, cpu = time.monotonic(), time.process_time()
    again = Runner(storage, executor, Monitor(), 2, Limits(60.0), 0.01)
    found = again.ensure("bench.nothing", "bench", PlanSequence(keys, plan), resources)
    assert len(found) == n_shards
    assert again.items[-1].n_stale == 0
    print(
        f"\nfound done in {time.monotonic() - started:.1f} s "
        f"({time.process_time() - cpu:.1f} s CPU); the ledger has {ledger:,.0f} bytes per shard"
    )


def main() -> None:
    """In this process, then on Ray."""
    n_shards = int(sys.argv[1]) if len(sys.argv) > 1 else SHARDS
    n_ray = int(sys.argv[2]) if len(sys.argv) > 2 else min(RAY_SHARDS, n_shards)
    with tempfile.TemporaryDirectory() as folder:
        local = LocalStorage(Path(folder, "local"))
        measure("In this process", local.root, LocalExecutor(local, 3), n_shards)
        shared = LocalStorage(Path(folder, "ray"))
        measure("Two Ray workers", shared.root, RayExecutor(shared, 3, None, 2), n_ray)


if __name__ == "__main__":
    main()
