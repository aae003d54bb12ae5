"""The rows that dedup moves about, between Arrow and NumPy.

A document is known inside the stage by one number, `document` = run · 2⁵⁸ + shard · 2³² + row, and
preferred by two more: of two documents the one with the lesser (`rank_high`, `rank_low`, `doc_id`)
survives (see `stages.dedup.preference`). The run is 0 for a document of this run, n for one of the
n-th earlier run that it is compared with: such a document is kept whatever it is like.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.contract import PARTITION

ROW_BITS = 32
ROW_MASK = (1 << ROW_BITS) - 1
RUN_BITS = 58
SHARD_MASK = (1 << (RUN_BITS - ROW_BITS)) - 1

Int64 = npt.NDArray[np.int64]
Digests = npt.NDArray[np.bytes_]
"""16-byte digests as dtype S16: compares like the bytes themselves, all being equally long."""

BATCH_ROWS = 1 << 16


DOCUMENT = pa.field("document", pa.int64())
DOC_ID = pa.field("doc_id", pa.binary(16))
RANK_HIGH = pa.field("rank_high", pa.uint64())
RANK_LOW = pa.field("rank_low", pa.uint64())

DROPS = pa.schema(
    [
        DOCUMENT,
        pa.field("root", pa.int64()),  # whose fate the document shares; itself if near
        pa.field("reason", pa.string()),
        pa.field("duplicate_of", pa.binary(16)),
        pa.field("similarity", pa.float64()),
        pa.field("run", pa.uint8()),  # which `duplicate_of` is in
    ]
)
"""Dropped documents."""

PARTITION_FIELD = pa.field(PARTITION, pa.uint32())


def document_numbers(shards: Int64, rows: Int64, run: int = 0) -> Int64:
    """Pack run, shard and row."""
    return (run << RUN_BITS) | (shards << ROW_BITS) | rows


def runs_of(documents: Int64) -> npt.NDArray[np.uint8]:
    """The run of each document; 0 is this one."""
    return (documents >> RUN_BITS).astype(np.uint8)


def are_earlier(documents: Int64) -> npt.NDArray[np.bool_]:
    """Whether each document is one of an earlier run."""
    return documents >> RUN_BITS > 0


def numbers(batch: pa.RecordBatch | pa.Table, name: str) -> Any:
    """A numeric column without nulls, as NumPy."""
    column = batch[name]
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    return column.to_numpy(zero_copy_only=False)


def digests(batch: pa.RecordBatch | pa.Table, name: str) -> Digests:
    """A `binary(16)` column as S16; a null reads as zeros or whatever lies beneath."""
    column = batch[name]
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if len(column) == 0:
        return np.zeros(0, "S16")
    buffer = column.buffers()[1]
    return np.frombuffer(buffer, "S16", count=len(column), offset=16 * column.offset)


def digest_array(values: Digests, missing: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """S16 as a `binary(16)` column, null where `missing`."""
    packed = np.ascontiguousarray(values, "S16")
    validity = None
    if missing is not None:
        validity = pa.py_buffer(np.packbits(~missing, bitorder="little"))
    return pa.Array.from_buffers(pa.binary(16), len(packed), [validity, pa.py_buffer(packed)])


def gather(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    """All batches as one table with the columns of `schema`, one chunk each."""
    names = schema.names
    tables = [pa.table({name: batch[name] for name in names}) for batch in batches]
    if not tables:
        return schema.empty_table()
    return pa.concat_tables(tables).combine_chunks()


def emit(schema: pa.Schema, columns: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
    """Batches of at most `BATCH_ROWS` rows from whole columns, with `PARTITION` if it is among
    them; none if there are no rows."""
    if PARTITION in columns:
        schema = schema.append(PARTITION_FIELD)
    arrays = [
        column if isinstance(column, pa.Array | pa.ChunkedArray) else pa.array(column, field.type)
        for field in schema
        for column in (columns[field.name],)
    ]
    yield from pa.table(arrays, schema=schema).to_batches(max_chunksize=BATCH_ROWS)


def partitions_for(n_rows: int, rows_each: int) -> int:
    """How many partitions hold `n_rows` at about `rows_each`: a power of two, so that it seldom
    changes while a corpus grows (a change repeats the shuffle)."""
    return 1 << max(0, (max(n_rows, 1) - 1) // rows_each).bit_length()
