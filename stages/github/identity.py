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

import datetime
import math
import re
from collections.abc import Mapping
from typing import Any

from stages.contract import Input
from stages.errors import InputError
from stages.github.git import git_dir, remote_origin

INSTALLED = "installed:"
ARCHIVE_SUFFIXES = (".tar.gz", ".tar.zst", ".tgz", ".tar", ".zip", ".git")

_SEGMENT = r"[A-Za-z0-9_.~+-]+"
_REPO = re.compile(rf"{_SEGMENT}/{_SEGMENT}")
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
    given = text_field(source.metadata, "repo")
    if given is not None:
        if not _REPO.fullmatch(given):
            raise InputError(f"{source.uri}: metadata has repo = {given!r}; expected OWNER/REPO")
        return given
    if source.name.startswith(INSTALLED):
        return f"pypi/{normalised_distribution(source.name.removeprefix(INSTALLED))}"
    if source.folder is not None and (folder := git_dir(source.folder)) is not None:
        remote = remote_name(remote_origin(folder) or "")
        if remote is not None:
            return remote
    return _from_name(source.name) or _from_path(source.uri)


def normalised_distribution(name: str) -> str:
    """`Foo.Bar_baz` → `foo-bar-baz` (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def local_name(source: Input, content_hash: str) -> str:
    """The name of last resort."""
    stem = re.sub(r"[^A-Za-z0-9_.+-]+", "-", stem_of(source.name)).strip("-.") or "repository"
    return f"local/{stem}-{content_hash[:8]}"


def stem_of(name: str) -> str:
    """A base name without its archive suffix and without the commit GitHub puts in it."""
    for suffix in ARCHIVE_SUFFIXES:
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            name = name[: -len(suffix)]
            break
    return _SHA_SUFFIX.sub("", name)


def remote_name(url: str) -> str | None:
    """OWNER/REPO of a remote's URL; None for a local path, which means nothing elsewhere."""
    match = _URL_REMOTE.fullmatch(url) or (None if "://" in url else _SCP_REMOTE.fullmatch(url))
    if match is None:
        return None
    segments = [part for part in match["path"].rstrip("/").split("/") if part]
    name = "/".join(segments[-2:]).removesuffix(".git")
    return name if _REPO.fullmatch(name) else None


def text_field(metadata: Mapping[str, Any], name: str) -> str | None:
    """A metadata field as text; null, blank and NaN mean unknown."""
    value = metadata.get(name)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return str(value).strip() or None


def stars_of(source: Input) -> int | None:
    """Star count from the metadata, null if unknown."""
    text = text_field(source.metadata, "stars")
    if text is None:
        return None
    try:
        return int(float(text))
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{source.uri}: metadata has stars = {text!r}; expected a count"
        ) from error


def created_at_of(source: Input) -> datetime.datetime | None:
    """Creation time from the metadata (a timestamp or ISO 8601; UTC unless it says otherwise)."""
    text = text_field(source.metadata, "created_at")
    if text is None or text == "NaT":
        return None
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            f"{source.uri}: metadata has created_at = {text!r}; expected ISO 8601"
        ) from error
    if moment.tzinfo is None:
        return moment.replace(tzinfo=datetime.UTC)
    return moment.astimezone(datetime.UTC)


def _from_name(name: str) -> str | None:
    match = _NAMED.fullmatch(stem_of(name))
    return f"{match['owner']}/{match['repo']}" if match else None


def _from_path(uri: str) -> str | None:
    match = _ON_GITHUB.search(uri) or _SHA_FOLDER.search(uri)
    if match is None:
        return None
    repo = stem_of(match["repo"])
    return f"{match['owner']}/{repo}" if repo not in ("", ".", "..") else None
