"""WARC and ARC records from a stream, whatever is wrong with some of them.

ISO 28500 (WARC 1.1): a record is a header, an empty line, `Content-Length` bytes and two line
ends; of ARC see `arc`. Files are read as chains of members (see `members`), members as chains of
records (see `feed`); in Common Crawl's files each member holds one.

What goes wrong, and what follows from it:

- a member that cannot be decoded is reported once, with how much of the file was passed over, and
  reading resumes at the next sound one; this holds for the first bytes of a file too;
- a record whose `Content-Length` is wrong ends where its member ends or the next record begins;
- a record above the size limit is passed over without being held;
- where a dictionary cannot be read, or a file costs too much for its size (see `members`), the rest
  is one damage.

Every byte is looked at a bounded number of times, however records lie about their lengths.

A record's `offset` and `length` are bytes of the file: exactly its members'. Where a member holds
several records (a WARC compressed as a whole) `position` tells them apart, the offset is the
member's and the length covers the bytes up to the record's end; uncompressed, they are the
record's own.

Speed: 125 MB/s of decoded bytes, and 17 µs a record; extraction costs thirty times more.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import zstandard

from stages.web.reading import arc
from stages.web.reading.feed import (
    ANY_BOUNDARY,
    ARC_BOUNDARY,
    WARC_BOUNDARY,
    WARC_START,
    Boundary,
    Feed,
    boundary_bytes,
)
from stages.web.reading.frames import compression, is_skippable, pass_skippable, read_dictionary
from stages.web.reading.members import (
    ZSTD_MAGIC,
    DamagedMemberError,
    ExpansionError,
    Member,
    Window,
    begins_cut_record,
    begins_record,
    first_bytes,
    next_member,
)

MAX_HEADER_BYTES = 1 << 16
HEAD_BYTES = 4096

_HEADER_END = re.compile(rb"\r?\n\r?\n")
_MAX_LENGTH_DIGITS = 15
_RECORD_WORK = 1 << 14
"""What a record counts beside its bytes, in decoded bytes: eight times as many as its 17 µs would
decode, for what becomes of it later, but no sound record is as small as that."""


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
    """All records of a `.warc`, `.warc.gz`, `.warc.zst`, `.arc` or `.arc.gz` stream, in order; what
    it is, its bytes tell."""
    window = Window(stream)
    magic = compression(window)
    if magic is None:
        yield from _plain_records(Member(window, 0), max_record_bytes)
        return
    try:
        dictionary, offset = read_dictionary(window)
    except DamagedMemberError as error:
        head = window.peek(0, HEAD_BYTES)
        yield Damage(0, "truncated" if error.ran_out else "broken_dictionary", str(error), head)
        return
    yield from _Chain(window, magic, dictionary, max_record_bytes).records(offset)


@dataclass(frozen=True)
class _Chain:
    """A compressed file: one member after another."""

    window: Window
    magic: bytes
    dictionary: zstandard.ZstdCompressionDict | None
    max_record_bytes: int

    def records(self, start: int) -> Iterator[Record | Oversized | Damage]:
        """All records from an offset on."""
        offset: int | None = start
        while offset is not None and (head := self.window.peek(offset, HEAD_BYTES)):
            self.window.forget(offset)
            if not head.strip(b"\0"):  # padding
                offset += len(head)
                continue
            feed = None
            try:
                if self.magic == ZSTD_MAGIC and is_skippable(head):
                    offset = pass_skippable(self.window, offset)
                    continue
                if not head.startswith(self.magic):
                    raise DamagedMemberError("no member begins here")
                feed = Feed(Member(self.window, offset, self.dictionary), self._follow)
                yield from _records(feed, self.max_record_bytes, plain=False)
                offset = feed.member.end
            except ExpansionError:
                yield Oversized(offset, {})
                offset = self._next(offset if feed is None else feed.member.offset)
            except DamagedMemberError as error:
                lost = offset if feed is None else feed.record_offset
                offset = self._next(lost if feed is None else feed.member.offset)
                is_cut = error.ran_out and offset is None
                end = "the end" if offset is None else f"byte {offset}"
                message = f"{error}; passed over up to {end}"
                yield Damage(lost, "truncated" if is_cut else "broken_member", message, head)

    def _next(self, offset: int) -> int | None:
        return next_member(self.window, offset + 1, self.magic, self.dictionary)

    def _follow(self, offset: int) -> Member | None:
        """The member there, if a record that is not at its end may go on in it."""
        if self.magic == ZSTD_MAGIC:
            offset = pass_skippable(self.window, offset)
        begin = first_bytes(self.window, offset, self.dictionary)
        if begin is None or begins_record(begin):
            return None
        return Member(self.window, offset, self.dictionary)


def _plain_records(member: Member, max_record_bytes: int) -> Iterator[Record | Oversized | Damage]:
    try:
        yield from _records(Feed(member, lambda _: None), max_record_bytes, plain=True)
    except ExpansionError as error:
        yield Damage(member.consumed, "too_costly", str(error), b"")


def _records(
    feed: Feed, max_record_bytes: int, *, plain: bool
) -> Iterator[Record | Oversized | Damage]:
    while True:
        feed.drop_line_ends()
        if not feed.want(1):
            return
        feed.member.spend(_RECORD_WORK)
        position = feed.begin_record()
        offset = feed.position if plain else feed.record_offset
        header, boundary = _read_header(feed)
        if header is None:
            head = bytes(memoryview(feed.data)[:HEAD_BYTES])
            yield Damage(offset, "broken_record", "a record should begin here", head)
            feed.drop(1)
            feed.skip_to_boundary(1 << 62, boundary)
            continue
        size = _declared_length(header)
        block = _read_block(feed, size, max_record_bytes, boundary)
        if block is None:
            yield Oversized(offset, header)
            continue
        if plain and len(block) < size and feed.ended and not feed.data:
            yield Damage(offset, "truncated", "the file ends inside a record", block[:HEAD_BYTES])
            return
        length = (feed.position if plain else feed.member.end) - offset
        yield Record(offset, length, position, header, block, not plain and position > 0)


def _declared_length(header: dict[str, str]) -> int:
    """The record's Content-Length; 0, which is never believed, if it is no possible number."""
    declared = header.get("content-length", "")
    is_number = declared.isascii() and declared.isdigit() and len(declared) <= _MAX_LENGTH_DIGITS
    return int(declared) if is_number else 0


