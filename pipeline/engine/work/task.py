"""A task: one unit of work that a worker turns into one durable, uncommitted object.

Tasks and outcomes travel between driver and workers. A worker writes data under the task's
temporary name; what becomes of it is the driver's business.
"""

import importlib
import time
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import lru_cache
from types import TracebackType
from typing import Any, Protocol, Self

import pyarrow as pa

from pipeline.configuration.names import StepName
from pipeline.engine.work.memory import PeakMemory
from pipeline.engine.work.named_files import without_folders
from pipeline.storage.storage import Storage
from pipeline.storage.tables import BATCH_BYTES, BATCH_ROWS, TableWriter, Written, write_parquet
from schemas.quarantine import HEAD_BYTES, QUARANTINE
from stages.contract import Options

READING_BYTES_PER_SECOND = 1e6
"""A source that takes in less than this, and hands nothing on, makes no progress."""
ORIGIN_BYTES, REASON_BYTES = 1 << 16, 64


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
        dumped = without_folders(self.options)
        return {name: dumped[name] for name in dumped if names is None or name in names}


def stage_class(target: str) -> Any:
    """The class behind `package.module:Class`."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


@lru_cache(maxsize=8)
def _load_stage(ref: StageRef) -> Any:
    return stage_class(ref.target)(ref.options)


@dataclass(frozen=True)
class Limits:
    """How long a worker may take over one batch: `record_seconds` plus 0.1 s per record; and over
    reading, until something comes of it: `record_seconds` plus a second per MB that was taken in
    meanwhile. `inf` is no limit."""

    record_seconds: float

    def seconds(self, rows: int) -> float:
        return self.record_seconds + 0.1 * rows

    def reading_seconds(self, n_bytes: int) -> float:
        return self.record_seconds + n_bytes / READING_BYTES_PER_SECOND


@dataclass(frozen=True)
class Context:
    """What a task works with."""

    storage: Storage
    task: "Task"
    first_began: float | None = None
    """The process's CPU time when the task began, of a worker's first one of a step."""

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
    loading_seconds: float | None = None
    """CPU that went into what a worker loads before its first record, if that was measured."""


@dataclass(frozen=True)
class Outcome:
    """What a worker hands back to the driver."""

    result: Result
    quarantined: Written | None
    quarantine_reasons: dict[str, int]
    seconds: float
    cpu_seconds: float
    peak_bytes: int | None
    """The most memory the worker held during the task; None where the system cannot tell."""
    is_first: bool = False
    """Whether the worker had done no task of the step before: it loaded what the step needs."""


class Quarantine:
    """Collects the records a task could not process; writes them as they come, since an input may
    hold more bad records than a worker memory for them."""

    def __init__(self, storage: Storage, path: str) -> None:
        self._storage = storage
        self._path = path
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0
        self._file = ExitStack()
        self._table: TableWriter | None = None
        self._written: Written | None = None
        self.reasons: dict[str, int] = {}
        """Reason → records."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.__exit__(kind, error, trace)

    def add(self, origin: str, offset: int | None, reason: str, error: str, head: bytes) -> None:
        """One record. What is no UTF-8 in its texts is escaped, and they are cut to a length that
        tells enough; an offset that no file has is none."""
        row: dict[str, Any] = {
            "origin": _bounded(origin, ORIGIN_BYTES),
            "offset": offset if offset is not None and 0 <= offset < 1 << 63 else None,
            "reason": _bounded(reason, REASON_BYTES),
            "error": _bounded(error, HEAD_BYTES),
            "head": head[:HEAD_BYTES],
        }
        self._rows.append(row)
        self._bytes += len(row["origin"]) + len(row["error"]) + len(row["head"])
        self.reasons[row["reason"]] = self.reasons.get(row["reason"], 0) + 1
        if len(self._rows) == BATCH_ROWS or self._bytes >= BATCH_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._table is None:
            opened = write_parquet(self._storage, self._path, QUARANTINE)
            self._table, self._written = self._file.enter_context(opened)
        self._table.write(pa.RecordBatch.from_pylist(self._rows, schema=QUARANTINE))
        self._rows, self._bytes = [], 0

    def finish(self) -> Written | None:
        """What was written, if there were any records."""
        if self._rows:
            self._flush()
        self._file.close()
        return self._written


def _bounded(text: str, n_bytes: int) -> str:
    data = text.encode("utf-8", "backslashreplace")
    return data[:n_bytes].decode("utf-8", "ignore")


_begun: set[str] = set()
"""Steps of which this process has begun a task."""


def run_task(storage: Storage, task: Task) -> Outcome:
    """Do a task in this process."""
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    started, cpu = time.perf_counter(), time.process_time()
    is_first = task.step not in _begun
    _begun.add(task.step)
    memory = PeakMemory()
    with Quarantine(storage, task.staged(storage, task.quarantine)) as quarantine:
        result = task.work.run(Context(storage, task, cpu if is_first else None), quarantine)
        quarantined = quarantine.finish()
    return Outcome(
        result=result,
        quarantined=quarantined,
        quarantine_reasons=dict(sorted(quarantine.reasons.items())),
        seconds=time.perf_counter() - started,
        cpu_seconds=time.process_time() - cpu,
        peak_bytes=memory.peak_bytes(),
        is_first=is_first,
    )


def head_of(row: Mapping[str, Any]) -> bytes:
    """The first 4 KiB of a record's payload: its first bytes or text value."""
    for name in ("payload", "text", "html"):
        value = row.get(name)
        if isinstance(value, bytes):
            return value[:HEAD_BYTES]
        if isinstance(value, str):
            return value[:HEAD_BYTES].encode("utf-8", "replace")[:HEAD_BYTES]
    return b""
