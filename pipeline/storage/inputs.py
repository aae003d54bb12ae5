"""What a run reads, and which shard each input belongs to.

Patterns become inputs: globs and folders of archives and WARC files, git repositories, URLs
(anything fsspec opens), and `installed:NAME` (an installed Python distribution; `installed:*` is
all of them). `inputs.json` is append-only: an input keeps its shard for ever. On the web one
input is one shard; repositories are packed in input order up to `github.shard_bytes`.
"""

import glob
import importlib.metadata
import json
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow.parquet as pq

from pipeline.storage.credentials import STORES, is_ambiguous, public_url, without_credentials
from pipeline.storage.digest import bytes_digest, fingerprint
from pipeline.storage.json_files import read_json
from pipeline.storage.storage import Storage
from stages.errors import ConfigError, InputError

INSTALLED = "installed:"
OWN_DISTRIBUTION = "sluice"
ARCHIVES = (".tar.gz", ".tgz", ".tar", ".tar.zst", ".zip")
CRAWLS = (".warc.gz", ".warc", ".warc.zst", ".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")
INPUTS = "inputs.json"


@dataclass(frozen=True)
class InputSpec:
    """One input. `uri` is written down and tells inputs apart; `mark` tells cheaply whether one may
    have changed since it was read."""

    name: str
    uri: str
    size: int
    mark: str
    shard: int = -1
    folder: Path | None = None
    metadata: tuple[tuple[str, Any], ...] = ()
    secret: str | None = field(default=None, repr=False)
    """The URL to open where it has more than `uri`: a user, a signature. Never written down."""


def open_input(spec: InputSpec) -> BinaryIO:
    """A fresh stream over the input's bytes; OSError if it cannot be read.

    Stores are read object by object, with patience; any other URL as fsspec opens it.
    """
    if spec.uri.startswith(STORES):
        # Imported here: a run without a store should not pay for its client.
        from pipeline.storage.object_stores.remote import open_object  # noqa: PLC0415

        return open_object(spec.uri)
    if "://" in spec.uri:
        from pipeline.storage.object_stores.urls import open_url  # noqa: PLC0415

        return open_url(spec.secret or spec.uri)
    return Path(spec.uri).open("rb")


def folder_digest(spec: InputSpec) -> str:
    """The content hash of an input that is a folder: a git commit, a RECORD, or a listing."""
    assert spec.folder is not None
    if spec.name.startswith(INSTALLED):
        distribution = importlib.metadata.distribution(spec.name.removeprefix(INSTALLED))
        record = distribution.read_text("RECORD") or ""
        metadata = distribution.read_text("METADATA") or ""
        return bytes_digest(f"{record}\0{metadata}".encode("utf-8", "replace"))
    if is_git(spec.folder):
        return bytes_digest(_git_head(spec.folder).encode())
    return fingerprint(_listing(spec.folder))


def expand(corpus: str, patterns: Sequence[str]) -> list[InputSpec]:
    """All inputs that the patterns of `CORPUS.inputs` name, in order, without repeats.

    A pattern that names nothing is a ConfigError; something that is there but cannot be read is
    an input all the same (it will be quarantined).
    """
    found: dict[str, InputSpec] = {}
    for pattern in patterns:
        try:
            specs = list(_expand_one(corpus, pattern))
        except (OSError, ValueError) as error:  # no path at all: a NUL, a name too long
            shown = without_credentials(f"{pattern!r}: {error}")
            raise ConfigError(f"{corpus}.inputs: {shown}") from error
        if not specs:
            shown = without_credentials(pattern)
            raise ConfigError(f"{corpus}.inputs: nothing matches {shown!r}")
        for spec in specs:
            if found.setdefault(spec.uri, spec).secret != spec.secret:
                raise ConfigError(
                    f"{corpus}.inputs: {spec.uri} is named by two URLs that differ in their user "
                    "or in what follows `?` or `#`, which tells no inputs apart; leave one out"
                )
    specs = list(found.values())
    if corpus != "github":
        _refuse_same_names(corpus, specs)
    return specs


