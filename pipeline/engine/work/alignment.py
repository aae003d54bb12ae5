"""How a task over one shard reads the tables of a corpus side by side."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.storage.storage import Storage
from pipeline.storage.tables import TableRead, read_aligned
from stages.contract import ALIVE, ROW, SHARD

PREVIOUS_KEEP = "previous.keep"
OWN_QUARANTINED = "own.quarantined"
REACHED = "reached"
FACT_PREFIX = "fact."


@dataclass(frozen=True)
class Alignment:
    """The reads of one shard. The first is of the documents table; one may give the previous
    stage's `keep` the name `PREVIOUS_KEEP`, one the `quarantined` of the stage's own measures the
    name `OWN_QUARANTINED`; facts for the statistics are called `fact.NAME`."""

    shard: int
    reads: tuple[TableRead, ...]

    def batches(
        self, storage: Storage, rows: npt.NDArray[np.int64] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Row group after row group, with `SHARD`, `ROW`, `REACHED` (no earlier stage dropped
        the row) and `ALIVE` (and its own measuring did not quarantine it); of these `rows`
        (ascending), if they are given."""
        row = 0
        for batch in read_aligned(storage, self.reads, rows):
            n = batch.num_rows
            numbers = np.arange(row, row + n) if rows is None else rows[row : row + n]
            inner = (PREVIOUS_KEEP, OWN_QUARANTINED)
            names = [name for name in batch.schema.names if name not in inner]
            arrays = [batch.column(name) for name in names]
            reached = alive = (
                pc.fill_null(batch.column(PREVIOUS_KEEP), False)
                if PREVIOUS_KEEP in batch.schema.names
                else pa.array(np.ones(n, bool))
            )
            if OWN_QUARANTINED in batch.schema.names:
                alive = pc.and_not(reached, batch.column(OWN_QUARANTINED))
            extra = [
                reached,
                alive,
                pa.array(np.full(n, self.shard, np.int32)),
                pa.array(numbers, pa.int64()),
            ]
            row += n
            yield pa.RecordBatch.from_arrays(
                [*arrays, *extra], names=[*names, REACHED, ALIVE, SHARD, ROW]
            )


def rows_where(batch: pa.RecordBatch, wanted: pa.Array) -> pa.RecordBatch:
    """The rows for which `wanted` is true: the batch itself, not a copy of its text, if all are."""
    return batch if wanted.true_count == batch.num_rows else batch.filter(wanted)


def facts_of(batch: pa.RecordBatch) -> pa.RecordBatch | None:
    """The columns read for the statistics alone, under their own names."""
    names = [name for name in batch.schema.names if name.startswith(FACT_PREFIX)]
    if not names:
        return None
    return pa.RecordBatch.from_arrays(
        [batch.column(name) for name in names], names=[n.removeprefix(FACT_PREFIX) for n in names]
    )


def text_bytes(batch: pa.RecordBatch) -> int:
    """Bytes of `text` in the batch, 0 if it was not read."""
    if "text" not in batch.schema.names:
        return 0
    return int(pc.sum(pc.binary_length(batch.column("text"))).as_py() or 0)
