"""The pages of a Parquet column chunk, by their headers (Apache Parquet, `PageHeader` in Thrift's
compact protocol).

pyarrow reads whole rows, and what a file says of their size need not be true. Headers tell what a
page expands to before anything is expanded, and let a reader pass over pages that nobody wants.
Only integers and truth values are kept of a header; statistics and the like are passed over.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

DATA, DICTIONARY, DATA_V2 = 0, 2, 3
"""Kinds of pages; of others (an index) there is nothing to read."""

DELTA_BYTE_ARRAY = 7
"""The encoding of which a page's size says nothing of its values'."""

MAX_PAGE_BYTES = 128 << 20
"""What a page of a stranger's file may expand to where it is read as a whole. Most writers end one
at 1 MiB, DuckDB at 100 MB."""

_HEADER_BYTES = 1 << 10
_MAX_HEADER_BYTES = 1 << 20
_MAX_VARINT_BYTES = 10
_MAX_NESTING = 8
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12

_KIND, _UNCOMPRESSED_SIZE, _COMPRESSED_SIZE = 1, 2, 3
_OWN_HEADER = {DATA: 5, DICTIONARY: 7, DATA_V2: 8}
_N_VALUES = 1
_ENCODING = {DATA: 2, DICTIONARY: 2, DATA_V2: 4}
_V2_DEFINITION_BYTES, _V2_REPETITION_BYTES, _V2_IS_COMPRESSED = 5, 6, 7

_Fields = dict[int, "int | _Fields"]


@dataclass(frozen=True, slots=True)
class Page:
    """One page: where its bytes lie, and what its header says. `n_values` counts nulls, too. The
    levels of a `DATA_V2` page are not compressed and come first."""

    kind: int
    at: int
    compressed_bytes: int
    uncompressed_bytes: int
    n_values: int
    encoding: int
    repetition_bytes: int = 0
    definition_bytes: int = 0
    is_compressed: bool = True


def _range_of(chunk: Any) -> tuple[int, int]:
    """First byte and end of a column chunk (`pyarrow.parquet.ColumnChunkMetaData`)."""
    start = chunk.data_page_offset
    if chunk.has_dictionary_page and chunk.dictionary_page_offset:
        start = min(start, chunk.dictionary_page_offset)
    return start, start + chunk.total_compressed_size


def read_pages(file: Any, chunk: Any) -> Iterator[Page]:
    """The pages of a chunk in order. ValueError where no page begins or one cannot be. A chunk
    without values has none: writers leave its offsets at 0."""
    if not chunk.num_values:
        return
    at, end = _range_of(chunk)
    while at < end:
        page = _read_page(file, at)
        yield page
        at = page.at + page.compressed_bytes


def small_pages(file: Any, chunk: Any) -> list[Page]:
    """The pages of a chunk; ValueError if one expands to more than `MAX_PAGE_BYTES`."""
    pages = []
    for page in read_pages(file, chunk):
        if page.uncompressed_bytes > MAX_PAGE_BYTES:
            raise ValueError(f"byte {page.at}: a page of {page.uncompressed_bytes} bytes")
        pages.append(page)
    return pages


def largest_page(file: Any, chunk: Any) -> int:
    """Bytes of the chunk's largest page, expanded; ValueError if one is above `MAX_PAGE_BYTES`."""
    return max((page.uncompressed_bytes for page in small_pages(file, chunk)), default=0)


def _read_page(file: Any, at: int) -> Page:
    fields, length = _read_header(file, at)
    kind = _integer(fields, _KIND)
    uncompressed = _integer(fields, _UNCOMPRESSED_SIZE)
    compressed = _integer(fields, _COMPRESSED_SIZE)
    own = fields.get(_OWN_HEADER.get(kind, -1), {})
    own = own if isinstance(own, dict) else {}
    page = Page(
        kind=kind,
        at=at + length,
        compressed_bytes=compressed,
        uncompressed_bytes=uncompressed,
        n_values=_integer(own, _N_VALUES, 0),
        encoding=_integer(own, _ENCODING.get(kind, -1), 0),
        repetition_bytes=_integer(own, _V2_REPETITION_BYTES, 0) if kind == DATA_V2 else 0,
        definition_bytes=_integer(own, _V2_DEFINITION_BYTES, 0) if kind == DATA_V2 else 0,
        is_compressed=kind != DATA_V2 or bool(own.get(_V2_IS_COMPRESSED, True)),
    )
    n_levels = page.repetition_bytes + page.definition_bytes
    if min(uncompressed, compressed, page.n_values, n_levels) < 0 or n_levels > compressed:
        raise ValueError(f"byte {at}: a page of {uncompressed} bytes in {compressed}")
    return page


def _integer(fields: _Fields, number: int, default: int = -1) -> int:
    value = fields.get(number, default)
    return value if isinstance(value, int) else default


def _read_header(file: Any, at: int) -> tuple[_Fields, int]:
    """The fields of the header at an offset, and its length."""
    size = _HEADER_BYTES
    while True:
        file.seek(at)
        data = file.read(size)
        try:
            return _read_struct(data, 0, 0)
        except IndexError:
            if len(data) < size or size >= _MAX_HEADER_BYTES:
                raise ValueError(f"byte {at}: no page begins here") from None
            size *= 4


def _read_struct(data: bytes, at: int, nesting: int) -> tuple[_Fields, int]:
    """The integers and structs of a struct by field, and its end. Raises `IndexError` where data
    ends."""
    if nesting > _MAX_NESTING:
        raise ValueError("a page header nested too deeply")
    fields: _Fields = {}
    number = 0
    while data[at]:
        step, kind = data[at] >> 4, data[at] & 15
        at += 1
        if step == 0:
            step, at = _read_integer(data, at)
            number = step
        else:
            number += step
        fields[number], at = _read_value(data, at, kind, nesting)
    return fields, at + 1


def _read_value(data: bytes, at: int, kind: int, nesting: int) -> "tuple[int | _Fields, int]":
    """A value, if it is an integer, a truth value or a struct (else 0), and its end."""
    if kind in {_TRUE, _FALSE}:
        return int(kind == _TRUE), at
    if kind < _DOUBLE and kind != _BYTE:
        return _read_integer(data, at)
    if kind == _BINARY:
        size, at = _read_varint(data, at)
    elif kind == _STRUCT:
        return _read_struct(data, at, nesting + 1)
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
