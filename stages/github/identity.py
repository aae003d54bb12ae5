"""Which repository an input is: OWNER/REPO, by the first of these that says so.

1. `repo` of the input's metadata row;
2. the git remote `origin` (its last two path segments; a remote without a host is ignored);
3. `installed:NAME`: `pypi/NAME`, the name normalised as PEP 503 does;
4. a base name `OWNER__REPO…` (archive suffixes, `.git` and `-<40 hex>` taken off);
5. a path, but only where it cannot be a coincidence: `…github.com/OWNER/REPO…`, or
   `…/OWNER/REPO/REPO-<40 hex>.tar.gz`. A bare `…/OWNER/REPO.tar.gz` is no evidence, since any
   folder of tarballs looks like that;
6. `local/STEM-<8 hex>` of the input's xxh3_128: the same bytes under the same name are the same
   repository on every machine.
"""

import contextlib
import re

from stages.contract import Input
from stages.errors import InputError
from stages.github.entries import Damaged
from stages.github.git.tree import open_git
from stages.github.metadata import Metadata, WrongField, is_repo

INSTALLED = "installed:"
ARCHIVE_SUFFIXES = (".tar.gz", ".tar.zst", ".tgz", ".tar", ".zip", ".bundle", ".git")
TABLES = (".parquet", *(f"{end}{z}" for end in (".jsonl", ".ndjson") for z in ("", ".gz", ".zst")))
"""How the names of tables end: a row a file, or a row a repository."""

MAX_REMOTE_CHARACTERS = 4096
MAX_STEM_CHARACTERS = 200

_SEGMENT = r"[A-Za-z0-9_.~+-]+"
_NAMED = re.compile(r"(?P<owner>[A-Za-z0-9][A-Za-z0-9.-]*?)__(?P<repo>[A-Za-z0-9_.~+-]+)")
_SHA_SUFFIX = re.compile(r"-[0-9a-f]{40}$")
_ON_GITHUB = re.compile(rf"(?:^|[/.@])github\.com[/:](?P<owner>{_SEGMENT})/(?P<repo>{_SEGMENT})")
_SHA_FOLDER = re.compile(
    rf"(?:^|/)(?P<owner>{_SEGMENT})/(?P<repo>{_SEGMENT})/(?P=repo)-[0-9a-f]{{40}}(?:\.[a-z.]+)?$"
)
_URL_REMOTE = re.compile(r"(?:https?|ssh|git)://[^/]+/(?P<path>.+)")
_SCP_REMOTE = re.compile(r"(?:[^/@:]+@)?[^/@:]{2,}:(?!//)(?P<path>[^\\].*)")


def repository_name(source: Input) -> str | None:
    """OWNER/REPO of an input without reading its bytes, or None where only they can tell."""
    folder = None if source.name.startswith(INSTALLED) else source.folder
    if folder is not None and metadata_of(source).repo is None:
        with contextlib.suppress(Damaged):
            return name_of(source, open_git(folder).remote)
    return name_of(source, None)


def name_of(source: Input, remote: str | None) -> str | None:
    """`repository_name` of an input whose git remote is known."""
    given = metadata_of(source).repo
    if given is not None:
        return given
    if source.name.startswith(INSTALLED):
        return f"pypi/{normalised_distribution(source.name.removeprefix(INSTALLED))}"
    return remote_name(remote or "") or _from_name(source.name) or _from_path(source.uri)


def metadata_of(source: Input) -> Metadata:
    """The input's row of `github.metadata`."""
    try:
        return Metadata.of(source.metadata)
    except WrongField as error:
        raise InputError(f"{source.uri}: metadata has {error}") from error


def normalised_distribution(name: str) -> str:
    """`Foo.Bar_baz` → `foo-bar-baz` (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def local_name(source: Input, content_hash: str) -> str:
    """The name of last resort."""
    stem = re.sub(r"[^A-Za-z0-9_.+-]+", "-", stem_of(source.name)).strip("-.") or "repository"
    return f"local/{stem[:MAX_STEM_CHARACTERS]}-{content_hash[:8]}"


def stem_of(name: str) -> str:
    """A base name without its archive suffix and without the commit GitHub puts in it."""
    for suffix in ARCHIVE_SUFFIXES:
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            name = name[: -len(suffix)]
            break
    return _SHA_SUFFIX.sub("", name)


def remote_name(url: str) -> str | None:
    """OWNER/REPO of a remote's URL; None for a local path, which means nothing elsewhere."""
    if len(url) > MAX_REMOTE_CHARACTERS:
        return None
    match = _URL_REMOTE.fullmatch(url) or (None if "://" in url else _SCP_REMOTE.fullmatch(url))
    if match is None:
        return None
    segments = [part for part in match["path"].rstrip("/").split("/") if part]
    name = "/".join(segments[-2:]).removesuffix(".git")
    return name if is_repo(name) else None


def _from_name(name: str) -> str | None:
    match = _NAMED.fullmatch(stem_of(name))
    return f"{match['owner']}/{match['repo']}" if match else None


def _from_path(uri: str) -> str | None:
    match = _ON_GITHUB.search(uri) or _SHA_FOLDER.search(uri)
    if match is None:
        return None
    repo = stem_of(match["repo"])
    return f"{match['owner']}/{repo}" if repo not in ("", ".", "..") else None
