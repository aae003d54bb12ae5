"""Tables that users bring: Parquet and JSONL (plain, .gz, .zst), read and written in batches.

A batch holds at most 2,048 rows or 16 MiB, so memory does not grow with the file. A line that is
no JSON object, and a row above 16 MiB, is a row all the same: `broken` names it, and its columns
are null, so that the answer stays row for row beside the input.

Memory: a batch and, while it is gathered, one line with what JSON makes of it (25 times its bytes
at worst: a line of empty lists), or 16 rows and a page of Parquet.
"""

import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from pipeline.storage.replace import replacing
from pipeline.storage.row_bytes import cut_by_bytes, row_bytes
from pipeline.storage.tables import BATCH_BYTES, BATCH_ROWS
from pipeline.storage.user_parquet import parquet_batches, parquet_schema
from stages.errors import ConfigError, InputError
from stages.regular_files import open_regular

_UNFIT = (
    pa.ArrowInvalid,
    pa.ArrowTypeError,
    pa.ArrowNotImplementedError,
    UnicodeEncodeError,
    OverflowError,
)
_UNREADABLE = (
    *(OSError, EOFError, pa.ArrowException, zlib.error, zstandard.ZstdError),
    UnicodeDecodeError,  # names in a Parquet file's footer
)

ROW_BYTES = BATCH_BYTES
"""A larger row is broken: it is not worth the memory of all others."""
PASS_BYTES = 1 << 16

FORMATS = (".parquet", ".jsonl", ".jsonl.gz", ".jsonl.zst")


@dataclass(frozen=True)
class Rows:
    """One batch, and what is wrong with which of its rows."""

    batch: pa.RecordBatch
    broken: Mapping[int, str] = field(default_factory=dict)


def require_file(path: Path) -> None:
    """ConfigError unless a file can be written there: before hours go into what is to be in it."""
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder; expected the name of a file")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"{path}: there is no folder {path.parent}")


def require_format(path: Path) -> None:
    """ConfigError unless the file's name ends in one of the formats."""
    if not path.name.endswith(FORMATS):
        raise ConfigError(f"{path}: expected a name ending in {', '.join(FORMATS)}")


def column_names(path: Path) -> set[str]:
    """The columns of the file: of a JSONL file, the keys of its first 2,048 rows."""
    require_format(path)
    try:
        if path.name.endswith(".parquet"):
            return _distinct(path, parquet_schema(path).names)
        names: set[str] = set()
        for number, (_, record) in enumerate(_records(path)):
            names.update(record if isinstance(record, dict) else ())
            if number == BATCH_ROWS:
                break
        return names
    except _UNREADABLE as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error


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
    return name in schema.names and _is_binary(schema.field(name).type)


def read_rows(path: Path, types: Mapping[str, pa.DataType]) -> Iterator[Rows]:
    """The columns of `types`, as those types, in batches. ConfigError if a column cannot be one."""
    read = _read_parquet if path.name.endswith(".parquet") else _read_jsonl
    batches = read(path, types)
    while True:
        try:
            rows = next(batches, None)
        except _UNREADABLE as error:
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
        if not (_is_text(kind) and (_is_binary(array.type) or _is_text(array.type))):
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


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _read_jsonl(path: Path, types: Mapping[str, pa.DataType]) -> Iterator[Rows]:
    records: list[dict[str, Any]] = []
    broken: dict[int, str] = {}
    size = 0
    for n_bytes, record in _records(path):
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
        try:
            arrays.append(pa.array(values, kind))
        except _UNFIT:
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
        except _UNFIT as error:
            broken[row] = f"{name}: {error}"
            fitting.append(None)
    return fitting


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Length of each line and its object, or what is wrong with it; blank lines are no rows."""
    with _open_read(path) as stream:
        for line in _lines(stream):
            if line is None:
                yield 0, f"a line above {ROW_BYTES} bytes"
            elif line.strip():
                yield len(line), _parsed(line)


def _parsed(line: bytes) -> dict[str, Any] | str:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}"
    return record if isinstance(record, dict) else f"not a JSON object but {type(record).__name__}"


def _lines(stream: BinaryIO) -> Iterator[bytes | None]:
    """The lines; None for one that is too long, which is passed over without being held."""
    while line := stream.readline(ROW_BYTES + 1):
        is_whole = len(line) <= ROW_BYTES or line.endswith(b"\n")
        yield line if is_whole else None
        while not is_whole and (line := stream.readline(PASS_BYTES)):
            is_whole = line.endswith(b"\n")


@contextmanager
def _open_read(path: Path) -> Iterator[BinaryIO]:
    with open_regular(path) as raw:
        if path.name.endswith(".gz"):
            with gzip.open(raw) as stream:
                yield io.BufferedReader(stream)
        elif path.name.endswith(".zst"):
            reader = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
            yield io.BufferedReader(reader)
        else:
            yield raw


Write = Callable[[pa.RecordBatch], None]


@contextmanager
def write_rows(path: Path, schema: pa.Schema) -> Iterator[Write]:
    """Write batches to the file; it appears under its name once the block has ended well."""
    require_format(path)
    with replacing(path) as raw:
        if path.name.endswith(".parquet"):
            with pq.ParquetWriter(raw, schema, compression="zstd") as writer:
                yield writer.write_batch
        else:
            with _compressed(raw, path.name) as stream:
                yield lambda batch: _write_json(stream, batch)


@contextmanager
def _compressed(raw: BinaryIO, name: str) -> Iterator[BinaryIO]:
    if name.endswith(".gz"):
        with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as stream:
            yield cast(BinaryIO, stream)
    elif name.endswith(".zst"):
        with zstandard.ZstdCompressor().stream_writer(raw, closefd=False) as writer:
            yield writer
    else:
        yield raw


def _write_json(stream: BinaryIO, batch: pa.RecordBatch) -> None:
    for row in batch.to_pylist():
        stream.write(json.dumps(row, ensure_ascii=False, default=to_json).encode() + b"\n")


def to_json(value: Any) -> Any:
    """What JSON has no type for: bytes as hex, times in ISO 8601, the rest as text."""
    if isinstance(value, bytes):
        return value.hex()
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if isoformat is not None else str(value)
