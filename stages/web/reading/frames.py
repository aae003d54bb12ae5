"""How a file is compressed, and what one in Zstandard holds beside data: skippable frames.

Seek tables, checksums and padding stand in skippable frames (RFC 8878, section 3.1.2), before,
between and behind the frames of records; the first of a file may be the dictionary that all frames
need (IIPC, Zstandard compression for WARC, section 3).
"""

import re

import zstandard

from stages.web.reading.feed import ANY_BOUNDARY
from stages.web.reading.members import (
    GZIP_MAGIC,
    RETAINED_BYTES,
    ZSTD_MAGIC,
    DamagedMemberError,
    ExpansionError,
    Member,
    Window,
    begins_record,
    first_bytes,
)

SEARCHED_BYTES = 8 << 20
"""Where a file does not begin as one, its first record is looked for here, to tell how it is
compressed; a record of Common Crawl is smaller."""

_PROBE_BYTES = 1 << 12
_MAGIC = re.compile(rb"\x1f\x8b\x08|\x28\xb5\x2f\xfd")
_MAGIC_END = b"\x2a\x4d\x18"
_DICTIONARY_MAGIC = b"\x5d" + _MAGIC_END
_HEADER_BYTES = 8
_FRAME_WORK = 1 << 10
"""What passing a frame costs, in decoded bytes of the same time."""


def compression(window: Window) -> bytes | None:
    """How the file is compressed: the first bytes of each member, or null if it is not. Where the
    first bytes were lost, what the first sound record is in tells."""
    head = window.peek(0, _PROBE_BYTES)
    if head.startswith(GZIP_MAGIC):
        return GZIP_MAGIC
    if head.startswith(ZSTD_MAGIC) or is_skippable(head):
        return ZSTD_MAGIC
    if begins_record(head):
        return None
    searched = window.peek(0, SEARCHED_BYTES)
    plain = ANY_BOUNDARY.search(searched)
    end = len(searched) if plain is None else plain.start()
    for match in _MAGIC.finditer(searched, 0, end):
        if not window.can_afford(_PROBE_BYTES):
            break
        begin = first_bytes(window, match.start())
        if begin is not None and begins_record(begin):
            return GZIP_MAGIC if match[0] == GZIP_MAGIC else ZSTD_MAGIC
    return None


def is_skippable(head: bytes) -> bool:
    """Whether these are the first bytes of a skippable frame."""
    return head[1:4] == _MAGIC_END and 0x50 <= head[0] <= 0x5F


def pass_skippable(window: Window, offset: int) -> int:
    """Where the first frame with data is, at or after `offset`. Raises `DamagedMemberError` if the
    file ends inside a skippable one."""
    while is_skippable(head := window.peek(offset, _HEADER_BYTES)):
        end = offset + _HEADER_BYTES + int.from_bytes(head[4:], "little")
        if len(head) < _HEADER_BYTES or not window.has_passed(end):
            raise DamagedMemberError("the file ends inside a skippable frame", ran_out=True)
        window.spend(_FRAME_WORK)
        offset = end
    return offset


def read_dictionary(window: Window) -> tuple[zstandard.ZstdCompressionDict | None, int]:
    """The dictionary a Zstandard file begins with, if any, and what follows it. Raises
    `DamagedMemberError`: without it nothing of the file can be read."""
    head = window.peek(0, _HEADER_BYTES)
    if not head.startswith(_DICTIONARY_MAGIC):
        return None, 0
    size = int.from_bytes(head[4:8], "little")
    if size > RETAINED_BYTES:
        raise DamagedMemberError(f"a dictionary of {size} bytes")
    data = window.peek(_HEADER_BYTES, size)
    if len(data) < size:
        raise DamagedMemberError("the file ends inside the dictionary", ran_out=True)
    if data.startswith(ZSTD_MAGIC):
        data = _decoded_dictionary(window, size)
    try:
        dictionary = zstandard.ZstdCompressionDict(data)
        zstandard.ZstdDecompressor(dict_data=dictionary).decompressobj()
    except (zstandard.ZstdError, ValueError) as error:
        raise DamagedMemberError(f"dictionary: {error}") from error
    return dictionary, _HEADER_BYTES + size


def _decoded_dictionary(window: Window, size: int) -> bytes:
    member = Member(window, _HEADER_BYTES)
    decoded = bytearray()
    try:
        for piece in member.pieces():
            decoded += piece
            if len(decoded) > RETAINED_BYTES or member.consumed > size:
                raise DamagedMemberError(f"a dictionary of more than {RETAINED_BYTES} bytes")
    except ExpansionError as error:
        raise DamagedMemberError(f"dictionary: {error}") from error
    return bytes(decoded)
