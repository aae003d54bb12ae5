"""The shard sets of a finished run, by its manifest, and the tokenizer they were made with."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pyarrow as pa

from pipeline.configuration.validation import nearest
from pipeline.engine.product import TOKENIZER
from pipeline.storage.json_files import read_json
from pipeline.storage.location import location
from pipeline.storage.manifest import MANIFEST, SHARDS
from pipeline.storage.storage import Storage
from pipeline.storage.tables import read_batches
from schemas.shards import SHARDS as SCHEMA
from stages.errors import ConfigError, StorageError
from stages.kernels.bpe.sentinels import token_ids

Interpreted = TypeVar("Interpreted")


class ShardFile(NamedTuple):
    """A file of a shard set, and the rows that the manifest says it has."""

    path: str
    rows: int


def shard_sets(storage: Storage, run: Path, chosen: Sequence[str]) -> dict[str, list[ShardFile]]:
    """The chosen sets (none named: all that have samples) and their files, in order."""
    manifest = read_manifest(storage, run, _files)
    there = [name for name, files in manifest.items() if any(file.rows for file in files)]
    for name in chosen:
        if name not in there:
            hint = nearest(name, there)
            raise ConfigError(
                f"--set {name}: {location(run)} has {', '.join(there) or 'no samples'}"
                + (f"; did you mean {hint}?" if hint else "")
            )
    if not there:
        raise ConfigError(f"{location(run)}: the shards have no samples")
    return {name: manifest[name] for name in dict.fromkeys(chosen or there)}


def shard_batches(storage: Storage, file: ShardFile) -> Iterator[pa.RecordBatch]:
    """The rows of a file, row group by row group; StorageError if they are not all there."""
    done = 0
    for batch in read_batches(storage, file.path, SCHEMA.names):
        done += batch.num_rows
        yield batch
    if done != file.rows:
        raise StorageError(
            f"{storage.url}/{file.path}: {done:,} rows, {MANIFEST} says {file.rows:,}; finish "
            "the run with `sluice run`, or ask `sluice verify`"
        )


def read_tokenizer(storage: Storage, run: Path) -> tuple[bytes, dict[str, int]]:
    """The shards' `tokenizer.json`, and the id of every token in it."""
    path = f"{SHARDS}/{TOKENIZER}"
    if not storage.exists(path):
        raise StorageError(f"{location(run)}/{path} is missing; `sluice run` writes it anew")
    remedy = "delete it, and `sluice run` writes it anew"
    return storage.read_bytes(path), read_json(storage, path, token_ids, remedy)


def read_manifest(
    storage: Storage, run: Path, interpret: Callable[[Any], Interpreted]
) -> Interpreted:
    """What `interpret` makes of the manifest; ConfigError where there is none."""
    path = f"{SHARDS}/{MANIFEST}"
    if not storage.exists(path):
        raise ConfigError(f"{location(run)}: no shards here; make them with `sluice run`")
    return read_json(storage, path, interpret, "delete it, and `sluice run` writes it anew")


def _files(content: Any) -> dict[str, list[ShardFile]]:
    """Shard set → its files, in order."""
    found: dict[str, list[ShardFile]] = {str(name): [] for name in content["sets"]}
    for file in content["files"]:
        found[file["set"]].append(ShardFile(str(file["path"]), int(file["rows"])))
    return found
