"""Tasks of corpus stages: the workers' side of the verbs.

A shuffle's map task writes one Arrow file whose batches each belong to one partition, and the
offsets (batch numbers) go into its receipt; a reducer reads just its batches. Buffers of 64 MiB
bound a map task's memory; a reducer's is bounded by the size of its partition.
"""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.engine.work.alignment import (
    FACT_PREFIX,
    REACHED,
    Alignment,
    facts_of,
    rows_where,
    text_bytes,
)
from pipeline.engine.work.doing import Doing, noted
from pipeline.engine.work.map import with_verdict
from pipeline.engine.work.task import Context, Quarantine, Result
from pipeline.storage.digest import bytes_digest
from pipeline.storage.statistics import Counter
from pipeline.storage.storage import Storage
from pipeline.storage.tables import (
    TableWriter,
    Written,
    cut,
    read_batches,
    write_arrow,
    write_parquet,
)
from schemas.verdicts import verdict_table
from stages.contract import ALIVE, PARTITION, ArtefactStep, ShardStep, Step
from stages.errors import StageError

BUFFER_BYTES = 64 << 20


@dataclass(frozen=True)
class Scratch:
    """One object of an earlier step."""

    path: str
    batches: tuple[int, ...] | None = None
    """Which batches to read; None: all."""

    def read(self, storage: Storage) -> Iterator[pa.RecordBatch]:
        if self.batches is None:
            yield from read_batches(storage, self.path)
            return
        with storage.open_read(self.path) as stream:
            reader = pa.ipc.open_file(stream)
            for number in self.batches:
                yield reader.get_batch(number)


