"""URL patterns: a host, or a host and the beginning of a path that ends in `/`, without scheme.

    docs.python.org                 every page of this host, and of no other
    docs.python.org/3/library/      every page in this directory or below it

A page lies in its host and in every directory of its path. What follows the last slash, a query and
a fragment belong to the page alone: `a.org/b` is a page of `a.org`, not one of `a.org/b/`. The host
is all that stands before the path, with a port or a user if there is one. Patterns are compared as
strings in their canonical spelling, which the directories of every normalised URL have.

Functions ask about one page; `ManyPatterns` answers for the pages of a crawl, by the hashes of
`stages.kernels.paths`. tests/stages/recall/sites/test_url_patterns.py holds both to brute force.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.kernels.paths import Hashes, depth_of, directories, pattern_hashes

Value = TypeVar("Value")

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_END_OF_PATH = re.compile(r"[?#]")


def canonical(pattern: str) -> str:
    """The spelling the tables use: no scheme, query or fragment, the host in lower case; a bare
    host without a slash, a directory with one at its end. Empty if there is no host."""
    authority, _, path = _without_scheme_and_query(pattern.strip()).rstrip().partition("/")
    user, at, host = authority.rpartition("@")
    authority = f"{user}{at}{host.lower()}"
    return f"{authority}/{path.removesuffix('/')}/" if path and authority else authority


def directory_of(url: str) -> str:
    """The deepest pattern that a page lies under."""
    place = _without_scheme_and_query(url)
    host, slash, path = place.partition("/")
    folder, below, _ = path.rpartition("/")
    return f"{host}{slash}{folder}{below}" if below else host


def ancestors(pattern: str) -> Iterator[str]:
    """The pattern, then each directory above it, to the host."""
    yield pattern
    parts = pattern.removesuffix("/").split("/")
    for depth in range(len(parts) - 1, 0, -1):
        yield "/".join(parts[:depth]) + ("/" if depth > 1 else "")


def covers(pattern: str, directory: str) -> bool:
    """Whether the directory of a page is the pattern or lies under it."""
    if pattern.endswith("/"):
        return directory.startswith(pattern)
    return directory.partition("/")[0] == pattern


def nearest(pattern: str, values: Mapping[str, Value]) -> tuple[str, Value] | None:
    """The deepest of the pattern and those above it that has a value, and the value."""
    for one in ancestors(pattern):
        if one in values:
            return one, values[one]
    return None


def segments(pattern: str) -> tuple[str, ...]:
    """The host, then the directories: a key by which parents come right before what is below."""
    return tuple(pattern.removesuffix("/").split("/"))


class ManyPatterns:
    """Canonical patterns, each once, for the pages of a crawl."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self.depth = depth_of(patterns)
        hashes = pattern_hashes(patterns)
        self._order = np.argsort(hashes)
        self._hashes = hashes[self._order]

    def deepest(self, levels: Hashes) -> npt.NDArray[np.int64]:
        """[n]: which pattern is the deepest that each page lies under (its place among those
        given), or -1. `levels` are those of `directories`, to `depth` or deeper."""
        result = np.full(len(levels), -1)
        if not len(self._hashes):
            return result
        for level in levels.T:
            place = np.minimum(np.searchsorted(self._hashes, level), len(self._hashes) - 1)
            result = np.where(self._hashes[place] == level, self._order[place], result)
        return result

    def deepest_of(self, urls: pa.Array) -> npt.NDArray[np.int64]:
        """`deepest` of the pages of these URLs."""
        return self.deepest(directories(urls.cast(pa.large_string()), self.depth)[0])


def _without_scheme_and_query(url: str) -> str:
    scheme = _SCHEME.match(url)
    return _END_OF_PATH.split(url[scheme.end() :] if scheme else url, maxsplit=1)[0]
