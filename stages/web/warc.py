"""WARC records from a stream, whatever is wrong with some of them.

ISO 28500 (WARC 1.1): a record is a header, an empty line, `Content-Length` bytes and two line
ends. Files are read as chains of members (see `members`), a member as a chain of records; in
Common Crawl's files each member holds one.

What goes wrong, and what follows from it:

- a member that cannot be decoded is reported once, and reading resumes at the next sound one;
- a record whose `Content-Length` is wrong ends where its member ends or the next record begins;
- a record above the size limit is passed over without being held;
- where a dictionary cannot be read, or a file costs too much for its size (see `members`), the rest
  is one damage.

Every byte is looked at a bounded number of times, however records lie about their lengths.

A record's `offset` and `length` are bytes of the file: exactly its member's. Where a member holds
several records (a WARC compressed as a whole) `position` tells them apart, the offset is the
member's and the length covers the bytes up to the record's end; uncompressed, they are the
record's own.

Speed: 125 MB/s of decoded bytes, 70 µs a record; extraction costs thirty times more.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from stages.web.members import (
    GZIP_MAGIC,
    ZSTD_DICTIONARY_MAGIC,
    ZSTD_MAGIC,
    DamagedMemberError,
    ExpansionError,
    Member,
    Window,
    next_member,
    read_dictionary,
)

MAX_HEADER_BYTES = 1 << 16
HEAD_BYTES = 4096

_BOUNDARY = re.compile(rb"\r?\n\r?\n(?=WARC/[01]\.\d{1,2}\r?\n[A-Za-z-]+:)")
_BOUNDARY_BYTES = 64
"""More than a boundary and the start of the header behind it, cut anywhere."""
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_RECORD_START = re.compile(rb"WARC/[01]\.\d")
_LINE_ENDS = re.compile(rb"[\r\n]*+")
_MAX_LENGTH_DIGITS = 15
_RECORD_WORK = 1 << 14
"""What a record costs beside its bytes, in decoded bytes of the same time: 70 µs are four times as
many, but no sound record is as small as that."""


@dataclass(frozen=True)
class Record:
    """A record with its header (names in lower case) and block."""

    offset: int
    length: int
    position: int
    headers: dict[str, str]
    block: bytes
    is_inner: bool = False
    """Whether other records precede it in its member, so that the offset alone does not name it."""


@dataclass(frozen=True)
class Oversized:
    """A record (its header as far as it is known) above the size limit."""

    offset: int
    headers: dict[str, str]


@dataclass(frozen=True)
class Damage:
    """A stretch of the file that is no record."""

    offset: int
    reason: str
    error: str
    head: bytes


def read_warc(stream: BinaryIO, max_record_bytes: int) -> Iterator[Record | Oversized | Damage]:
    """All records of a `.warc`, `.warc.gz` or `.warc.zst` stream, in order."""
    window = Window(stream)
    head = window.peek(0, 4)
    if head.startswith(GZIP_MAGIC):
        magic = GZIP_MAGIC
    elif head in {ZSTD_MAGIC, ZSTD_DICTIONARY_MAGIC}:
        magic = ZSTD_MAGIC
    else:
        yield from _plain_records(Member(window, 0), max_record_bytes)
        return
    try:
        dictionary, start = read_dictionary(window)
    except DamagedMemberError as error:
        yield Damage(0, "truncated" if error.ran_out else "broken_dictionary", str(error), head)
        return
    offset: int | None = start
    while offset is not None and (head := window.peek(offset, HEAD_BYTES)):
        window.forget(offset)
        if not head.strip(b"\0"):  # padding
            offset += len(head)
            continue
        if not head.startswith(magic):
            yield Damage(offset, "broken_member", "no member begins here", head)
            offset = next_member(window, offset + 1, magic, dictionary)
            continue
        member = Member(window, offset, dictionary)
        try:
            yield from _records(member, max_record_bytes, plain=False)
            offset += member.consumed
        except ExpansionError:
            yield Oversized(offset, {})
            offset = next_member(window, offset + 1, magic, dictionary)
        except DamagedMemberError as error:
            found = next_member(window, offset + 1, magic, dictionary)
            reason = "truncated" if error.ran_out and found is None else "broken_member"
            yield Damage(offset, reason, str(error), head)
            offset = found


def _plain_records(member: Member, max_record_bytes: int) -> Iterator[Record | Oversized | Damage]:
    try:
        yield from _records(member, max_record_bytes, plain=True)
    except ExpansionError as error:
        yield Damage(member.consumed, "too_costly", str(error), b"")


class _Feed:
    """Decoded bytes of a member, with as much look-ahead as is asked for."""

    def __init__(self, member: Member) -> None:
        self.position = 0
        self.data = bytearray()
        self.ended = False
        self._pieces = member.pieces()

    def want(self, size: int) -> bool:
        """Hold `size` bytes; false if there are not that many left."""
        while len(self.data) < size and not self.ended:
            piece = next(self._pieces, None)
            if piece is None:
                self.ended = True
            else:
                self.data += piece
        return len(self.data) >= size

    def drop(self, size: int) -> bytes:
        dropped = bytes(memoryview(self.data)[:size])
        del self.data[:size]
        self.position += len(dropped)
        return dropped

    def drop_line_ends(self) -> None:
        while self.want(1) and (found := _LINE_ENDS.match(self.data)) and found.end():
            self.drop(found.end())

    def is_record_at(self, offset: int) -> bool:
        """Whether a record, or the end, follows there after line ends."""
        self.want(offset + _BOUNDARY_BYTES)
        rest = bytes(memoryview(self.data)[offset : offset + _BOUNDARY_BYTES]).lstrip(b"\r\n")
        return not rest or _RECORD_START.match(rest) is not None

    def skip_to_boundary(self, size: int) -> None:
        """Pass `size` bytes, or fewer if a record begins before."""
        end = self.position + size
        while self.position < end and self.want(1):
            self.want(min(end - self.position, 1 << 16) + _BOUNDARY_BYTES)
            found = _BOUNDARY.search(self.data)
            if found is not None and self.position + found.end() <= end:
                self.drop(found.end())
                return
            surplus = max(len(self.data) - _BOUNDARY_BYTES, 1)
            self.drop(min(surplus, end - self.position))


def _records(
    member: Member, max_record_bytes: int, *, plain: bool
) -> Iterator[Record | Oversized | Damage]:
    feed = _Feed(member)
    while True:
        feed.drop_line_ends()
        if not feed.want(1):
            return
        member.spend(_RECORD_WORK)
        start = feed.position
        header = _read_header(feed)
        if header is None:
            yield Damage(
                start if plain else member.offset,
                "broken_record",
                "a WARC record should begin here",
                bytes(memoryview(feed.data)[:HEAD_BYTES]),
            )
            _skip_to_record(feed)
            continue
        offset = start if plain else member.offset
        size = _declared_length(header)
        block = _read_block(feed, size, max_record_bytes)
        if block is None:
            yield Oversized(offset, header)
            continue
        if plain and len(block) < size and feed.ended and not feed.data:
            yield Damage(offset, "truncated", "the file ends inside a record", block[:HEAD_BYTES])
            return
        length = (feed.position if plain else member.offset + member.consumed) - offset
        yield Record(offset, length, start, header, block, not plain and start > 0)


def _declared_length(header: dict[str, str]) -> int:
    """The record's Content-Length; 0, which is never believed, if it is no possible number."""
    declared = header.get("content-length", "")
    is_number = declared.isascii() and declared.isdigit() and len(declared) <= _MAX_LENGTH_DIGITS
    return int(declared) if is_number else 0


