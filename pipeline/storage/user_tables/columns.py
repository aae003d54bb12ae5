"""Which columns a table has, and what they hold."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.storage.tables import BATCH_BYTES, BATCH_ROWS
from pipeline.storage.user_tables.formats import require_format
from pipeline.storage.user_tables.json_lines import json_records
from pipeline.storage.user_tables.parquet import parquet_schema
from pipeline.storage.user_tables.types import JSON_TEXT, UNFIT, UNREADABLE, is_binary_type
from stages.errors import ConfigError


def column_names(path: Path) -> set[str]:
    """The columns of the file: of a JSONL file, the keys of its first 2,048 rows."""
    require_format(path)
    try:
        if path.name.endswith(".parquet"):
            return _distinct(path, parquet_schema(path).names)
        names: set[str] = set()
        for number, (_, record) in enumerate(json_records(path)):
            names.update(record if isinstance(record, dict) else ())
            if number == BATCH_ROWS:
                break
        return names
    except UNREADABLE as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error


def column_types(path: Path) -> dict[str, pa.DataType]:
    """The columns of the file and what they hold. A JSONL file is read to its end for it: values
    of several types make a column of JSON text."""
    require_format(path)
    try:
        if path.name.endswith(".parquet"):
            schema = parquet_schema(path)
            _distinct(path, schema.names)
            return {one.name: _stored(one.type) for one in schema}
        types: dict[str, pa.DataType] = {}
        for records in _batched(path):
            for name in dict.fromkeys(name for record in records for name in record):
                found = _inferred([record.get(name) for record in records])
                types[name] = _unified(types.get(name, pa.null()), found)
        return types
    except UNREADABLE as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error


def _batched(path: Path) -> Iterator[list[dict[str, Any]]]:
    """The objects of a JSONL file, up to 2,048 or 16 MiB at once; broken lines are left out."""
    records: list[dict[str, Any]] = []
    size = 0
    for n_bytes, record in json_records(path):
        if len(records) == BATCH_ROWS or size > BATCH_BYTES:
            yield records
            records, size = [], 0
        if isinstance(record, dict):
            records.append(record)
            size += n_bytes
    yield records


def _stored(kind: pa.DataType) -> pa.DataType:
    """As rows are read: neither an extension nor a dictionary."""
    if isinstance(kind, pa.ExtensionType):
        kind = kind.storage_type
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _inferred(values: Sequence[Any]) -> pa.DataType:
    try:
        found = pa.array(values).type  # `infer_type` says nothing of mixed values
    except UNFIT:
        return JSON_TEXT
    return JSON_TEXT if pa.types.is_nested(found) else found


def _unified(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    schemas = [pa.schema([("column", kind)]) for kind in (one, other)]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return JSON_TEXT


def _distinct(path: Path, names: Sequence[str]) -> set[str]:
    found = set(names)
    if len(found) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError(f"{path}: two columns are called {twice!r}; rename or remove one")
    return found


def is_binary(path: Path, name: str) -> bool:
    """Whether the file holds the column as bytes rather than text."""
    if not path.name.endswith(".parquet"):
        return False
    schema = parquet_schema(path)
    return name in schema.names and is_binary_type(schema.field(name).type)
