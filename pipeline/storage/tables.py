"""Parquet and Arrow files of a run: written with digests, read back aligned.

Every table of a corpus has the row groups of its documents table, so that row group i of all of
them is one batch. A batch is at most 2,048 rows or 16 MiB of text: that bounds a task's memory.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from pipeline.storage.digest import ColumnDigests
from pipeline.storage.storage import Storage
from schemas.columns import split_columns
from stages.errors import StorageError

BATCH_ROWS = 2048
BATCH_BYTES = 16 << 20


@dataclass
class Written:
    """What a writer made: filled when its block ends."""

    rows: int = 0
    size: int = 0
    xxh3: str = ""
    columns: dict[str, str] = field(default_factory=dict)


class HashingSink(io.RawIOBase):
    """A write-only stream that hashes and counts what passes."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._state = xxhash.xxh3_128()
        self.size = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.size

    def write(self, data: Any, /) -> int:
        view = memoryview(data)
        self._state.update(view)
        self._target.write(view)
        self.size += view.nbytes
        return view.nbytes

    def hexdigest(self) -> str:
        return self._state.hexdigest()


class TableWriter:
    """Writes batches; each `write` is one row group."""

    def __init__(self, writer: Any, schema: pa.Schema, digests: ColumnDigests) -> None:
        self._writer = writer
        self._digests = digests
        self.schema = schema
        self.rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch, cast to the writer's schema, as one row group."""
        batch = conform(batch, self.schema)
        self._digests.update(batch)
        self._writer.write_batch(batch)
        self.rows += batch.num_rows


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch's columns in the schema's order, types and metadata."""
    arrays = []
    for column in schema:
        array = batch.column(column.name)
        arrays.append(array if array.type == column.type else _cast(array, column.type))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _cast(array: pa.Array, data_type: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(data_type) and not pa.types.is_dictionary(array.type):
        return array.cast(data_type.value_type).dictionary_encode().cast(data_type)
    return array.cast(data_type)


@contextmanager
def write_parquet(
    storage: Storage, path: str, schema: pa.Schema
) -> Iterator[tuple[TableWriter, Written]]:
    """Write a Parquet file (zstd; plain in a temporary run). `Written` is complete once the block
    has ended."""
    written = Written()
    digests = ColumnDigests(schema)
    with storage.open_write(path) as stream:
        sink = HashingSink(stream)
        with pq.ParquetWriter(
            pa.PythonFile(sink, mode="w"),
            schema,
            store_schema=True,
            **(_PLAIN if storage.is_temporary else _encodings(schema)),
        ) as parquet:
            table = TableWriter(parquet, schema, digests)
            yield table, written
        written.size, written.xxh3 = sink.size, sink.hexdigest()
    written.rows, written.columns = table.rows, digests.hexdigests()


_PLAIN = {"compression": "none", "use_dictionary": False, "write_statistics": False}


def _encodings(schema: pa.Schema) -> dict[str, Any]:
    """How Parquet is to be small: compression, and which columns are split by bytes; beside those
    only flat ones have a dictionary."""
    split = split_columns(schema)
    if not split:
        return {"compression": "zstd"}
    return {
        "compression": "zstd",
        "use_byte_stream_split": [f"{name}.list.element" for name in split],
        "use_dictionary": [name for name in schema.names if name not in split],
    }


@contextmanager
def write_arrow(
    storage: Storage, path: str, schema: pa.Schema
) -> Iterator[tuple[TableWriter, Written]]:
    """Write an Arrow IPC file (lz4; plain in a temporary run) for scratch data: any batch of it can
    be read alone."""
    written = Written()
    digests = ColumnDigests(schema)
    compression = None if storage.is_temporary else "lz4"
    options = pa.ipc.IpcWriteOptions(compression=compression, emit_dictionary_deltas=True)
    with storage.open_write(path) as stream:
        sink = HashingSink(stream)
        with pa.ipc.new_file(pa.PythonFile(sink, mode="w"), schema, options=options) as arrow:
            table = TableWriter(arrow, schema, digests)
            yield table, written
        written.size, written.xxh3 = sink.size, sink.hexdigest()
    written.rows, written.columns = table.rows, digests.hexdigests()


@dataclass(frozen=True)
class TableRead:
    """Columns to read from one object of the run, each with the name it gets."""

    path: str
    columns: tuple[tuple[str, str], ...]


def read_aligned(
    storage: Storage, reads: Sequence[TableRead], rows: npt.NDArray[np.int64] | None = None
) -> Iterator[pa.RecordBatch]:
    """Row group after row group, the columns of all `reads` side by side; of these `rows`
    (ascending) alone, if they are given: then a row group without one is not read.

    Each table's `doc_id` is read too and must agree, row for row, with the first one's.
    """
    streams = [storage.open_read(read.path) for read in reads]
    try:
        files = [pq.ParquetFile(stream) for stream in streams]
        first = 0
        for group in range(files[0].num_row_groups):
            end = first + files[0].metadata.row_group(group).num_rows
            if rows is None:
                yield read_group(files, reads, group)
            else:
                wanted = rows[slice(*np.searchsorted(rows, [first, end]))]
                if len(wanted):
                    yield read_group(files, reads, group).take(pa.array(wanted - first))
            first = end
    finally:
        for stream in streams:
            stream.close()


def read_group(
    files: Sequence[pq.ParquetFile], reads: Sequence[TableRead], group: int
) -> pa.RecordBatch:
    """One row group of `read_aligned`."""
    names: list[str] = []
    arrays: list[pa.Array] = []
    identity: pa.Array | None = None
    for file, read in zip(files, reads, strict=True):
        wanted = dict.fromkeys((*(column for column, _ in read.columns), "doc_id"))
        table = file.read_row_group(group, columns=list(wanted), use_threads=False)
        doc_id = single_chunk(table.column("doc_id"))
        if identity is not None and not identity.equals(doc_id):
            raise StorageError(
                f"{read.path}, row group {group}: rows do not match {reads[0].path}; "
                "run `sluice verify`"
            )
        identity = doc_id
        for column, name in read.columns:
            names.append(name)
            arrays.append(single_chunk(table.column(column)))
    return pa.RecordBatch.from_arrays(arrays, names=names)


def single_chunk(column: pa.ChunkedArray) -> pa.Array:
    """The column as one array."""
    if column.num_chunks == 1:
        return column.chunk(0)
    return column.combine_chunks() if column.num_chunks else pa.array([], column.type)


def read_batches(storage: Storage, path: str, columns: list[str] | None = None) -> Iterator[Any]:
    """The row groups of one Parquet file, or the batches of one Arrow file."""
    with storage.open_read(path) as stream:
        if path.endswith(".arrow"):
            reader = pa.ipc.open_file(stream)
            for index in range(reader.num_record_batches):
                yield reader.get_batch(index)
            return
        file = pq.ParquetFile(stream)
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=columns, use_threads=False)
            yield pa.RecordBatch.from_arrays(
                [single_chunk(column) for column in table.columns], schema=table.schema
            )


def cut(batches: Iterable[pa.RecordBatch], sizes: Sequence[int]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of the given sizes, which must add up."""
    rows = [batch for batch in batches if batch.num_rows]
    if not rows and not sum(sizes):
        return
    table = pa.Table.from_batches(rows)
    if table.num_rows != sum(sizes):
        raise StorageError(f"expected {sum(sizes)} rows, got {table.num_rows}")
    start = 0
    for size in sizes:
        part = table.slice(start, size)
        yield pa.RecordBatch.from_arrays(
            [single_chunk(column) for column in part.columns], schema=table.schema
        )
        start += size
