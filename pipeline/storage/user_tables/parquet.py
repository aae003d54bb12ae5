"""Parquet of unknown origin, a batch at a time.

Nothing in a Parquet file's metadata tells how large a row is: values lie in pages of any size, and
of a value that is in a dictionary a few bytes make as many copies as there are rows. So the headers
of pages are read first, none of which may expand beyond `parquet_pages.MAX_PAGE_BYTES`. They say
what so many rows can expand to wherever they begin: as many are decoded at once as stay below
`BATCH_BYTES`, but 16 if their pages are larger, and fewer where a dictionary holds long values.
Cost: 0.3 µs a row; memory: the rows and the pages they lie in.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.storage.tables import BATCH_BYTES, BATCH_ROWS
from stages.errors import InputError
from stages.kernels.parquet_pages import DELTA_BYTE_ARRAY, DICTIONARY, Page, small_pages
from stages.regular_files import open_regular

READ_ROWS = 16
"""Rows that are decoded at once whatever their pages hold."""


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
            chunks = _pages(path, stream, values.metadata.row_group(group), names)
            at_once = _rows_at_once(values.schema, chunks)
            in_dictionary = [
                values.schema.column(number).path
                for number, pages in chunks.items()
                if any(page.kind == DICTIONARY for page in pages)
            ]
            named = [name for name in strings if name in in_dictionary]
            longest = max((_longest_value(indices, group, name) for name in named), default=0)
            at_once = min(max(BATCH_BYTES // max(longest, 1), 1), at_once)
            yield from values.iter_batches(
                at_once, row_groups=[group], columns=names, use_threads=False
            )


def _pages(path: Path, stream: Any, group: Any, names: list[str]) -> dict[int, list[Page]]:
    """The pages of the named columns by the column's number. InputError if one would fill the
    memory, or is none."""
    found = {}
    for number in range(group.num_columns):
        chunk = group.column(number)
        if chunk.path_in_schema.partition(".")[0] in names or chunk.path_in_schema in names:
            try:
                found[number] = small_pages(stream, chunk)
            except ValueError as error:
                raise InputError(f"{path}: column {chunk.path_in_schema}: {error}") from error
    return found


def _rows_at_once(schema: Any, chunks: dict[int, list[Page]]) -> int:
    """How many rows, wherever they begin, lie in pages of `BATCH_BYTES` together, and at least
    `READ_ROWS`. Not known of lists, as nothing tells how many rows a page has, nor of values that
    are stored as what they have in common with the one before."""
    n_rows = BATCH_ROWS
    for number, pages in chunks.items():
        leaf = schema.column(number)
        if leaf.max_repetition_level or any(page.encoding == DELTA_BYTE_ARRAY for page in pages):
            return READ_ROWS
        if leaf.physical_type == "FIXED_LEN_BYTE_ARRAY":  # a null is as long as all others
            n_rows = min(n_rows, max(BATCH_BYTES // max(leaf.length, 1), READ_ROWS))
    while n_rows > READ_ROWS and sum(_most(one, n_rows) for one in chunks.values()) > BATCH_BYTES:
        n_rows //= 2
    return n_rows


def _most(pages: Sequence[Page], n_rows: int) -> int:
    """Bytes of the pages that so many rows one after another can lie in, at most."""
    pages = [page for page in pages if page.kind != DICTIONARY]
    ends = np.cumsum([0, *(page.n_values for page in pages)])
    sizes = np.cumsum([0, *(page.uncompressed_bytes for page in pages)])
    last = np.searchsorted(ends, ends[1:] + n_rows - 1)  # from the last row of each page on
    return int((sizes[np.minimum(last, len(pages))] - sizes[:-1]).max(initial=0))


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
