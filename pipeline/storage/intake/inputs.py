"""What a run reads.

Patterns become inputs: globs and folders of archives and WARC files, git repositories, URLs
(anything fsspec opens), crawls by name (`cc:…`), and `installed:NAME` (an installed Python
distribution; `installed:*` is all of them). Which shard each belongs to is `input_record`'s.
"""

import errno
import glob
import importlib.metadata
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.storage.commoncrawl.access import SCHEME as CRAWL
from pipeline.storage.commoncrawl.access import CommonCrawl
from pipeline.storage.credentials import STORES, public_url, require_plain, without_credentials
from pipeline.storage.digest import bytes_digest, fingerprint, stream_digest
from schemas.quarantine import UNREADABLE
from stages.errors import ConfigError, InputError
from stages.github.entries import Damaged
from stages.github.gharchive.hours import holds_events
from stages.github.git.folder import git_dir
from stages.github.git.head import head_commit
from stages.github.git.tree import EMPTY_TREE, open_git
from stages.github.identity import TABLES
from stages.regular_files import open_regular

INSTALLED = "installed:"
OWN_DISTRIBUTION = "sluice"
COMPILED = frozenset(["pyc", "so", "pyd", "dll", "dylib", "a", "lib"])
"""Endings of a name (`libLLVM.so.15` has one)."""
ARCHIVES = (".tar.gz", ".tgz", ".tar", ".tar.zst", ".zip", ".bundle", *TABLES)
CRAWLS = (
    *(".warc.gz", ".warc", ".warc.zst", ".arc.gz", ".arc"),
    *(".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet"),
)


@dataclass(frozen=True)
class InputSpec:
    """One input. `uri` is written down and tells inputs apart; `mark` tells cheaply whether one may
    have changed since it was read; `xxh3` is the hash of the content that has this mark, where it
    is known."""

    name: str
    uri: str
    size: int
    mark: str
    shard: int = -1
    folder: Path | None = None
    metadata: tuple[tuple[str, Any], ...] = ()
    xxh3: str = ""
    listed: tuple[str, ...] = ()
    """The patterns (`cc:CC-MAIN-2024-10?…`) whose lists name this file of a crawl."""
    crawl: CommonCrawl | None = None
    """How a file of a crawl is fetched. Never written down."""
    secret: str | None = field(default=None, repr=False)
    """The URL to open where it has more than `uri`: a user, a signature. Never written down."""

    def absolute(self) -> "InputSpec":
        """The same input for a worker, whose working directory is another."""
        if is_url(self.uri) or self.uri.startswith(INSTALLED):
            return self
        folder = None if self.folder is None else self.folder.absolute()
        return replace(self, uri=str(Path(self.uri).absolute()), folder=folder)


def is_url(uri: str) -> bool:
    """Whether an input lies on a store or server."""
    return "://" in uri or uri.startswith(CRAWL)


def is_hour(spec: InputSpec) -> bool:
    """Whether an input of GitHub holds events, as the hours of GH Archive do."""
    return spec.folder is None and holds_events(spec.name)


def printable(name: str) -> str:
    """A file's name as text: bytes of it that are no UTF-8 are escaped."""
    return name.encode("utf-8", "backslashreplace").decode()


def open_input(spec: InputSpec) -> BinaryIO:
    """A fresh stream over the input's bytes; OSError if it cannot be read, or is no file: a pipe
    or a device may keep its reader waiting for ever. Stores are read object by object, with
    patience; any other URL as fsspec opens it."""
    if spec.uri.startswith(CRAWL):
        from pipeline.storage.commoncrawl.kept import open_file  # noqa: PLC0415

        return open_file(spec.uri.removeprefix(CRAWL), spec.crawl or CommonCrawl())
    if spec.uri.startswith(STORES):
        # Imported here: a run without a store should not pay for its client.
        from pipeline.storage.object_stores.remote import open_object  # noqa: PLC0415

        return open_object(spec.uri)
    if is_url(spec.uri):
        from pipeline.storage.object_stores.urls import open_url  # noqa: PLC0415

        return open_url(spec.secret or spec.uri)
    return open_regular(spec.uri)


def content_digest(spec: InputSpec) -> str:
    """The content hash of an input as it is now; `UNREADABLE` if it cannot be read."""
    try:
        if spec.folder is not None:
            return folder_digest(spec)
        with open_input(spec) as stream:
            return stream_digest(stream)
    except OSError:
        return UNREADABLE


def folder_digest(spec: InputSpec) -> str:
    """The content hash of an input that is a folder: a git commit, a RECORD, or a listing. OSError
    if it is gone."""
    assert spec.folder is not None
    if spec.name.startswith(INSTALLED):
        try:
            distribution = importlib.metadata.distribution(spec.name.removeprefix(INSTALLED))
        except importlib.metadata.PackageNotFoundError as error:
            raise FileNotFoundError(errno.ENOENT, "no such installed package", spec.name) from error
        record = distribution.read_text("RECORD") or ""
        metadata = distribution.read_text("METADATA") or ""
        return bytes_digest(f"{record}\0{metadata}".encode("utf-8", "replace"))
    if is_git(spec.folder):
        return bytes_digest(_git_head(spec.folder, _revision(spec)).encode())
    return fingerprint(_listing(spec.folder))


