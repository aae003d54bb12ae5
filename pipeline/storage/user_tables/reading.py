"""A table in batches of at most 2,048 rows or 16 MiB, so that memory does not grow with the file.

A line that is no JSON object, and a row above 16 MiB, is a row all the same: `broken` names it, and
its columns are null, so that the answer stays row for row beside the input.

Memory: a batch and, while it is gathered, one line with what JSON makes of it (25 times its bytes
at worst: a line of empty lists), or the pages of Parquet that a batch
lies in (of large ones those of 16 rows).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.storage.tables import BATCH_BYTES, BATCH_ROWS
from pipeline.storage.user_tables.json_lines import ROW_BYTES, json_records
from pipeline.storage.user_tables.parquet import parquet_batches
from pipeline.storage.user_tables.row_bytes import cut_by_bytes, row_bytes
from pipeline.storage.user_tables.types import (
    JSON_TEXT,
    UNFIT,
    UNREADABLE,
    is_binary_type,
    is_text,
)
from stages.errors import ConfigError, InputError


@dataclass(frozen=True)
class Rows:
    """One batch, and what is wrong with which of its rows."""

    batch: pa.RecordBatch
    broken: Mapping[int, str] = field(default_factory=dict)


def read_rows(path: Path, types: Mapping[str, pa.DataType]) -> Iterator[Rows]:
    """The columns of `types`, as those types, in batches. ConfigError if a column cannot be one."""
    read = _read_parquet if path.name.endswith(".parquet") else _read_jsonl
    batches = read(path, types)
    while True:
        try:
            rows = next(batches, None)
        except UNREADABLE as error:
            raise InputError(f"{path}: cannot be read further: {error}") from error
        if rows is None:
            return
        yield rows


def _read_parquet(path: Path, types: Mapping[str, pa.DataType]) -> Iterator[Rows]:
    held: list[pa.RecordBatch] = []
    n_rows = n_bytes = 0
    for batch in parquet_batches(path, list(types)):
        for part in cut_by_bytes(batch, BATCH_ROWS, BATCH_BYTES):
            size = int(row_bytes(part).sum())
            if held and (n_rows + part.num_rows > BATCH_ROWS or n_bytes + size > BATCH_BYTES):
                yield _row_by_row(path, held, types)
                held, n_rows, n_bytes = [], 0, 0
            held.append(part)
            n_rows += part.num_rows
            n_bytes += size
    if held:
        yield _row_by_row(path, held, types)


def _row_by_row(
    path: Path, held: Sequence[pa.RecordBatch], types: Mapping[str, pa.DataType]
) -> Rows:
    """One batch, as its types; what is wrong with a row is noted, and its values are null."""
    batch = pa.Table.from_batches(held).combine_chunks().to_batches()[0]
    broken: dict[int, str] = {}
    too_large = row_bytes(batch) > ROW_BYTES
    if too_large.any():
        broken = dict.fromkeys(np.flatnonzero(too_large).tolist(), f"a row above {ROW_BYTES} bytes")
        batch = batch.take(pa.array(np.arange(len(too_large)), mask=too_large))
    arrays = [_typed(path, name, batch.column(name), kind, broken) for name, kind in types.items()]
    return Rows(pa.RecordBatch.from_arrays(arrays, names=list(types)), broken)


def _typed(
    path: Path, name: str, array: pa.Array, kind: pa.DataType, broken: dict[int, str]
) -> pa.Array:
    """The column as `kind`; rows whose bytes are no text become null and are noted in `broken`."""
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    try:
        result = array if array.type == kind else array.cast(kind)
        result.validate(full=True)
    except pa.ArrowInvalid:
        if not (is_text(kind) and (is_binary_type(array.type) or is_text(array.type))):
            raise ConfigError(f"{path}: column {name!r} is {array.type}, not {kind}") from None
    except pa.ArrowNotImplementedError:
        raise ConfigError(f"{path}: column {name!r} is {array.type}, not {kind}") from None
    else:
        return result
    values: list[str | None] = []
    for row, value in enumerate(array.cast(pa.large_binary()).to_pylist()):
        try:
            values.append(None if value is None else value.decode())
        except UnicodeDecodeError as error:
            broken[row] = f"{name}: {error}"
            values.append(None)
    return pa.array(values, kind)


def _read_jsonl(path: Path, types: Mapping[str, pa.DataType]) -> Iterator[Rows]:
    records: list[dict[str, Any]] = []
    broken: dict[int, str] = {}
    size = 0
    for n_bytes, record in json_records(path):
        if len(records) == BATCH_ROWS or (records and size + n_bytes > BATCH_BYTES):
            yield _from_records(records, types, broken)
            records, broken, size = [], {}, 0
        if isinstance(record, str):
            broken[len(records)] = record
            record = {}  # noqa: PLW2901
        records.append({name: record[name] for name in types if name in record})
        size += n_bytes
    if records:
        yield _from_records(records, types, broken)


def _from_records(
    records: Sequence[Mapping[str, Any]], types: Mapping[str, pa.DataType], broken: dict[int, str]
) -> Rows:
    arrays = []
    for name, kind in types.items():
        values = [record.get(name) for record in records]
        if kind == JSON_TEXT:
            values = [
                None if one is None else json.dumps(one, ensure_ascii=False) for one in values
            ]
        try:
            arrays.append(pa.array(values, kind))
        except UNFIT:
            arrays.append(pa.array(_fitting(values, name, kind, broken), kind))
    return Rows(pa.RecordBatch.from_arrays(arrays, names=list(types)), broken)


def _fitting(
    values: Sequence[Any], name: str, kind: pa.DataType, broken: dict[int, str]
) -> list[Any]:
    """The values that can be `kind`; the others become null and are noted in `broken`."""
    fitting = []
    for row, value in enumerate(values):
        try:
            fitting.append(pa.scalar(value, kind).as_py())
        except UNFIT as error:
            broken[row] = f"{name}: {error}"
            fitting.append(None)
    return fitting
