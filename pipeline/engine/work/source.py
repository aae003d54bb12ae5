"""Source tasks: inputs → one shard of a documents table."""

import io
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from pipeline.engine.work.guard import Guard
from pipeline.engine.work.task import Context, Quarantine, Result, StageRef, head_of
from pipeline.storage.credentials import without_credentials
from pipeline.storage.digest import stream_digest
from pipeline.storage.inputs import InputSpec, folder_digest, open_input
from pipeline.storage.statistics import Counter
from pipeline.storage.tables import BATCH_BYTES, BATCH_ROWS, TableWriter, write_parquet
from stages.contract import SKIPPED, Identity, Input, Quarantined, Skipped, SourceEvent

UNREADABLE = "unreadable"


@dataclass(frozen=True)
class SourceWork:
    """Read inputs one after another into one shard."""

    stage: StageRef
    inputs: tuple[InputSpec, ...]

    def run(self, context: Context, quarantine: Quarantine) -> Result:
        source = self.stage.load()
        guard = Guard(self.stage, "convert", context.task.limits, context.task.isolate)
        counter = Counter(source.schema)
        state = _State(quarantine=quarantine)
        try:
            with write_parquet(context.storage, context.temporary, source.schema) as (
                table,
                written,
            ):
                rows = _RowGroups(table, counter)
                for spec in self.inputs:
                    state.inputs.append(self._read_input(source, guard, spec, rows, state))
                rows.flush()
        finally:
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
        self, source: Any, guard: Guard, spec: InputSpec, rows: "_RowGroups", state: "_State"
    ) -> dict[str, Any]:
        hashing = _HashedInput(spec)
        record = {"name": spec.name, "uri": spec.uri, "size": spec.size, "mark": spec.mark}
        try:
            digest = None if spec.folder is None else folder_digest(spec)
            if digest is None:
                hashing.open().close()
            for event in source.read(hashing.input()):
                _take(event, guard, spec, rows, state)
        except OSError as error:
            state.records += 1
            why = without_credentials(f"{type(error).__name__}: {error}")
            state.quarantine.add(spec.name, None, UNREADABLE, why, b"")
            return {**record, "xxh3": UNREADABLE}
        return {**record, "xxh3": digest or hashing.digest()}


@dataclass
class _State:
    quarantine: Quarantine
    skipped: dict[str, int] = field(default_factory=dict)
    identities: list[list[str]] = field(default_factory=list)
    inputs: list[dict[str, Any]] = field(default_factory=list)
    records: int = 0

    def skip(self, reason: str, count: int) -> None:
        self.skipped[reason] = self.skipped.get(reason, 0) + count


def _take(
    event: SourceEvent, guard: Guard, spec: InputSpec, rows: "_RowGroups", state: _State
) -> None:
    match event:
        case Skipped(reason, count):
            state.skip(reason, count)
        case Identity(value):
            state.identities.append([value, spec.uri])
        case Quarantined(origin, reason, error, offset, head):
            state.records += 1
            state.quarantine.add(origin, offset, reason, error, head)
        case pa.RecordBatch():
            state.records += event.num_rows
            _convert(event, guard, rows, state)


def _convert(raw: pa.RecordBatch, guard: Guard, rows: "_RowGroups", state: _State) -> None:
    results, failures = guard(raw)
    for row, failure in failures.items():
        record = raw.slice(row, 1).to_pylist()[0]
        state.quarantine.add(
            record["origin"], record.get("offset"), failure.reason, failure.error, head_of(record)
        )
    for result in results:
        skipped = result.column(SKIPPED)
        for count in skipped.drop_null().value_counts().to_pylist():
            state.skip(count["values"], count["counts"])
        rows.add(result.filter(pc.is_null(skipped)))


class _RowGroups:
    """Gathers documents into row groups: at most 2,048 rows or 16 MiB of text."""

    def __init__(self, table: TableWriter, counter: Counter) -> None:
        self._table = table
        self._counter = counter
        self._pending: list[pa.RecordBatch] = []
        self._rows = 0
        self._bytes = 0
        self.text_bytes = 0

    def add(self, batch: pa.RecordBatch) -> None:
        batch = batch.select(self._table.schema.names)
        sizes = batch.column("n_bytes").to_pylist()
        start = 0
        for row, size in enumerate(sizes):
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
            self.text_bytes += self._bytes
        self._pending, self._rows, self._bytes = [], 0, 0


class _HashedInput:
    """An input whose bytes are hashed as they pass."""

    def __init__(self, spec: InputSpec) -> None:
        self._spec = spec
        self._last: _HashedStream | None = None

    def input(self) -> Input:
        folder = self._spec.folder
        return Input(
            name=self._spec.name,
            uri=self._spec.uri,
            open=None if folder is not None else self.open,
            folder=folder,
            metadata=dict(self._spec.metadata),
        )

    def open(self) -> BinaryIO:
        self._last = _HashedStream(open_input(self._spec))
        return self._last  # type: ignore[return-value]

    def digest(self) -> str:
        """xxh3_128 of the whole input: what was read, and the rest."""
        if self._last is None or self._last.closed or self._last.sought:
            with open_input(self._spec) as stream:
                return stream_digest(stream)
        return self._last.digest()


class _HashedStream(io.RawIOBase):
    """Hashes what is read from the start without seeking; a stream that seeks is hashed again."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._state = xxhash.xxh3_128()
        self.sought = False

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._stream.seekable()

    def read(self, size: int | None = -1, /) -> bytes:
        data = self._stream.read(-1 if size is None else size)
        if not self.sought:
            self._state.update(data)
        return data

    def readinto(self, buffer: Any, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if not (offset == self._stream.tell() and whence == io.SEEK_SET):
            self.sought = True
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def close(self) -> None:
        self._stream.close()
        super().close()

    def digest(self) -> str:
        while chunk := self._stream.read(1 << 20):
            self._state.update(chunk)
        self.close()
        return self._state.hexdigest()
