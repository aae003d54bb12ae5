"""Tasks that put discussions together: events of one part → one shard of the github corpus."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from pipeline.engine.work.guard import Guard
from pipeline.engine.work.patience import Patience
from pipeline.engine.work.source import RowGroups, Taken, take
from pipeline.engine.work.steps import PartsSource
from pipeline.engine.work.task import Context, Quarantine, Result, StageRef
from pipeline.storage.statistics import Counter
from pipeline.storage.tables import write_parquet


@dataclass(frozen=True)
class DiscussionsWork:
    """Documents from what earlier steps gathered: no input is read, so there is none to quarantine,
    and what converts a discussion is guarded like what converts a file."""

    stage: StageRef
    facts: PartsSource
    threads: PartsSource

    def run(self, context: Context, quarantine: Quarantine) -> Result:
        source = self.stage.load()
        patience = Patience(context.task.limits)
        guard = Guard(self.stage, "convert", context.task.limits, context.task.isolate, patience)
        counter = Counter(source.schema)
        taken = Taken(quarantine=quarantine)
        storage, n_events = context.storage, 0

        def counted() -> Iterator[pa.RecordBatch]:
            nonlocal n_events
            for batch in self.threads.read(storage):
                n_events += batch.num_rows
                yield batch

        try:
            with write_parquet(storage, context.temporary, source.schema) as (table, written):
                rows = RowGroups(table, counter)
                for event in source.assemble(self.facts.read(storage), counted()):
                    take(event, guard, context.task.key, rows, taken)
                rows.flush()
        finally:
            guard.close()
        return Result(
            written=written,
            summary={
                "statistics": counter.result(),
                "skipped": dict(sorted(taken.skipped.items())),
                "events": n_events,
                "inputs": [],
            },
            text_bytes=rows.text_bytes,
            records=taken.records,
        )
