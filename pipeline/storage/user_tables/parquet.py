"""Parquet of unknown origin, a few rows at a time.

Nothing in a Parquet file's metadata tells how large a row is: values lie in pages of any size, and
of a value that is in a dictionary a few bytes make as many copies as there are rows. So the headers
of pages are read first, none of which may expand beyond `parquet_pages.MAX_PAGE_BYTES`, and 16 rows
are decoded at once, fewer where a dictionary holds long values. Cost: 0.3 µs a row; memory: the
rows and the page they lie in.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.storage.tables import BATCH_BYTES
from stages.errors import InputError
from stages.kernels.parquet_pages import largest_page
from stages.regular_files import open_regular

READ_ROWS = 16


def parquet_schema(path: Path) -> pa.Schema:
    """The columns of a file."""
    with open_regular(path) as stream:
        return pq.read_schema(stream)


def parquet_batches(path: Path, names: list[str]) -> Iterator[pa.RecordBatch]:
    """The rows of the named columns, in order."""
    with open_regular(path) as stream:
        values = pq.ParquetFile(stream)
        strings = _strings(values.metadata, names)
        indices = pq.ParquetFile(stream, read_dictionary=strings)
        for group in range(values.num_row_groups):
            _require_small_pages(path, stream, values.metadata.row_group(group), names)
            longest = max((_longest_value(indices, group, name) for name in strings), default=0)
            at_once = min(max(BATCH_BYTES // max(longest, 1), 1), READ_ROWS)
            yield from values.iter_batches(
                at_once, row_groups=[group], columns=names, use_threads=False
            )


def _require_small_pages(path: Path, stream: Any, group: Any, names: list[str]) -> None:
    """InputError if a page of the named columns would fill the memory, or is none."""
    for number in range(group.num_columns):
        chunk = group.column(number)
        if chunk.path_in_schema.partition(".")[0] in names or chunk.path_in_schema in names:
            try:
                largest_page(stream, chunk)
            except ValueError as error:
                raise InputError(f"{path}: column {chunk.path_in_schema}: {error}") from error


def _strings(metadata: pq.FileMetaData, names: list[str]) -> list[str]:
    """Those of the columns that hold strings, as text or bytes."""
    leaves = map(metadata.schema.column, range(metadata.num_columns))
    return [
        leaf.path for leaf in leaves if leaf.path in names and leaf.physical_type == "BYTE_ARRAY"
    ]


def _longest_value(indices: pq.ParquetFile, group: int, name: str) -> int:
    """Bytes of the longest value in a column's dictionary, if it has one."""
    batches = indices.iter_batches(1, row_groups=[group], columns=[name], use_threads=False)
    batch = next(batches, None)
    if batch is None or not pa.types.is_dictionary(batch.schema.field(0).type):
        return 0
    lengths = pc.binary_length(batch.column(0).dictionary)
    return pc.max(lengths).as_py() or 0
