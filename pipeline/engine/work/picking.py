"""Rows of a shard that records ask for: few row groups of a large table, read where it lies."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.engine.work.steps import Scratch, ShardSource
from pipeline.engine.work.task import Context, Quarantine, Result
from pipeline.storage.tables import write_arrow
from stages.contract import RowStep


@dataclass(frozen=True)
class PickWork:
    """Call a step on the rows of one shard that it chooses from the records shuffled to it."""

    step: RowStep
    source: ShardSource
    records: tuple[Scratch, ...]
    record_schema: pa.Schema

    def run(self, context: Context, quarantine: Quarantine) -> Result:
        storage = context.storage
        records = pa.Table.from_batches(
            [batch for part in self.records for batch in part.read(storage)], self.record_schema
        )
        rows = np.unique(self.step.rows(records))
        batches = self.step(self.source.read(storage, rows), records)
        with write_arrow(storage, context.temporary, self.step.schema) as (table, written):
            for batch in batches:
                table.write(batch)
        return Result(written, records=len(rows))