@dataclass(frozen=True)
class ShardSource:
    """A shard's rows as a step sees them: living rows and the columns asked for."""

    alignment: Alignment
    columns: tuple[str, ...]
    everything: bool
    elsewhere: Storage | None = None
    """The run that the shard lies in, if that is another one."""

    def read(
        self, storage: Storage, rows: npt.NDArray[np.int64] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """All of it, or these rows alone."""
        for batch in self.alignment.batches(self.elsewhere or storage, rows):
            if self.everything:
                yield batch.select(self.columns)
            else:
                yield rows_where(batch.select(self.columns), batch.column(ALIVE))


@dataclass(frozen=True)
class PartsSource:
    """Objects of earlier steps, one after another."""

    parts: tuple[Scratch, ...]

    def read(self, storage: Storage) -> Iterator[pa.RecordBatch]:
        for part in self.parts:
            yield from part.read(storage)


@dataclass
class _Meter:
    """Counts what a step reads."""

    text_bytes: int = 0
    rows: int = 0

    def watch(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            self.text_bytes += text_bytes(batch)
            self.rows += batch.num_rows
            yield batch


@dataclass(frozen=True)
class StepWork:
    """Call a step on a source; write Parquet (`durable`), else Arrow, else partition by
    partition."""

    step: Step
    source: ShardSource | PartsSource
    partitioned: bool = False
    durable: bool = False

    def run(self, context: Context, quarantine: Quarantine) -> Result:
        meter = _Meter()
        batches = self.step(meter.watch(self.source.read(context.storage)))
        summary: dict[str, Any] = {}
        open_table = write_parquet if self.durable else write_arrow
        schema = without_partition(self.step.schema)
        counter = Counter(schema)
        with open_table(context.storage, context.temporary, schema) as (table, written):
            if self.partitioned:
                summary["partitions"] = _write_partitions(table, batches)
            else:
                for batch in batches:
                    if batch.num_rows:
                        table.write(batch)
                        if self.durable:
                            counter.update(batch, _facts_of_parts(batch))
        if self.durable:
            summary["statistics"] = counter.result()
        return Result(written, summary, text_bytes=meter.text_bytes, records=meter.rows)


def without_partition(schema: pa.Schema) -> pa.Schema:
    """A step's schema as it is stored: the partition is in the offsets, not in the rows."""
    index = schema.get_field_index(PARTITION)
    return schema if index < 0 else schema.remove(index)


def _facts_of_parts(batch: pa.RecordBatch) -> pa.RecordBatch | None:
    """A training sample counts once, under the language and licence of its first part."""
    if "parts" not in batch.schema.names:
        return None
    first = pc.list_element(batch.column("parts"), 0)
    return pa.RecordBatch.from_arrays(
        [pc.struct_field(first, "language"), pc.struct_field(first, "license")],
        names=["language", "license"],
    )


def _write_partitions(
    table: TableWriter, batches: Iterable[pa.RecordBatch]
) -> dict[str, list[Any]]:
    """Write batches partition by partition; returns partition → [rows, bytes, batch numbers]."""
    index: dict[int, list[Any]] = {}
    pending: list[pa.RecordBatch] = []
    pending_bytes = n_batches = 0

    def flush() -> None:
        nonlocal pending_bytes, n_batches
        if not pending:
            return
        rows = pa.Table.from_batches(pending).combine_chunks()
        partitions = rows.column(PARTITION).to_numpy()
        if (partitions[1:] < partitions[:-1]).any():
            rows = rows.take(pa.array(np.argsort(partitions, kind="stable")))
            partitions = rows.column(PARTITION).to_numpy()
        starts = np.flatnonzero(np.diff(partitions, prepend=-1, append=-1) != 0)
        for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            part = rows.slice(start, end - start).drop_columns([PARTITION]).combine_chunks()
            batch = part.to_batches()[0]
            table.write(batch)
            entry = index.setdefault(int(partitions[start]), [0, 0, []])
            entry[0] += batch.num_rows
            entry[1] += batch.nbytes
            entry[2].append(n_batches)
            n_batches += 1
        pending.clear()
        pending_bytes = 0

    for batch in batches:
        if batch.num_rows:
            pending.append(batch)
            pending_bytes += batch.nbytes
        if pending_bytes >= BUFFER_BYTES:
            flush()
    flush()
    return {str(partition): index[partition] for partition in sorted(index)}


@runtime_checkable
class TakesLong(Protocol):
    """An artefact step that says what it does, for who waits; how far it is it may `tell`."""

    def doing(self, n_rows: int) -> str:
        """In a few words, if its sources have so many rows."""


@dataclass(frozen=True)
class ArtefactWork:
    """Make one file from the batches of each source."""

    step: ArtefactStep
    sources: tuple[PartsSource, ...]
    doing: Doing | None = None
    """Of a step that takes long."""

    def run(self, context: Context, quarantine: Quarantine) -> Result:
        sources = (source.read(context.storage) for source in self.sources)
        with noted(context) if self.doing else nullcontext():
            data = self.step(*sources)
        with context.storage.open_write(context.temporary) as stream:
            stream.write(data)
        return Result(Written(size=len(data), xxh3=bytes_digest(data)))


@dataclass(frozen=True)
class ShardStepWork:
    """The verdicts of one shard, from its own rows and the records shuffled to it."""

    step: ShardStep
    alignment: Alignment
    columns: tuple[str, ...]
    records: tuple[Scratch, ...]
    record_schema: pa.Schema

    def run(self, context: Context, quarantine: Quarantine) -> Result:
        storage = context.storage
        records = pa.Table.from_batches(
            [batch for part in self.records for batch in part.read(storage)], self.record_schema
        )
        sizes: list[int] = []
        kept: list[pa.RecordBatch] = []
        meter = _Meter()

        def batches() -> Iterator[pa.RecordBatch]:
            for batch in meter.watch(self.alignment.batches(storage)):
                sizes.append(batch.num_rows)
                names = [n for n in batch.schema.names if n.startswith(FACT_PREFIX)]
                kept.append(batch.select([REACHED, ALIVE, "doc_id", *names]))
                yield batch.select(self.columns)

        answers = list(self.step(batches(), records))
        if sum(answer.num_rows for answer in answers) != sum(sizes):
            raise StageError(f"{type(self.step).__name__} did not answer row for row")
        schema = verdict_table(self.step.schema)
        counter = Counter(schema)
        with write_parquet(storage, context.temporary, schema) as (table, written):
            for answer, own in zip(cut(answers, sizes), kept, strict=True):
                sound = own.column(ALIVE)
                reasons = answer.column("reason").filter(sound)
                keep, reason = with_verdict(own.column(REACHED), sound, reasons)
                lead = {"keep": keep, "reason": reason, "doc_id": own.column("doc_id")}
                result = pa.RecordBatch.from_arrays(
                    [lead[name] if name in lead else answer.column(name) for name in schema.names],
                    names=schema.names,
                )
                table.write(result)
                counter.update(result, facts_of(own))
        return Result(
            written,
            {"statistics": counter.result()},
            text_bytes=meter.text_bytes,
            records=meter.rows,
        )