def _read_header(feed: _Feed) -> dict[str, str] | None:
    feed.want(8)
    if _RECORD_START.match(feed.data) is None:
        return None
    end, size = None, 0
    while end is None and size < MAX_HEADER_BYTES:
        searched, size = max(size - 3, 0), size + (1 << 11)
        has_more = feed.want(size)
        end = _HEADER_END.search(feed.data, searched, size)
        if end is None and not has_more:
            break
    if end is None:
        return None
    headers: dict[str, str] = {}
    for line in feed.drop(end.end()).decode("utf-8", "replace").split("\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name.strip().lower(), value.strip())
    return headers


def _read_block(feed: _Feed, size: int, max_record_bytes: int) -> bytes | None:
    """The record's block, the feed being left behind its last line end; null if it is above the
    limit. `size` is what the header says, which may be wrong."""
    too_large = size > max_record_bytes
    if not too_large and feed.want(size) and feed.is_record_at(size):
        block = feed.drop(size)
        feed.drop_line_ends()
        return block
    feed.want(min(size, max_record_bytes))
    searched = 0
    while True:
        found = _BOUNDARY.search(feed.data, searched)
        if found is not None:
            block = feed.drop(found.start())
            feed.drop_line_ends()
            return block
        if feed.ended:
            return feed.drop(len(feed.data)).removesuffix(b"\r\n\r\n")
        if len(feed.data) > max_record_bytes:
            feed.skip_to_boundary(size if too_large else 1 << 62)
            if too_large:
                feed.drop_line_ends()
            return None
        searched = max(len(feed.data) - _BOUNDARY_BYTES, 0)
        feed.want(min(2 * len(feed.data) + _BOUNDARY_BYTES, max_record_bytes + 1))


def _skip_to_record(feed: _Feed) -> None:
    feed.drop(1)
    feed.skip_to_boundary(1 << 62)
