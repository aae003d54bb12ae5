"""Rows of a Parquet file that may have been made to fill the memory.

A file of a kilobyte can hold a page that expands to two gigabytes, a value that all rows share, or
a thousand million rows in one run. So the headers of all pages are read first (Apache Parquet,
`PageHeader` in Thrift's compact protocol): none may expand beyond `MAX_PAGE_BYTES`, and as many
rows are read at once as would fit if each value were as large as the largest page. What rows expand
to in all is bounded by the file's size.

Memory: `_BATCH_BYTES`, a page of each column, and a row. Cost: 6 µs a row.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from stages.web.reading.members import FREE_WORK_BYTES, MAX_EXPANSION

MAX_PAGE_BYTES = 128 << 20
"""Most writers end a page at 1 MiB, DuckDB at 100 MB."""
MAX_BATCH_ROWS = 64
TOO_LARGE: Final[dict[str, Any]] = {}
"""Stands for a row with a value above the limit."""

_BATCH_BYTES = 64 << 20
_ROW_WORK = 256
"""What a row costs beside its bytes."""
_HEADER_BYTES = 1 << 10
_MAX_HEADER_BYTES = 1 << 20
_MAX_VARINT_BYTES = 10
_MAX_NESTING = 8
_UNCOMPRESSED_SIZE, _COMPRESSED_SIZE = 2, 3
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12


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
            total += _largest_page(file, chunk)
    return max(1, min(MAX_BATCH_ROWS, _BATCH_BYTES // total))


def _largest_page(file: Any, chunk: Any) -> int:
    """Bytes of the largest page of a column chunk, decompressed."""
    at = chunk.data_page_offset
    if chunk.has_dictionary_page and chunk.dictionary_page_offset:
        at = min(at, chunk.dictionary_page_offset)
    end = at + chunk.total_compressed_size
    largest = 0
    while at < end:
        uncompressed, compressed, header = _page_sizes(file, at)
        if not 0 <= uncompressed <= MAX_PAGE_BYTES or compressed < 0:
            raise ValueError(f"byte {at}: a page of {uncompressed} bytes")
        largest = max(largest, uncompressed)
        at += header + compressed
    return largest


def _page_sizes(file: Any, at: int) -> tuple[int, int, int]:
    """Decompressed and compressed size of the page at an offset, and its header's."""
    size = _HEADER_BYTES
    while True:
        file.seek(at)
        data = file.read(size)
        try:
            fields, end = _read_struct(data, 0, 0)
        except IndexError:
            if len(data) < size or size >= _MAX_HEADER_BYTES:
                raise ValueError(f"byte {at}: no page begins here") from None
            size *= 4
            continue
        return fields.get(_UNCOMPRESSED_SIZE, -1), fields.get(_COMPRESSED_SIZE, -1), end


def _read_struct(data: bytes, at: int, nesting: int) -> tuple[dict[int, int], int]:
    """The integers of a struct by field, and its end. Raises `IndexError` where data ends."""
    if nesting > _MAX_NESTING:
        raise ValueError("a page header nested too deeply")
    fields: dict[int, int] = {}
    number = 0
    while data[at]:
        step, kind = data[at] >> 4, data[at] & 15
        at += 1
        if step == 0:
            step, at = _read_integer(data, at)
            number = step
        else:
            number += step
        value, at = _read_value(data, at, kind, nesting)
        fields[number] = value
    return fields, at + 1


def _read_value(data: bytes, at: int, kind: int, nesting: int) -> tuple[int, int]:
    """A value, if it is an integer (else 0), and its end."""
    if kind in {_TRUE, _FALSE}:
        return 0, at
    if kind < _DOUBLE and kind != _BYTE:
        return _read_integer(data, at)
    if kind == _BINARY:
        size, at = _read_varint(data, at)
    elif kind == _STRUCT:
        return 0, _read_struct(data, at, nesting + 1)[1]
    elif kind in {_LIST, _SET}:
        return 0, _skip_list(data, at, nesting)
    else:
        size = {_BYTE: 1, _DOUBLE: 8}.get(kind, len(data))
    if at + size > len(data):
        raise IndexError
    return 0, at + size


def _skip_list(data: bytes, at: int, nesting: int) -> int:
    size, kind = data[at] >> 4, data[at] & 15
    at += 1
    if size == 15:
        size, at = _read_varint(data, at)
    for _ in range(size):
        _, end = _read_value(data, at, kind, nesting + 1)
        at = max(end, at + 1)  # booleans take a byte in a list
        if at > len(data):
            raise IndexError
    return at


def _read_integer(data: bytes, at: int) -> tuple[int, int]:
    value, at = _read_varint(data, at)
    return value >> 1 ^ -(value & 1), at


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for position in range(_MAX_VARINT_BYTES):
        byte = data[at + position]
        value |= (byte & 127) << 7 * position
        if byte < 128:
            return value, at + position + 1
    raise ValueError("a page header with an endless number")