def _refuse_same_names(corpus: str, specs: Iterable[InputSpec]) -> None:
    names: dict[str, str] = {}
    for spec in specs:
        if spec.name in names:
            raise InputError(
                f"{corpus}.inputs: {names[spec.name]} and {spec.uri} have one base name, "
                "which is their documents' identity; rename one"
            )
        names[spec.name] = spec.uri


def _expand_one(corpus: str, pattern: str) -> Iterable[InputSpec]:
    if pattern.startswith(INSTALLED):
        return _installed(pattern.removeprefix(INSTALLED))
    if "://" in pattern:
        return _remote(pattern)
    endings = ARCHIVES if corpus == "github" else CRAWLS
    paths = sorted(glob.glob(pattern, recursive=True)) if glob.has_magic(pattern) else [pattern]
    return [spec for path in paths for spec in _local(path, endings) if os.path.lexists(path)]


def _local(path: str, endings: tuple[str, ...]) -> Iterable[InputSpec]:
    folder = Path(path)
    if not folder.is_dir() or path.endswith(endings):
        return [_file(path)]
    if endings is ARCHIVES and is_git(folder):
        head = _git_head(folder)
        return [InputSpec(folder.resolve().name, path, _folder_bytes(folder), head, folder=folder)]
    inside = sorted(folder.iterdir())
    return [
        spec
        for child in inside
        if child.name.endswith(endings) or (endings is ARCHIVES and is_git(child))
        for spec in _local(str(child), endings)
    ]


def _file(path: str) -> InputSpec:
    try:
        status = Path(path).stat()
        size, mark = status.st_size, str(status.st_mtime_ns)
    except OSError as error:
        size, mark = 0, f"unreadable: {error.strerror}"
    return InputSpec(Path(path).name, path, size, mark)


def _remote(pattern: str) -> Iterable[InputSpec]:
    if is_ambiguous(pattern):
        raise ConfigError(
            f"inputs: where is the host in {without_credentials(pattern)!r}? In a user or password "
            "write `/` as %2F, `?` as %3F, `#` as %23, and after the host `@` as %40"
        )
    if pattern.startswith(STORES):
        return _objects(pattern)
    return _urls(pattern)


def _objects(pattern: str) -> Iterable[InputSpec]:
    from pipeline.storage.object_stores.remote import find_objects  # noqa: PLC0415

    try:
        found = find_objects(pattern)
    except OSError as error:
        if glob.has_magic(pattern):
            raise InputError(f"{pattern} cannot be listed: {error}") from error
        return [InputSpec(pattern.rpartition("/")[2], pattern, 0, f"unreadable: {error}")]
    return [InputSpec(url.rpartition("/")[2], url, one.size, one.etag) for url, one in found]


def _urls(pattern: str) -> Iterable[InputSpec]:
    from pipeline.storage.object_stores.urls import find_urls  # noqa: PLC0415

    try:
        found = list(find_urls(pattern))
    except OSError as error:
        raise InputError(f"{without_credentials(pattern)} cannot be listed: {error}") from error
    for one in found:
        uri = public_url(one.url)
        secret = one.url if one.url != uri else None
        yield InputSpec(one.name, uri, one.size, one.mark, secret=secret)


def _installed(name: str) -> Iterable[InputSpec]:
    if name == "*":
        names = {
            distribution.metadata["Name"] for distribution in importlib.metadata.distributions()
        }
        wanted = sorted(n for n in names if n and n.lower() != OWN_DISTRIBUTION)
    else:
        wanted = [name]
    for one in wanted:
        try:
            distribution = importlib.metadata.distribution(one)
        except importlib.metadata.PackageNotFoundError as error:
            raise ConfigError(f"github.inputs: no installed package {one!r}") from error
        files = distribution.files or []
        size = sum(file.size or 0 for file in files)
        uri = f"{INSTALLED}{one}"
        folder = Path(str(distribution.locate_file("")))
        yield InputSpec(uri, uri, size, distribution.version, folder=folder)


