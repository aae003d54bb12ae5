"""Writing a table: batches go to the file as they come."""

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from pipeline.storage.replace import replacing
from pipeline.storage.user_tables.formats import require_format
from pipeline.storage.user_tables.types import JSON_TEXT

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
    is_json = [field.name for field in batch.schema if field.type == JSON_TEXT]
    for row in batch.to_pylist():
        row |= {name: json.loads(row[name]) for name in is_json if row[name] is not None}
        stream.write(json.dumps(row, ensure_ascii=False, default=to_json).encode() + b"\n")


def to_json(value: Any) -> Any:
    """What JSON has no type for: bytes as hex, times in ISO 8601, the rest as text."""
    if isinstance(value, bytes):
        return value.hex()
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if isoformat is not None else str(value)
