"""Where the files of BigQuery's `contents` are from: its table `files`, joined by `id`.

One content may lie in many repositories; it is one document, and is said to be from the first of
its places by repository and path. Links have contents, too (their targets), and are no files.

`files` is read once for each input of contents, a row group at a time; what is held are the places
of that input's contents, about 300 bytes each.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from stages.errors import ConfigError, InputError
from stages.regular_files import open_regular

PARQUET = ".parquet"
LINK_MODE = 0o120000

_COLUMNS = ("id", "repo_name", "path")
_HASHED_BYTES = 1 << 20

Places = Mapping[str, Mapping[str, Any]]
"""The `id` of contents → what is said of their file."""


def files_of(names: Sequence[str]) -> list[Path]:
    """The Parquet files that a setting names, those of folders by name."""
    found: list[Path] = []
    for name in names:
        path = Path(name)
        inside = sorted(path.glob(f"*{PARQUET}")) if path.is_dir() else [path]
        if not inside or not all(one.is_file() for one in inside):
            raise ConfigError(f"github.bigquery_files: {name!r} is no Parquet file, and no folder")
        found += inside
    return found


def digests(names: Sequence[str]) -> dict[str, str]:
    """The files by their names and their content, wherever they lie."""
    found: dict[str, str] = {}
    for path in files_of(names):
        state = xxhash.xxh3_128()
        with open_regular(path) as stream:
            while data := stream.read(_HASHED_BYTES):
                state.update(data)
        name = f"bigquery_files/{path.name}"
        found[name] = found.get(name, "") + state.hexdigest()
    return found


def places_of(wanted: Collection[str], names: Sequence[str]) -> Places:
    """Repository and path of the contents that are wanted, as far as `files` has them."""
    ids = pa.array(sorted(wanted), pa.large_string())
    found: dict[str, tuple[str, str]] = {}
    for path in files_of(names):
        try:
            for batch in _batches(path):
                for one, repo, file in _rows(batch, ids):
                    if repo is not None and file is not None:
                        found[one] = min(found.get(one, (repo, file)), (repo, file))
        except (OSError, ValueError, pa.ArrowException) as error:
            raise InputError(f"github.bigquery_files: {path}: {error}") from error
    return {one: {"repo": repo, "path": file} for one, (repo, file) in found.items()}


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    with open_regular(path) as stream:
        table = pq.ParquetFile(stream, pre_buffer=False)
        missing = [name for name in _COLUMNS if name not in table.schema_arrow.names]
        if missing:
            raise InputError(f"github.bigquery_files: {path} has no column {missing[0]!r}")
        columns = [name for name in (*_COLUMNS, "mode") if name in table.schema_arrow.names]
        yield from table.iter_batches(columns=columns, use_threads=False)


def _rows(batch: pa.RecordBatch, ids: pa.Array) -> Iterator[tuple[str, str | None, str | None]]:
    is_wanted = pc.is_in(batch.column("id").cast(pa.large_string()), value_set=ids)
    batch = batch.filter(is_wanted)
    if "mode" in batch.schema.names:
        is_link = pc.equal(batch.column("mode").cast(pa.int64()), LINK_MODE)
        batch = batch.filter(pc.fill_null(pc.invert(is_link), True))
    return zip(*(batch.column(name).to_pylist() for name in _COLUMNS), strict=True)
