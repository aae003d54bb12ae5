"""What every kind of repository is read as: entries in a fixed order, never touching the disk.

A reader (tar, zip, git, installed package) yields `Entry` objects. It raises `Damaged` where
nothing more can be read; an entry whose own bytes cannot be read raises it from `read` instead,
and the reader decides whether anything follows. Nothing is ever written under an entry's name.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

EntryType = Literal["file", "symlink", "special", "submodule"]

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


class Damaged(Exception):  # noqa: N818  (a fact about the input, turned into a record)
    """Bytes that cannot be read. `reason` is one of truncated, corrupt, limit, unreadable."""

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


def clean_path(path: str) -> str | None:
    """The path with `.` and empty segments removed, or None if it is unsafe: absolute, leaving
    the repository (`..`, with either slash), holding a NUL, or naming nothing."""
    if path.startswith(("/", "\\")) or _DRIVE.match(path) or "\0" in path:
        return None
    segments = [segment for segment in path.split("/") if segment not in ("", ".")]
    if not segments or ".." in path.replace("\\", "/").split("/"):
        return None
    return "/".join(segments)


def shared_top(paths: Iterator[str]) -> str | None:
    """The one top folder that every path lies in (what `git archive --prefix` writes), if any."""
    top: str | None = None
    for path in paths:
        first, slash, _ = path.partition("/")
        if not slash or (top is not None and first != top):
            return None
        top = first
    return top
