"""Decoded bytes of a file, from one member to the next only where a record goes on there.

Most files have a record to a member. Some have many to one, and some cut records anywhere: the
header in a frame of its own (IIPC's advice for Zstandard), or blocks of 64 KiB (bgzip). A record
that its member does not hold to the end goes on in the next one, unless that begins with a record.
"""

import re
from collections.abc import Callable

from stages.web.reading import arc
from stages.web.reading.members import Member, begins_cut_record

WARC_START = re.compile(rb"WARC/[01]\.\d")

_WARC_BOUNDARY = rb"\r?\n\r?\n(?=WARC/[01]\.\d{1,2}\r?\n[A-Za-z-]+:)"
_ARC_BOUNDARY = rb"\n(?=" + arc.RECORD_START.pattern + rb")"
WARC_BOUNDARY = re.compile(_WARC_BOUNDARY)
ARC_BOUNDARY = re.compile(_ARC_BOUNDARY, re.I)
ANY_BOUNDARY = re.compile(_WARC_BOUNDARY + rb"|" + _ARC_BOUNDARY, re.I)

_BOUNDARY_BYTES = 64
"""More than a boundary of WARC and the start of the header behind it, cut anywhere."""
_LINE_ENDS = re.compile(rb"[\r\n]*+")

Boundary = re.Pattern[bytes]


def boundary_bytes(boundary: Boundary) -> int:
    """How much must be at hand behind a place to tell whether it is this boundary."""
    return _BOUNDARY_BYTES if boundary is WARC_BOUNDARY else arc.MAX_LINE_BYTES


class Feed:
    """Decoded bytes with as much look-ahead as is asked for.

    `follow` gives the member behind one that has ended, or null if a record begins there.
    """

    def __init__(self, member: Member, follow: Callable[[int], Member | None]) -> None:
        self.position = 0
        """Where `data` begins in all that was decoded."""
        self.data = bytearray()
        self.ended = False
        self.member = member
        """The member that the last bytes of `data` are from."""
        self.record_offset = member.offset
        """The offset of the member that the record at hand begins in."""
        self._members = [(0, member)]
        self._pieces = member.pieces()
        self._follow = follow

    def want(self, size: int) -> bool:
        """Hold `size` bytes; false if the member has not that many left."""
        while len(self.data) < size and not self.ended:
            piece = next(self._pieces, None)
            if piece is None:
                self.ended = True
            else:
                self.data += piece
        return len(self.data) >= size

    def go_on(self) -> bool:
        """Having reached the end of a member inside a record, go on to the next one, if the record
        may."""
        member = self._follow(self.member.end) if self.ended else None
        if member is None:
            return False
        self.member, self._pieces, self.ended = member, member.pieces(), False
        self._members.append((self.position + len(self.data), member))
        return True

    def begin_record(self) -> int:
        """Take it that a record begins where `data` does: its place in what the member that it
        begins in decodes to."""
        while len(self._members) > 1 and self._members[1][0] <= self.position:
            del self._members[0]
        start, member = self._members[0]
        self.record_offset = member.offset
        return self.position - start

    def drop(self, size: int) -> bytes:
        dropped = bytes(memoryview(self.data)[:size])
        del self.data[:size]
        self.position += len(dropped)
        return dropped

    def drop_line_ends(self) -> None:
        while self.want(1) and (found := _LINE_ENDS.match(self.data)) and found.end():
            self.drop(found.end())

    def is_record_at(self, offset: int, boundary: Boundary) -> bool:
        """Whether a record, or the end, follows there after line ends."""
        size = boundary_bytes(boundary)
        self.want(offset + size)
        rest = bytes(memoryview(self.data)[offset : offset + size]).lstrip(b"\r\n")
        start = WARC_START if boundary is WARC_BOUNDARY else arc.RECORD_START
        if not rest or start.match(rest) is not None:
            return True
        return self.ended and begins_cut_record(rest)

    def skip_to_boundary(self, size: int, boundary: Boundary, *, across: bool = False) -> None:
        """Pass `size` bytes, or fewer if a record begins before."""
        end, margin = self.position + size, boundary_bytes(boundary)
        while self.position < end and (self.want(1) or (across and self.go_on())):
            self.want(min(end - self.position, 1 << 16) + margin)
            found = boundary.search(self.data)
            if found is not None and self.position + found.end() <= end:
                self.drop(found.end())
                return
            surplus = max(len(self.data) - margin, 1)
            self.drop(min(surplus, end - self.position))
