"""Source tasks: inputs → one shard of a documents table.

Memory: what a source holds (its contract bounds that), and a row group: everything a row brings
counts, its text, its address and its licence, and a batch is cut before it is copied.
"""

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.engine.work.guard import Guard
from pipeline.engine.work.patience import Patience
from pipeline.engine.work.reading import Reader, ReadFailed, open_reader
from pipeline.engine.work.task import Context, Quarantine, Result, StageRef, head_of
from pipeline.storage.credentials import without_credentials
from pipeline.storage.intake.inputs import InputSpec
from pipeline.storage.statistics import Counter
from pipeline.storage.tables import BATCH_BYTES, BATCH_ROWS, TableWriter, write_parquet
from pipeline.storage.user_tables.row_bytes import cut_by_bytes, row_bytes
from stages.contract import SKIPPED, Identity, Quarantined, Skipped, SourceEvent
from stages.errors import StageError

EMPTY = "empty"
"""What a receipt says of an input that gave no document, and of no other."""


@dataclass(frozen=True)
class SourceWork:
    """Read inputs one after another into one shard."""

    stage: StageRef
    inputs: tuple[InputSpec, ...]

    def run(self, context: Context, quarantine: Quarantine) -> Result:
        source = self.stage.load()
        task = context.task
        patience = Patience(task.limits)
        reader = open_reader(self.stage, task.limits, patience, isolate=task.isolate)
        guard = Guard(self.stage, "convert", task.limits, task.isolate, patience)
        counter = Counter(source.schema)
        state = Taken(quarantine=quarantine)
        try:
            with write_parquet(context.storage, context.temporary, source.schema) as (
                table,
                written,
            ):
                rows = RowGroups(table, counter)
                for spec in self.inputs:
                    _read_input(reader, guard, spec, rows, state)
                rows.flush()
        finally:
            reader.close()
            guard.close()
        return Result(
            written=written,
            summary={
                "statistics": counter.result(),
                "skipped": dict(sorted(state.skipped.items())),
                "identities": state.identities,
                "inputs": state.inputs,
            },
            components={"inputs": [[one["name"], one["xxh3"]] for one in state.inputs]},
            text_bytes=rows.text_bytes,
            records=state.records,
        )


def _read_input(
    reader: Reader, guard: Guard, spec: InputSpec, rows: "RowGroups", state: "Taken"
) -> None:
    n_before = rows.n_documents
    state.begin_input()
    try:
        for event in reader.events(spec):
            take(event, guard, spec.uri, rows, state)
    except ReadFailed as failure:
        state.records += 1
        why = without_credentials(failure.error)
        state.put_aside(spec.name, failure.offset, failure.reason, why, b"")
    facts: dict[str, Any] = {
        "name": spec.name,
        "uri": spec.uri,
        "size": spec.size,
        "mark": spec.mark,
        "xxh3": reader.digest,
    }
    if rows.n_documents == n_before:
        facts[EMPTY] = state.what_became()
    state.inputs.append(facts)


@dataclass
class Taken:
    """What became of a task's records."""

    quarantine: Quarantine
    skipped: dict[str, int] = field(default_factory=dict)
    identities: list[list[str]] = field(default_factory=list)
    inputs: list[dict[str, Any]] = field(default_factory=list)
    records: int = 0
    _skipped_before: dict[str, int] = field(default_factory=dict)
    _first_error: tuple[str, str] | None = None

    def skip(self, reason: str, count: int) -> None:
        self.skipped[reason] = self.skipped.get(reason, 0) + count

    def put_aside(
        self, origin: str, offset: int | None, reason: str, error: str, head: bytes
    ) -> None:
        """A record to the quarantine."""
        self._first_error = self._first_error or (reason, error)
        self.quarantine.add(origin, offset, reason, error, head)

    def begin_input(self) -> None:
        self._skipped_before, self._first_error = dict(self.skipped), None

    def what_became(self) -> dict[str, Any]:
        """What there was in an input that gave no document: `skipped` by reason, and the `error`
        of its first record in the quarantine."""
        before = self._skipped_before
        skipped = {
            reason: count - before.get(reason, 0)
            for reason, count in self.skipped.items()
            if count > before.get(reason, 0)
        }
        error = self._first_error and f"{self._first_error[0]}: {self._first_error[1][:500]}"
        return {"skipped": skipped} | ({"error": error} if error else {})


def take(event: SourceEvent, guard: Guard, uri: str, rows: "RowGroups", state: Taken) -> None:
    """What becomes of an event of the input `uri`: rows, counts, the quarantine."""
    match event:
        case Skipped(reason, count):
            state.skip(reason, count)
        case Identity(value):
            state.identities.append([value, uri])
        case Quarantined(origin, reason, error, offset, head):
            state.records += 1
            state.put_aside(origin, offset, reason, error, head)
        case pa.RecordBatch():
            state.records += event.num_rows
            for raw in cut_by_bytes(event, BATCH_ROWS, BATCH_BYTES):
                _convert(raw, guard, rows, state)
        case _:
            raise StageError(f"{uri}: a source yielded {event!r}, which is no event")


def _convert(raw: pa.RecordBatch, guard: Guard, rows: "RowGroups", state: Taken) -> None:
    results, failures = guard(raw)
    for row, failure in failures.items():
        record = raw.slice(row, 1).to_pylist()[0]
        state.put_aside(
            record["origin"], record.get("offset"), failure.reason, failure.error, head_of(record)
        )
    for result in results:
        skipped = result.column(SKIPPED)
        for count in skipped.drop_null().value_counts().to_pylist():
            state.skip(count["values"], count["counts"])
        rows.add(result.filter(pc.is_null(skipped)))


class RowGroups:
    """Gathers documents into row groups: at most 2,048 rows or 16 MiB."""

    def __init__(self, table: TableWriter, counter: Counter) -> None:
        self._table = table
        self._counter = counter
        self._pending: list[pa.RecordBatch] = []
        self._rows = 0
        self._bytes = 0
        self.text_bytes = 0
        self.n_documents = 0

    def add(self, batch: pa.RecordBatch) -> None:
        batch = batch.select(self._table.schema.names)
        self.n_documents += batch.num_rows
        self.text_bytes += pc.sum(batch.column("n_bytes")).as_py() or 0
        start = 0
        for row, size in enumerate(row_bytes(batch).tolist()):
            if self._rows and (self._rows == BATCH_ROWS or self._bytes + size > BATCH_BYTES):
                self._append(batch.slice(start, row - start))
                self.flush()
                start = row
            self._rows += 1
            self._bytes += size
        self._append(batch.slice(start))

    def _append(self, batch: pa.RecordBatch) -> None:
        if batch.num_rows:
            self._pending.append(batch)

    def flush(self) -> None:
        """Write what has been gathered as one row group."""
        if self._pending:
            batch = pa.concat_batches(self._pending)
            self._counter.update(batch)
            self._table.write(batch)
        self._pending, self._rows, self._bytes = [], 0, 0