def expand(
    corpus: str,
    patterns: Sequence[str],
    is_known: Callable[[str], bool] | None = None,
    *,
    crawl: CommonCrawl | None = None,
    recorded: Sequence[InputSpec] = (),
) -> list[InputSpec]:
    """All inputs that the patterns of `CORPUS.inputs` name, in order, without repeats. A crawl is
    not listed again if inputs that its pattern named are `recorded`.

    A pattern that names nothing is a ConfigError, unless it `is_known`: what it named was read and
    is gone. Something that is there but cannot be read is an input all the same (it will be
    quarantined).
    """
    found: dict[str, InputSpec] = {}
    for pattern in patterns:
        try:
            if pattern.startswith(CRAWL):
                specs = _crawl_files(corpus, pattern, crawl or CommonCrawl(), recorded)
            else:
                specs = list(_expand_one(corpus, pattern))
        except (OSError, ValueError) as error:  # no path at all: a NUL, a name too long
            shown = without_credentials(f"{pattern!r}: {error}")
            raise ConfigError(f"{corpus}.inputs: {shown}") from error
        if not specs and not (is_known is not None and is_known(public_url(pattern))):
            shown = without_credentials(pattern)
            what = f"no installed package {shown!r}" if shown.startswith(INSTALLED) else None
            raise ConfigError(f"{corpus}.inputs: {what or f'nothing matches {shown!r}'}")
        for spec in specs:
            if found.setdefault(spec.uri, spec).secret != spec.secret:
                raise ConfigError(
                    f"{corpus}.inputs: {spec.uri} is named by two URLs that differ in their user "
                    "or in what follows `?` or `#`, which tells no inputs apart; leave one out"
                )
    return list(found.values())


def names(pattern: str, uri: str) -> bool:
    """Whether a pattern names an input: its path or URL, its base name, or a folder it lies in."""
    base = uri.rpartition("/")[2]
    inside = uri.startswith(pattern.rstrip("/") + "/")
    return inside or pattern == uri or fnmatchcase(uri, pattern) or fnmatchcase(base, pattern)


def _expand_one(corpus: str, pattern: str) -> Iterable[InputSpec]:
    if pattern.startswith(INSTALLED):
        return _installed(pattern.removeprefix(INSTALLED))
    if "://" in pattern:
        require_plain(f"{corpus}.inputs", pattern)
        return _remote(pattern)
    endings = ARCHIVES if corpus == "github" else CRAWLS
    paths = sorted(glob.glob(pattern, recursive=True)) if glob.has_magic(pattern) else [pattern]
    return [spec for path in paths for spec in _local(path, endings) if os.path.lexists(path)]


def _crawl_files(
    corpus: str, pattern: str, crawl: CommonCrawl, recorded: Sequence[InputSpec]
) -> list[InputSpec]:
    from pipeline.storage.commoncrawl.listing import list_files, parse_pattern  # noqa: PLC0415

    if corpus != "web":
        raise ConfigError(f"{corpus}.inputs: {pattern!r}: crawls are inputs of the web alone")
    try:
        wanted = parse_pattern(pattern, crawl)
    except ConfigError as error:
        raise ConfigError(f"{corpus}.inputs: {error}") from error
    known = [spec for spec in recorded if str(wanted) in spec.listed]
    return known or [
        InputSpec(key.rpartition("/")[2], CRAWL + key, 0, "", listed=(str(wanted),))
        for key in list_files(wanted, crawl)
    ]


def _local(path: str, endings: tuple[str, ...]) -> Iterable[InputSpec]:
    folder = Path(path)
    if not folder.is_dir() or path.endswith(endings):
        return [_file(path)]
    if endings is ARCHIVES and is_git(folder):
        head = _git_head(folder)
        name = printable(folder.resolve().name)
        return [InputSpec(name, path, _folder_bytes(folder), head, folder=folder)]
    inside = sorted(folder.iterdir())
    return [
        spec
        for child in inside
        if child.name.endswith(endings) or (endings is ARCHIVES and _is_of_github(child))
        for spec in _local(str(child), endings)
    ]


def _is_of_github(child: Path) -> bool:
    return is_git(child) or holds_events(child.name)


def _file(path: str) -> InputSpec:
    try:
        status = Path(path).stat()
        size, mark = status.st_size, str(status.st_mtime_ns)
    except OSError as error:
        size, mark = 0, f"unreadable: {error.strerror}"
    return InputSpec(printable(Path(path).name), path, size, mark)


def _remote(pattern: str) -> Iterable[InputSpec]:
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
        except importlib.metadata.PackageNotFoundError:
            continue
        files = distribution.files or []
        size = sum(file.size or 0 for file in files if not _is_compiled(file.name))
        uri = f"{INSTALLED}{one}"
        folder = Path(str(distribution.locate_file("")))
        yield InputSpec(uri, uri, size, distribution.version, folder=folder)


def _is_compiled(name: str) -> bool:
    """Whether a file of a package is no source: such weigh a hundred times as much as what is read
    of the package, and say nothing of what it costs."""
    return not COMPILED.isdisjoint(name.lower().split(".")[1:])


def is_git(folder: Path) -> bool:
    """Whether the folder is a working tree with `.git`, or a bare repository."""
    return git_dir(folder) is not None


def marked(spec: InputSpec) -> InputSpec:
    """The input, its mark that of the ref which its metadata name instead of HEAD."""
    revision = _revision(spec)
    if spec.folder is None or revision is None or not is_git(spec.folder):
        return spec
    return replace(spec, mark=_git_head(spec.folder, revision))


def _revision(spec: InputSpec) -> str | None:
    given = dict(spec.metadata).get("revision")
    return given if isinstance(given, str) else None


def _git_head(folder: Path, revision: str | None = None) -> str:
    try:
        return head_commit(open_git(folder), revision) or EMPTY_TREE
    except Damaged as damage:
        return f"unreadable: {damage.error}"


def _listing(folder: Path) -> list[list[Any]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [[str(f.relative_to(folder)), f.stat().st_size, f.stat().st_mtime_ns] for f in files]


def _folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