def _read_header(feed: Feed) -> tuple[dict[str, str] | None, Boundary]:
    """The header of the record at hand, the feed being left at its block, and how the next record
    of its kind is told; null if none begins here."""
    while not feed.want(arc.MAX_LINE_BYTES) and begins_cut_record(bytes(feed.data)):
        if not feed.go_on():
            break
    if WARC_START.match(feed.data) is not None:
        return _read_warc_header(feed), WARC_BOUNDARY
    line = arc.RECORD_START.match(feed.data)
    if line is None:
        return None, ANY_BOUNDARY
    header, size = arc.header_of(line), line.end()
    del line  # it holds the feed's buffer
    feed.drop(size)
    return header, ARC_BOUNDARY


def _read_warc_header(feed: Feed) -> dict[str, str] | None:
    end, size = None, 0
    while end is None and size < MAX_HEADER_BYTES:
        searched, size = max(size - 3, 0), size + (1 << 11)
        has_more = feed.want(size)
        end = _HEADER_END.search(feed.data, searched, size)
        if end is None and not has_more:
            if not feed.go_on():
                break
            size = searched
    if end is None:
        return None
    n_bytes = end.end()
    headers: dict[str, str] = {}
    for line in feed.drop(n_bytes).decode("utf-8", "replace").split("\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name.strip().lower(), value.strip())
    return headers


def _read_block(feed: Feed, size: int, max_record_bytes: int, boundary: Boundary) -> bytes | None:
    """The record's block, the feed being left behind its last line end; null if it is above the
    limit. `size` is what the header says, which may be wrong."""
    too_large = size > max_record_bytes
    while not too_large and not feed.want(size) and feed.go_on():
        pass
    if not too_large and feed.want(size) and feed.is_record_at(size, boundary):
        block = feed.drop(size)
        feed.drop_line_ends()
        return block
    feed.want(min(size, max_record_bytes))
    margin, searched = boundary_bytes(boundary), 0
    while True:
        found = boundary.search(feed.data, searched)
        if found is not None:
            block = feed.drop(found.start())
            feed.drop_line_ends()
            return block
        if feed.ended and not (too_large and feed.go_on()):
            return feed.drop(len(feed.data)).removesuffix(b"\r\n\r\n")
        if len(feed.data) > max_record_bytes:
            feed.skip_to_boundary(size if too_large else 1 << 62, boundary, across=too_large)
            if too_large:
                feed.drop_line_ends()
            return None
        searched = max(len(feed.data) - margin, 0)
        feed.want(min(2 * len(feed.data) + margin, max_record_bytes + 1))
