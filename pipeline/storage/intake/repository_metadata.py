"""`github.metadata`: what its rows say of repositories, read before anything runs.

A row that cannot be is the user's to correct, so the first one ends the command, with its file,
row, field and value. Only the columns that are known are looked at; others may hold what they like.
"""

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.storage.credentials import public_url
from stages.errors import ConfigError
from stages.github.metadata import FIELDS, Metadata, WrongField
from stages.regular_files import open_regular

INPUT = "input"


def read_metadata(path: str | None) -> dict[str, dict[str, Any]]:
    """What the rows of a JSONL or Parquet file say, by their `input`: a path or base name.
    ConfigError names the first row and field that cannot be."""
    if path is None:
        return {}
    found = {}
    rows = _parquet_rows(path) if path.endswith(".parquet") else _json_rows(path)
    for number, row in rows:
        place = f"{_named(path)}, row {number}"
        given = row.get(INPUT) if isinstance(row, dict) else None
        if not isinstance(given, str):
            raise ConfigError(f"{place}: {WrongField(INPUT, given, 'a path or base name')}")
        try:
            found[public_url(given)] = Metadata.of(row).values()
        except WrongField as error:
            raise ConfigError(f"{place}: {error}") from error
    return found


def _json_rows(path: str) -> Iterator[tuple[int, Any]]:
    """Every line that is not blank, with its number."""
    try:
        with open_regular(path) as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield number, _parsed(path, number, line)
    except OSError as error:
        raise _unreadable(path, error) from error


def _parsed(path: str, number: int, line: bytes) -> Any:
    try:
        return json.loads(line)
    except RecursionError as error:
        raise ConfigError(f"{_named(path)}, row {number}: nested too deeply") from error
    except ValueError as error:
        raise ConfigError(f"{_named(path)}, row {number} is no JSON: {error}") from error


def _parquet_rows(path: str) -> Iterator[tuple[int, Any]]:
    number = 0
    try:
        with open_regular(path) as stream:
            table = pq.ParquetFile(stream)
            known = [name for name in table.schema_arrow.names if name in (INPUT, *FIELDS)]
            for name in known:
                if known.count(name) > 1:
                    raise ConfigError(f"{_named(path)} has two columns `{name}`; rename one")
            for batch in table.iter_batches(columns=known):
                values = [_values(batch.column(name)) for name in batch.schema.names]
                for row in zip(*values, strict=True):
                    number += 1
                    yield number, dict(zip(batch.schema.names, row, strict=True))
    except (OSError, ValueError, pa.ArrowException) as error:  # names that are no UTF-8, too
        raise _unreadable(path, error) from error


def _values(column: pa.Array) -> list[Any]:
    """Timestamps as text: Python's end in the year 9999, Arrow's do not."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp(column.type.unit))
    if pa.types.is_temporal(column.type):
        column = column.cast(pa.string())
    return column.to_pylist()  # type: ignore[no-any-return]


def _named(path: str) -> str:
    return f"github.metadata = {path!r}"


def _unreadable(path: str, error: Exception) -> ConfigError:
    reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
    return ConfigError(f"{_named(path)} cannot be read: {reason}")