def is_git(folder: Path) -> bool:
    """Whether the folder is a working tree with `.git`, or a bare repository."""
    if (folder / ".git").exists():
        return True
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir()


def _git_head(folder: Path) -> str:
    command = ["git", "-c", "safe.directory=*", "-C", str(folder), "rev-parse", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else f"unreadable: {done.stderr.strip()}"


def _listing(folder: Path) -> list[list[Any]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [[str(f.relative_to(folder)), f.stat().st_size, f.stat().st_mtime_ns] for f in files]


def _folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def read_metadata(path: str | None) -> dict[str, dict[str, Any]]:
    """The rows of `github.metadata` (JSONL or Parquet) by their `input`: a path or base name."""
    if path is None:
        return {}
    try:
        if path.endswith(".parquet"):
            rows = pq.read_table(path).to_pylist()
        else:
            lines = Path(path).read_text().splitlines()
            rows = [json.loads(line) for line in lines if line.strip()]
        return {public_url(row.pop("input")): row for row in rows}
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise ConfigError(f"github.metadata = {path!r} cannot be read: {error!r}") from error


def assign_shards(
    storage: Storage, corpora: Mapping[str, Sequence[InputSpec]], shard_bytes: int
) -> dict[str, list[InputSpec]]:
    """Give each input its shard: the recorded one, or a new one at the end.

    Returns every input the run ever had, so that a vanished input keeps its shard.
    """
    recorded = _load(storage)
    for corpus, specs in corpora.items():
        known = recorded.setdefault(corpus, {})
        next_shard = 1 + max((spec.shard for spec in known.values()), default=-1)
        fresh = [spec for spec in specs if spec.uri not in known]
        for spec in _pack(fresh, next_shard, shard_bytes if corpus == "github" else 0):
            known[spec.uri] = spec
        for spec in specs:
            known[spec.uri] = replace(spec, shard=known[spec.uri].shard)
    return {corpus: list(known.values()) for corpus, known in recorded.items()}


def _pack(specs: Iterable[InputSpec], shard: int, shard_bytes: int) -> Iterable[InputSpec]:
    """Consecutive inputs share a shard up to `shard_bytes` of stored size; 0: one each."""
    filled = 0
    empty = True
    for spec in specs:
        if not empty and filled + spec.size > shard_bytes:
            shard, filled = shard + 1, 0
        empty = False
        filled += max(spec.size, 1)
        yield replace(spec, shard=shard)


def _load(storage: Storage) -> dict[str, dict[str, InputSpec]]:
    if not storage.exists(INPUTS):
        return {}
    remedy = "restore it, or begin another run"
    return read_json(storage, INPUTS, _recorded, remedy)


def _recorded(content: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, InputSpec]]:
    return {
        corpus: {
            public_url(row["uri"]): InputSpec(
                name=row["name"],
                uri=public_url(row["uri"]),
                size=int(row["size"]),
                mark=row["mark"],
                shard=int(row["shard"]),
                folder=None if row["folder"] is None else Path(row["uri"]),
            )
            for row in rows
        }
        for corpus, rows in content.items()
    }


def save(storage: Storage, corpora: Mapping[str, Sequence[InputSpec]]) -> None:
    """Write `inputs.json`, if it changed."""
    content = {
        corpus: [
            {
                "name": spec.name,
                "uri": spec.uri,
                "size": spec.size,
                "mark": spec.mark,
                "shard": spec.shard,
                "folder": None if spec.folder is None else True,
            }
            for spec in specs
        ]
        for corpus, specs in corpora.items()
    }
    data = json.dumps(content, indent=1).encode()
    if not storage.exists(INPUTS) or storage.read_bytes(INPUTS) != data:
        storage.write(INPUTS, data)
