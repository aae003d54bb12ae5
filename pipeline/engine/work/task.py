"""A task: one unit of work that a worker turns into one durable, uncommitted object.

Tasks and outcomes travel between driver and workers. A worker writes data under the task's
temporary name; what becomes of it is the driver's business.
"""

import contextlib
import importlib
import resource
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

import pyarrow as pa

from pipeline.configuration.names import StepName
from pipeline.storage.storage import Storage
from pipeline.storage.tables import Written, write_parquet
from schemas.quarantine import HEAD_BYTES, QUARANTINE
from stages.contract import Options


@dataclass(frozen=True)
class StageRef:
    """Where a stage's class is (`package.module:Class`) and its options."""

    target: str
    options: Options

    def __hash__(self) -> int:
        """Options may hold tables, which have no hash of their own."""
        return hash((self.target, self.options.model_dump_json()))

    def load(self) -> Any:
        """The stage, built once per process."""
        return _load_stage(self)

    def options_json(self, names: Collection[str] | None = None) -> dict[str, Any]:
        """The options (or those of these names) as JSON values: their part of a fingerprint."""
        include = None if names is None else set(names)
        return self.options.model_dump(mode="json", include=include)


def stage_class(target: str) -> Any:
    """The class behind `package.module:Class`."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


@lru_cache(maxsize=8)
def _load_stage(ref: StageRef) -> Any:
    return stage_class(ref.target)(ref.options)


@dataclass(frozen=True)
class Limits:
    """How long a worker may take over one batch: `record_seconds` plus 0.1 s per record."""

    record_seconds: float

    def seconds(self, rows: int) -> float:
        return self.record_seconds + 0.1 * rows


@dataclass(frozen=True)
class Context:
    """What a task works with."""

    storage: Storage
    task: "Task"

    @property
    def temporary(self) -> str:
        """The path under which the task's data is written."""
        return self.task.staged(self.storage, self.task.object)


class Work(Protocol):
    """The body of a task."""

    def run(self, context: Context, quarantine: "Quarantine") -> "Result": ...


@dataclass(frozen=True)
class Task:
    """One task of a step. `isolate` asks for a child process per batch (after crashes)."""

    step: str
    key: str
    folder: str
    work: Work
    limits: Limits
    generation: int
    attempt: int = 0
    isolate: bool = False
    extension: str = "parquet"

    @property
    def object(self) -> str:
        """Path of what the task makes."""
        return f"{self.folder}/{self.key}.{self.extension}"

    @property
    def quarantine(self) -> str:
        """Path of the records it could not process."""
        return f"{quarantine_folder(self.step)}/{self.key}.parquet"

    def staged(self, storage: Storage, path: str) -> str:
        """Where this attempt writes `path`."""
        return storage.stage(path, self.generation, self.attempt)


def quarantine_folder(step: str) -> str:
    """`github.rules.measure` → `quarantine/github/rules`."""
    return StepName.parse(step).quarantine


@dataclass
class Result:
    """What a work's `run` returns."""

    written: Written
    summary: dict[str, Any] = field(default_factory=dict)
    components: dict[str, Any] = field(default_factory=dict)
    """Parts of the fingerprint that only the worker knows (hashes of inputs)."""
    text_bytes: int = 0
    records: int = 0
    """Records looked at, for `max_quarantine_rate`."""


@dataclass(frozen=True)
class Outcome:
    """What a worker hands back to the driver."""

    result: Result
    quarantined: Written | None
    quarantine_reasons: dict[str, int]
    seconds: float
    cpu_seconds: float
    peak_bytes: int


class Quarantine:
    """Collects the records a task could not process."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []

    def add(self, origin: str, offset: int | None, reason: str, error: str, head: bytes) -> None:
        self._rows.append(
            {
                "origin": origin,
                "offset": offset,
                "reason": reason,
                "error": error,
                "head": head[:HEAD_BYTES],
            }
        )

    @property
    def reasons(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for row in self._rows:
            counts[row["reason"]] = counts.get(row["reason"], 0) + 1
        return dict(sorted(counts.items()))

    def write(self, storage: Storage, path: str) -> Written | None:
        """Write the records, if there are any."""
        if not self._rows:
            return None
        with write_parquet(storage, path, QUARANTINE) as (table, written):
            table.write(pa.RecordBatch.from_pylist(self._rows, schema=QUARANTINE))
        return written


def run_task(storage: Storage, task: Task) -> Outcome:
    """Do a task in this process."""
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    started, cpu = time.perf_counter(), time.process_time()
    quarantine = Quarantine()
    result = task.work.run(Context(storage, task), quarantine)
    quarantined = quarantine.write(storage, task.staged(storage, task.quarantine))
    return Outcome(
        result=result,
        quarantined=quarantined,
        quarantine_reasons=quarantine.reasons,
        seconds=time.perf_counter() - started,
        cpu_seconds=time.process_time() - cpu,
        peak_bytes=_peak_bytes(),
    )


def _peak_bytes() -> int:
    """The most memory this process ever held. Linux counts a parent's peak into `ru_maxrss` of
    its children, so `VmHWM` is asked first."""
    with contextlib.suppress(OSError), open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def head_of(row: Mapping[str, Any]) -> bytes:
    """The first 4 KiB of a record's payload: its first bytes or text value."""
    for name in ("payload", "text", "html"):
        value = row.get(name)
        if isinstance(value, bytes):
            return value[:HEAD_BYTES]
        if isinstance(value, str):
            return value[:HEAD_BYTES].encode("utf-8", "replace")[:HEAD_BYTES]
    return b""
