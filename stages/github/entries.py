"""What every kind of repository is read as: entries in a fixed order, never touching the disk.

A reader (tar, zip, git, installed package) yields `Entry` objects. It raises `Damaged` where
nothing more can be read; an entry whose own bytes cannot be read raises it from `read` instead,
and the reader decides whether anything follows. Nothing is ever written under an entry's name.

Names come from strangers. A reader turns bytes that are not UTF-8 into `\\xNN`, so that every text
of an entry can be stored, and a path no file system could hold is unsafe.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from stages.github.licensing.stated import Stated

EntryType = Literal["file", "symlink", "special", "submodule"]

MAX_PATH_BYTES = 4096
"""PATH_MAX of Linux: what is longer was never a file anybody wrote."""

HEADERS_PER_FILE = 4
"""Headers and directory records an archive may have for each file it may hold: folders and
extended headers are read, too, and cost time although no entry comes of them."""

MACOS_FOLDER = "__MACOSX/"

_BESIDE_TOP = frozenset([".DS_Store", "Thumbs.db", "desktop.ini", "pax_global_header"])
"""What file managers and old unpackers leave beside a repository's folder."""

_ABSOLUTE = re.compile(r"/|\\(?!x[0-9a-f]{2})|[A-Za-z]:[\\/]")
"""By either slash, or by a drive; `\\xNN` is an odd byte of a name."""


class Damaged(Exception):  # noqa: N818  (a fact about the input, turned into a record)
    """Bytes that cannot be read. `reason` is one of truncated, corrupt, limit, timeout,
    unreadable."""

    def __init__(
        self, reason: str, error: str, *, offset: int | None = None, head: bytes = b""
    ) -> None:
        super().__init__(error)
        self.reason = reason
        self.error = error
        self.offset = offset
        self.head = head


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a repository. `read` is valid until the next entry is asked for; `offset` is
    the position of its header in the (expanded) archive."""

    path: str
    type: EntryType
    size: int
    offset: int | None
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository that knows who it is, before its first entry is read."""

    repo: str
    revision: str
    license: str | None
    entries: Callable[[], Iterator[Entry]]
    stated: Callable[[str], Stated | None] = lambda _: None
    """The licence that the repository states of one of its files."""


def clean_path(path: str) -> str | None:
    """The path with `.` and empty segments removed, or None if it is unsafe: absolute, leaving
    the repository (`..`, with either slash), holding a NUL, longer than any file system takes, or
    naming nothing."""
    if len(path) > MAX_PATH_BYTES or len(path.encode()) > MAX_PATH_BYTES:
        return None
    if _ABSOLUTE.match(path) or "\0" in path:
        return None
    segments = [segment for segment in path.split("/") if segment not in ("", ".")]
    if not segments or ".." in path.replace("\\", "/").split("/"):
        return None
    return "/".join(segments)


def is_macos_name(path: str) -> bool:
    """Whether macOS would write a file's attributes under this name: `._NAME`, `__MACOSX/…`."""
    return path.startswith(MACOS_FOLDER) or path.rpartition("/")[2].startswith("._")


def is_beside_top(path: str) -> bool:
    """Whether the path says nothing about the folder that an archive's files share."""
    return is_macos_name(path) or path in _BESIDE_TOP


def shared_top(paths: Iterator[str]) -> str | None:
    """The one top folder that every path lies in (what `git archive --prefix` writes), if any."""
    top: str | None = None
    for path in paths:
        first, slash, _ = path.partition("/")
        if not slash or (top is not None and first != top):
            return None
        top = first
    return top


def storable(text: str) -> str:
    """The text with `\\xNN` for what is no UTF-8: the odd bytes of a name on disk (which Python
    keeps as surrogates), and lone surrogates of any other origin."""
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raw = text.encode("utf-8", "surrogatepass")
    return raw.decode("utf-8", "backslashreplace")
