"""URL patterns: a host, or a host and a path prefix ending in `/`, without scheme.

`docs.python.org` covers the whole host, `docs.python.org/3/library/` a directory of it. A pattern
is compared by its segments, so one lies under another exactly if its segments begin with the
other's. Hosts are taken whole: `python.org` says nothing of `docs.python.org`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import TypeVar

Segments = tuple[str, ...]
Value = TypeVar("Value")

_END_OF_PATH = re.compile(r"[?#]")


def segments(pattern: str) -> Segments:
    """The host, then the directories. A host with and without a final `/` is one; people may write
    a scheme or capitals in the host."""
    host, slash, path = pattern.strip().rpartition("://")[2].partition("/")
    return tuple(f"{host.lower()}{slash}{path}".removesuffix("/").split("/"))


def address(url: str) -> str:
    """The part of a URL that patterns speak of: host and path."""
    rest = _END_OF_PATH.split(url.partition("://")[2], maxsplit=1)[0]
    authority, slash, path = rest.partition("/")
    return authority.rpartition("@")[2] + slash + path


def covers(pattern: str, address: str) -> bool:
    """Whether a page's address lies under the pattern."""
    root = pattern.removesuffix("/")
    return address.startswith(root) and address[len(root) :][:1] in ("", "/")


def lineage(path: Segments) -> Iterator[Segments]:
    """The pattern itself, then its parents up to the host."""
    for length in range(len(path), 0, -1):
        yield path[:length]


def nearest(path: Segments, values: Mapping[Segments, Value]) -> tuple[Segments, Value] | None:
    """The value of the pattern or, without one, of its closest parent that has one."""
    for ancestor in lineage(path):
        if ancestor in values:
            return ancestor, values[ancestor]
    return None
