"""Map tasks: one shard through a stage's `process`, and through a filter's `decide`.

The engine hands a stage living rows alone and scatters its answers back, so that a table stands
row for row beside its documents.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.engine.work.alignment import REACHED, Alignment, facts_of, rows_where, text_bytes
from pipeline.engine.work.guard import Guard
from pipeline.engine.work.task import Context, Quarantine, Result, StageRef, head_of
from pipeline.storage.statistics import Counter
from pipeline.storage.tables import write_parquet
from schemas.columns import column
from schemas.verdicts import QUARANTINED, VERDICT_COLUMNS, verdict_table
from stages.contract import ALIVE

MEASURE_COLUMNS = [
    VERDICT_COLUMNS[2],
    column(QUARANTINED, pa.bool_(), "the record raised, crashed the process or took too long"),
]


def measure_table(measures: pa.Schema) -> pa.Schema:
    """The schema of what a filter measured."""
    return pa.schema([*MEASURE_COLUMNS, *measures])


@dataclass(frozen=True)
class MapWork:
    """`process` on one shard. With `judges` the result is the measure table of a filter, without
    it the stage's own table, with `keep = true` for every row it could process.

    `everything` hands the stage all rows, dropped ones too.
    """

    stage: StageRef
    alignment: Alignment
    columns: tuple[str, ...]
    judges: bool
    everything: bool = False

    def run(self, context: Context, quarantine: Quarantine) -> Result:
        stage = self.stage.load()
        schema = measure_table(stage.schema) if self.judges else verdict_table(stage.schema)
        task = context.task
        guard = Guard(self.stage, "process", task.limits, task.isolate, since=context.first_began)
        counter = Counter(schema)
        n_text = n_records = 0
        try:
            with write_parquet(context.storage, context.temporary, schema) as (table, written):
                for batch in self.alignment.batches(context.storage):
                    n_text += text_bytes(batch)
                    alive = (
                        pa.array(np.ones(batch.num_rows, bool))
                        if self.everything
                        else batch.column(ALIVE)
                    )
                    living = rows_where(batch.select(self.columns), alive)
                    n_records += living.num_rows
                    result = self._process(guard, living, batch, alive, quarantine)
                    table.write(result)
                    if not self.judges:
                        counter.update(result, facts_of(batch))
        finally:
            guard.close()
        summary = {} if self.judges else {"statistics": counter.result()}
        return Result(
            written,
            summary,
            text_bytes=n_text,
            records=n_records,
            loading_seconds=guard.loading_seconds,
        )

    def _process(
        self,
        guard: Guard,
        living: pa.RecordBatch,
        batch: pa.RecordBatch,
        alive: pa.Array,
        quarantine: Quarantine,
    ) -> pa.RecordBatch:
        stage = self.stage.load()
        results, failures = guard(living)
        measures = (
            pa.Table.from_batches([r.select(stage.schema.names) for r in results])
            if results
            else stage.schema.empty_table()
        )
        rows = np.flatnonzero(alive.to_numpy(zero_copy_only=False))
        for row, failure in failures.items():
            record = living.slice(row, 1).to_pylist()[0]
            doc_id = batch.column("doc_id")[int(rows[row])].as_py()
            origin = record.get("uri") or record.get("path") or doc_id.hex()
            quarantine.add(origin, None, failure.reason, failure.error, head_of(record))
        bad = np.zeros(batch.num_rows, bool)
        bad[rows[list(failures)]] = True
        good = np.delete(rows, list(failures))
        place = np.full(batch.num_rows, -1, np.int64)
        place[good] = np.arange(len(good))
        indices = pa.array(place, mask=place < 0)
        arrays = [
            measures.column(name).combine_chunks().take(indices) for name in stage.schema.names
        ]
        if self.judges:
            lead = [batch.column("doc_id"), pa.array(bad)]
            schema = measure_table(stage.schema)
        else:
            keep = pa.array(~bad, mask=~alive.to_numpy(zero_copy_only=False))
            reason = pc.if_else(pa.array(bad), pa.scalar(QUARANTINED), pa.scalar(None, pa.string()))
            lead = [keep, reason, batch.column("doc_id")]
            schema = verdict_table(stage.schema)
        return pa.RecordBatch.from_arrays([*lead, *arrays], names=schema.names)


@dataclass(frozen=True)
class DecideWork:
    """A filter's `decide` on one shard: its measures and narrow columns → verdicts."""

    stage: StageRef
    alignment: Alignment
    columns: tuple[str, ...]

    def run(self, context: Context, quarantine: Quarantine) -> Result:
        stage = self.stage.load()
        schema = verdict_table(stage.schema)
        counter = Counter(schema)
        n_records = 0
        with write_parquet(context.storage, context.temporary, schema) as (table, written):
            for batch in self.alignment.batches(context.storage):
                reached, sound = batch.column(REACHED), batch.column(ALIVE)
                judged = batch.select([*stage.schema.names, *self.columns]).filter(sound)
                n_records += judged.num_rows
                verdict = with_verdict(reached, sound, stage.decide(judged))
                result = pa.RecordBatch.from_arrays(
                    [
                        *verdict,
                        batch.column("doc_id"),
                        *(batch.column(name) for name in stage.schema.names),
                    ],
                    names=schema.names,
                )
                table.write(result)
                counter.update(result, facts_of(batch))
        return Result(written, {"statistics": counter.result()}, records=n_records)


def with_verdict(
    reached: pa.Array, sound: pa.Array, reasons: pa.Array
) -> tuple[pa.Array, pa.Array]:
    """`keep` and `reason` of all rows from the reasons of the sound ones.

    A row dropped before has neither; one that was reached but is not sound is quarantined.
    """
    rows = np.flatnonzero(sound.to_numpy(zero_copy_only=False))
    place = np.full(len(reached), -1, np.int64)
    place[rows] = np.arange(len(rows))
    reason = reasons.cast(pa.string()).take(pa.array(place, mask=place < 0))
    reason = pc.if_else(pc.and_not(reached, sound), pa.scalar(QUARANTINED), reason)
    keep = pc.if_else(reached, pc.is_null(reason), pa.scalar(None, pa.bool_()))
    return keep, reason
