"""Rows of a Parquet file that may have been made to fill the memory.

A file of a kilobyte can hold a page that expands to two gigabytes, a value that all rows share, or
a thousand million rows in one run. So the headers of all pages are read first: none may expand
beyond `parquet_pages.MAX_PAGE_BYTES`, and as many rows are read at once as would fit if each value
were as large as the largest page. What rows expand to in all is bounded by the file's size.

Memory: `_BATCH_BYTES`, a page of each column, and a row. Cost: 6 µs a row.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from stages.kernels.parquet_pages import largest_page
from stages.web.reading.members import FREE_WORK_BYTES, MAX_EXPANSION

MAX_BATCH_ROWS = 64
TOO_LARGE: Final[dict[str, Any]] = {}
"""Stands for a row with a value above the limit."""

_BATCH_BYTES = 64 << 20
_ROW_WORK = 256
"""What a row costs beside its bytes."""


def read_rows(
    file: Any, columns: Sequence[str], max_value_bytes: int
) -> Iterator[Mapping[str, str | None]]:
    """The rows, with those of the columns that hold strings or bytes (as UTF-8), or `TOO_LARGE`.
    Raises `pyarrow.ArrowException`, `OSError` or `ValueError` where the file is damaged."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    allowed = FREE_WORK_BYTES + MAX_EXPANSION * size
    metadata = pq.read_metadata(file)
    texts = [field.name for field in metadata.schema.to_arrow_schema() if _is_text(field.type)]
    present = [name for name in columns if texts.count(name) == 1]
    parquet = pq.ParquetFile(file, metadata=metadata, buffer_size=1 << 16, pre_buffer=False)
    for group in range(metadata.num_row_groups):
        n_rows = _rows_at_once(file, metadata.row_group(group), present)
        for batch in parquet.iter_batches(n_rows, row_groups=[group], columns=present):
            columns_read = [_Values(batch.column(name)) for name in present]
            for row in range(batch.num_rows):
                buffers = [column.buffer(row) for column in columns_read]
                lengths = [0 if buffer is None else buffer.size for buffer in buffers]
                allowed -= sum(lengths) + _ROW_WORK
                if allowed < 0:
                    raise ValueError(f"{size} bytes expand beyond all reason")
                if max(lengths, default=0) > max_value_bytes:
                    yield TOO_LARGE
                else:
                    yield dict(zip(present, map(_text, buffers), strict=True))


class _Values:
    """A column of a batch, its values taken out of their dictionary one at a time."""

    def __init__(self, column: pa.Array) -> None:
        is_coded = pa.types.is_dictionary(column.type)
        self._values = column.dictionary if is_coded else column
        self._places = column.indices.to_pylist() if is_coded else range(len(column))

    def buffer(self, row: int) -> pa.Buffer | None:
        """The bytes of a value, not copied."""
        place = self._places[row]
        value = None if place is None else self._values[place]
        return value.as_buffer() if value is not None and value.is_valid else None


def _text(buffer: pa.Buffer | None) -> str | None:
    return None if buffer is None else str(memoryview(buffer), "utf-8", "replace")


def _is_text(data_type: pa.DataType) -> bool:
    if pa.types.is_dictionary(data_type):
        data_type = data_type.value_type
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    bytes_kinds = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
    return any(is_kind(data_type) for is_kind in (*kinds, *bytes_kinds))


def _rows_at_once(file: Any, group: Any, names: Sequence[str]) -> int:
    """How many rows of a row group may be read at once, by its largest pages."""
    total = 1
    for number in range(group.num_columns):
        chunk = group.column(number)
        if chunk.path_in_schema in names:
            total += largest_page(file, chunk)
    return max(1, min(MAX_BATCH_ROWS, _BATCH_BYTES // total))
