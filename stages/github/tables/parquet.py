"""The files that a Parquet table holds: what is said of them first, their contents last.

pyarrow reads what is said of files: names, times, licences, a few bytes each, some rows at a time,
strings in their dictionaries, which no file can make expand. Contents are a column of their own
that is read beside them, string by string (`leaf`), so that a row may hold a repository of
gigabytes, and what is not wanted is never expanded.

Memory: what is said of the files of a batch of rows, up to `_BATCH_BYTES` (a row that has more
than `MAX_PLACES` files ends the table), and what `leaf` holds. Cost: docs/github.md.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stages.github.entries import Damaged
from stages.github.tables.leaf import StringColumn
from stages.github.tables.records import Record
from stages.kernels.parquet_pages import DICTIONARY, MAX_PAGE_BYTES, read_pages

MAX_PLACES = 1 << 24
"""Files whose rows lie in one row group, where a row is a repository."""

_BATCH_ROWS = 1024
_FEW_ROWS = 16
_BATCH_BYTES = 256 << 20
_MANY_PLACES = 1 << 20
_SLICE = 4096

_Reader = Callable[[int, int], list[Any]]
"""The values from a place on, so many."""


@dataclass(frozen=True)
class Leaf:
    """A column that holds values: its number, its place in structs and lists, and that as Parquet
    names it."""

    number: int
    name: str
    path: str
    list_name: str
    """The list it lies in, empty outside of one."""


def leaves_of(metadata: Any) -> list[Leaf]:
    """The columns of a file; a list is not named, `files.path` is a field of the structs in the
    list `files`."""
    parts = names_of(metadata.schema.to_arrow_schema())
    return [
        Leaf(number, name, metadata.schema.column(number).path, list_name)
        for number, (name, list_name) in enumerate(parts)
    ]


def names_of(schema: pa.Schema) -> list[tuple[str, str]]:
    """The columns that hold values, dotted where they lie in structs, and the list each lies in."""
    return [leaf for field in schema for leaf in _walk(field, "", "")]


def _walk(field: pa.Field, above: str, list_name: str) -> Iterator[tuple[str, str]]:
    name = f"{above}.{field.name}" if above else field.name
    kind = field.type
    while pa.types.is_list(kind) or pa.types.is_large_list(kind):
        list_name = list_name or name
        kind = kind.value_type
    if pa.types.is_struct(kind):
        for child in kind:
            yield from _walk(child, name, list_name)
    elif pa.types.is_map(kind):
        yield from ((f"{name}.{part}", list_name or name) for part in ("key", "value"))
    else:
        yield name, list_name


def read_records(
    file: Any, metadata: Any, columns: Mapping[str, str], max_bytes: int
) -> Iterator[Record]:
    """The files of a table whose columns are these (role → name), in order. Raises `Damaged`,
    `pyarrow.ArrowException`, `OSError` or `ValueError` where it is damaged."""
    leaves = {leaf.name: leaf for leaf in leaves_of(metadata)}
    table = _Table(file, metadata, leaves, columns, max_bytes)
    number = 0
    for group in range(metadata.num_row_groups):
        yield from table.records(group, number)
        number += metadata.row_group(group).num_rows


class _Table:
    def __init__(
        self,
        file: Any,
        metadata: Any,
        leaves: Mapping[str, Leaf],
        columns: Mapping[str, str],
        max_bytes: int,
    ) -> None:
        self._file = file
        self._metadata = metadata
        self._max_bytes = max_bytes
        self._text = leaves[columns["text"]]
        self._list = self._text.list_name
        said = {role: leaves[name] for role, name in columns.items() if role != "text"}
        self._of_files = {role: leaf for role, leaf in said.items() if self._is_listed(leaf)}
        self._of_rows = {role: leaf for role, leaf in said.items() if role not in self._of_files}
        self._leaves = list(dict.fromkeys(said.values()))
        if self._list and not self._of_files:
            self._leaves.append(self._counting_leaf(leaves))
        self._parquet = pq.ParquetFile(
            file,
            metadata=metadata,
            buffer_size=1 << 16,
            pre_buffer=False,
            read_dictionary=[leaf.path for leaf in self._leaves if self._is_string(leaf)],
        )

    def _is_listed(self, leaf: Leaf) -> bool:
        return bool(self._list) and leaf.list_name == self._list

    def _is_string(self, leaf: Leaf) -> bool:
        return bool(self._metadata.schema.column(leaf.number).physical_type == "BYTE_ARRAY")

    def _counting_leaf(self, leaves: Mapping[str, Leaf]) -> Leaf:
        """A column beside the contents that tells how many files a row has."""
        for leaf in leaves.values():
            if self._is_listed(leaf) and leaf != self._text:
                return leaf
        raise Damaged("corrupt", f"the list {self._list!r} holds nothing beside the contents")

    def records(self, group: int, number: int) -> Iterator[Record]:
        """The files of a row group whose first row has this number."""
        texts = StringColumn(
            self._file,
            self._metadata.row_group(group).column(self._text.number),
            self._metadata.schema.column(self._text.number),
            self._max_bytes,
        )
        try:
            for row, index, fields in self._files(group, number):
                if fields is None:
                    texts.skip(1)
                    continue
                text = _Text(texts, begins_row=not index)
                yield Record(row, index, fields, text.read)
                if not text.was_read:
                    texts.skip(1)
        finally:
            texts.close()

    def _files(
        self, group: int, number: int
    ) -> Iterator[tuple[int, int | None, Mapping[str, Any] | None]]:
        """What is said of every file, with its row and its place there; null for a row without
        any."""
        if not self._leaves:
            for row in range(self._metadata.row_group(group).num_rows):
                yield number + row, None, {}
            return
        batches = self._parquet.iter_batches(
            self._rows_at_once(group),
            row_groups=[group],
            columns=[leaf.path for leaf in self._leaves],
            use_threads=False,
        )
        for batch in batches:
            columns = {
                role: _reader(_descend(batch, leaf.name)) for role, leaf in self._of_rows.items()
            }
            fields = _dicts(columns, 0, batch.num_rows)
            if not self._list:
                yield from ((number + row, None, one) for row, one in enumerate(fields))
            else:
                yield from self._files_of_rows(batch, fields, number)
            number += batch.num_rows

    def _files_of_rows(
        self, batch: pa.RecordBatch, rows: Sequence[Mapping[str, Any]], number: int
    ) -> Iterator[tuple[int, int | None, Mapping[str, Any] | None]]:
        lists = _descend(batch, self._list)
        lengths = pc.fill_null(pc.list_value_length(lists), 0).to_pylist()
        listed = lists.flatten()
        columns = {
            role: _reader(_inside(listed, leaf.name[len(self._list) + 1 :]))
            for role, leaf in self._of_files.items()
        }
        start = 0
        for row, length in enumerate(lengths):
            if not length:
                yield number + row, None, None
            for first in range(0, length, _SLICE):
                n_files = min(_SLICE, length - first)
                for index, file in enumerate(_dicts(columns, start + first, n_files), first):
                    yield number + row, index, {**rows[row], **file}
            start += length

    def _rows_at_once(self, group: int) -> int:
        """How many rows of a row group may be read at once, by its pages."""
        n_bytes = largest = n_places = 0
        for leaf in self._leaves:
            chunk = self._metadata.row_group(group).column(leaf.number)
            n_here = 0
            for page in read_pages(self._file, chunk):
                if page.uncompressed_bytes > MAX_PAGE_BYTES:
                    problem = f"byte {page.at}: a page of {page.uncompressed_bytes} bytes"
                    raise Damaged("limit", problem, offset=page.at)
                largest = max(largest, page.uncompressed_bytes)
                n_bytes += page.uncompressed_bytes
                n_here += page.n_values if page.kind != DICTIONARY else 0
            n_places = max(n_places, n_here) if self._list else 0
        if n_places > MAX_PLACES:
            raise Damaged("limit", f"a row group of {n_places} files (at most {MAX_PLACES})")
        if n_bytes > _BATCH_BYTES:
            return max(1, min(_FEW_ROWS, _BATCH_BYTES // (largest * len(self._leaves))))
        return _FEW_ROWS if n_places > _MANY_PLACES else _BATCH_ROWS


class _Text:
    """The contents of one file, to be read once or not at all."""

    def __init__(self, texts: StringColumn, *, begins_row: bool) -> None:
        self._texts = texts
        self._begins_row = begins_row
        self.was_read = False

    def read(self) -> bytes | str:
        self.was_read = True
        return self._texts.take(begins_row=self._begins_row)


def _descend(batch: pa.RecordBatch, name: str) -> pa.Array:
    """A column of a batch, or a field of its structs, by its dotted name."""
    top = next(one for one in batch.schema.names if f"{name}.".startswith(f"{one}."))
    return _inside(batch.column(top), name[len(top) + 1 :])


def _inside(array: pa.Array, name: str) -> pa.Array:
    """A field of a struct array, by its dotted name; of no name the array itself."""
    while name:
        field = next(one.name for one in array.type if f"{name}.".startswith(f"{one.name}."))
        array, name = pc.struct_field(array, field), name[len(field) + 1 :]
    return array


def _dicts(columns: Mapping[str, _Reader], start: int, n_rows: int) -> list[dict[str, Any]]:
    values = [read(start, n_rows) for read in columns.values()]
    if not values:
        return [{} for _ in range(n_rows)]
    return [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]


def _reader(array: pa.Array) -> _Reader:
    """What makes Python's values of a part of an array. A dictionary is made once."""
    if pa.types.is_dictionary(array.type):
        distinct = _values(array.dictionary)
        places = array.indices
        return lambda start, n_rows: [
            None if place is None else distinct[place]
            for place in places.slice(start, n_rows).to_pylist()
        ]
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        read = _reader(array.flatten())
        lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
        ends = np.concatenate(([0], np.cumsum(lengths)))

        def lists(start: int, n_rows: int) -> list[Any]:
            first = int(ends[start])
            values = read(first, int(ends[start + n_rows]) - first)
            bounds = (ends[start : start + n_rows + 1] - first).tolist()
            return [values[begin:end] for begin, end in pairwise(bounds)]

        return lists
    return lambda start, n_rows: _values(array.slice(start, n_rows))


def _values(array: pa.Array) -> list[Any]:
    """Values without parts: strings that are no UTF-8 escaped, times as text, since Python's end
    in the year 9999 and Arrow's do not."""
    kind = array.type
    if _is_text(kind):
        strings = array.cast(pa.large_binary()).to_pylist()
        return [None if one is None else one.decode("utf-8", "backslashreplace") for one in strings]
    if pa.types.is_timestamp(kind):
        array = array.cast(pa.timestamp(kind.unit))
    if pa.types.is_temporal(kind):
        array = array.cast(pa.string())
    elif pa.types.is_decimal(kind):
        array = array.cast(pa.float64())
    return array.to_pylist()  # type: ignore[no-any-return]


def _is_text(kind: pa.DataType) -> bool:
    views = pa.types.is_string_view(kind) or pa.types.is_binary_view(kind)
    texts = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return bool(views or texts or pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
