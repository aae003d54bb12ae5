"""Compressed members of a stream, each with its exact place in the file.

A crawl's file is a chain of gzip members (or Zstandard frames), one record each. Libraries that
hide the chain cannot say where a member began, and end at the first damaged one. Here a member is
decoded on its own; after damage, `next_member` finds the place where the next sound one starts:
it looks for the magic bytes and decodes the first few bytes behind them, with which a record must
begin.

Memory: the bytes of the current member, at most `RETAINED_BYTES`; output in pieces of 64 KiB.

Work: a member that expands beyond `MAX_EXPANSION` is given up; crawled HTML stays below 50. The
same bound holds for all that is done with a file, whatever it is made of: bytes decoded once more
after damage (members can hold members), places tried in search of the next sound one, records.
What would exceed it is not done, until more of the file has been read.
"""

import re
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import zstandard

from stages.web.reading import arc

GZIP_MAGIC = b"\x1f\x8b\x08"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"

RETAINED_BYTES = 16 << 20
MAX_EXPANSION = 200
FREE_EXPANSION_BYTES = 16 << 20
"""What a member may expand to whatever its size."""
FREE_WORK_BYTES = 64 << 20
"""What may be done with a file whatever its size, in decoded bytes."""

_READ_BYTES = 1 << 18
_GZIP_IN, _GZIP_OUT = 1 << 14, 1 << 16
_ZSTD_IN = 1 << 10
"""A Zstandard decoder has no output limit: 1 KiB of input makes at most 32 MiB (a run-length block
of four bytes makes 128 KiB)."""
_PIECE_BYTES = 1 << 16
_PROBE_BYTES = 1 << 12
_PROBED_BYTES = 1 << 9
_PROBE_WORK = 1 << 13
"""What it costs to try whether a member begins, in decoded bytes of the same time."""
_WARC = re.compile(rb"[\r\n]*+WARC/[01]\.\d")
_STARTS = (b"warc/1.0", b"warc/1.1", b"filedesc:", b"http:", b"https:", b"ftp:", b"dns:")
_START_BYTES = 9
_ARC_SCHEME = re.compile(rb"[\r\n]*+(?:filedesc|https?|ftp|dns):[^\r\n]+\Z", re.I)


class DamagedMemberError(Exception):
    """A member that cannot be decoded to its end; `ran_out` if the file ended first."""

    def __init__(self, message: str, *, ran_out: bool = False) -> None:
        super().__init__(message)
        self.ran_out = ran_out


class ExpansionError(Exception):
    """A member that expands, or a file that costs, beyond all reason."""


class Window:
    """The bytes of a stream that cannot seek, from `base` (an offset in the file) onwards."""

    def __init__(self, stream: BinaryIO) -> None:
        self.base = 0
        self._data = bytearray()
        self._stream = stream
        self._ended = False
        self._work = 0

    def can_afford(self, n_bytes: int) -> bool:
        """Whether work that takes as long as decoding `n_bytes` may be done now."""
        allowed = FREE_WORK_BYTES + MAX_EXPANSION * (self.base + len(self._data))
        return self._work + n_bytes <= allowed

    def spend(self, n_bytes: int) -> None:
        """Count work that was done. Raises `ExpansionError` where it was too much."""
        self._work += n_bytes
        if not self.can_afford(0):
            raise ExpansionError("the file costs too much for its size")

    def peek(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes at `offset`; fewer at the end of the file alone."""
        while not self._ended and offset + size > self.base + len(self._data):
            self._fill()
        start = offset - self.base
        return bytes(memoryview(self._data)[start : start + size])

    def forget(self, offset: int) -> None:
        """Bytes before `offset` are not asked for again."""
        surplus = offset - self.base
        if surplus >= _READ_BYTES:
            del self._data[:surplus]
            self.base = offset

    def has_passed(self, offset: int) -> bool:
        """Pass all bytes before `offset` without holding them; false if the file ends earlier."""
        while not self._ended and offset > self.base + len(self._data):
            self.forget(self.base + len(self._data))
            self._fill()
        self.forget(offset)
        return offset <= self.base + len(self._data)

    def find(self, pattern: bytes, offset: int) -> int | None:
        """The first place of `pattern` at or after `offset`; forgets what it passes."""
        offset = max(offset, self.base)
        while True:
            found = self._data.find(pattern, offset - self.base)
            if found >= 0:
                return self.base + found
            if self._ended:
                return None
            offset = max(offset, self.base + len(self._data) - len(pattern) + 1)
            self.forget(offset)
            self._fill()

    def _fill(self) -> None:
        data = self._stream.read(_READ_BYTES)
        if data:
            self._data += data
        else:
            self._ended = True


class Member:
    """One compressed member (or all of an uncompressed file), to be decoded once.

    `consumed` is how many bytes of the file were taken so far; after `pieces` is exhausted it is
    the member's exact compressed length.
    """

    def __init__(
        self, window: Window, offset: int, dictionary: zstandard.ZstdCompressionDict | None = None
    ) -> None:
        self.offset = offset
        self.consumed = 0
        self._window = window
        self._dictionary = dictionary

    def pieces(self) -> Iterator[bytes]:
        """The decoded bytes. Raises `DamagedMemberError` or `ExpansionError`."""
        magic = self._window.peek(self.offset, 4)
        if magic.startswith(GZIP_MAGIC):
            source = self._gunzip()
        elif magic == ZSTD_MAGIC:
            source = self._unzstd()
        else:
            yield from self._plain()
            return
        expanded = 0
        for piece in source:
            expanded += len(piece)
            if expanded > FREE_EXPANSION_BYTES + MAX_EXPANSION * self.consumed:
                raise ExpansionError(f"{self.consumed} bytes expand to more than {expanded}")
            self.spend(len(piece))
            for start in range(0, len(piece), _PIECE_BYTES):
                yield piece[start : start + _PIECE_BYTES]

    @property
    def end(self) -> int:
        """The offset of the first byte of the file that was not taken."""
        return self.offset + self.consumed

    def spend(self, n_bytes: int) -> None:
        """Count work on this member, in decoded bytes of the same time. Raises `ExpansionError`."""
        self._window.spend(n_bytes)

    def _take(self, size: int) -> bytes:
        position = self.offset + self.consumed
        self._window.forget(position - RETAINED_BYTES)
        data = self._window.peek(position, size)
        self.consumed += len(data)
        self.spend(len(data))
        return data

    def _plain(self) -> Iterator[bytes]:
        self._window.forget(self.offset)
        while data := self._take(_GZIP_OUT):
            self._window.forget(self.offset + self.consumed)
            yield data

    def _gunzip(self) -> Iterator[bytes]:
        decoder = zlib.decompressobj(31)
        pending = b""
        while not decoder.eof:
            data = pending or self._take(_GZIP_IN)
            try:
                piece = decoder.decompress(data, _GZIP_OUT)
            except zlib.error as error:
                raise DamagedMemberError(str(error)) from error
            pending = decoder.unconsumed_tail
            if piece:
                yield piece
            elif not data:
                raise DamagedMemberError("the file ends inside a gzip member", ran_out=True)
        self.consumed -= len(decoder.unused_data)

    def _unzstd(self) -> Iterator[bytes]:
        decoder = zstandard.ZstdDecompressor(dict_data=self._dictionary).decompressobj()
        while not decoder.eof:
            data = self._take(_ZSTD_IN)
            if not data:
                raise DamagedMemberError("the file ends inside a Zstandard frame", ran_out=True)
            try:
                piece = decoder.decompress(data)
            except zstandard.ZstdError as error:
                raise DamagedMemberError(str(error)) from error
            if piece:
                yield piece
        self.consumed -= len(decoder.unused_data)


def next_member(
    window: Window,
    offset: int,
    magic: bytes,
    dictionary: zstandard.ZstdCompressionDict | None = None,
) -> int | None:
    """Where the next member that begins with a record starts, at or after `offset`."""
    while (found := window.find(magic, offset)) is not None:
        if window.can_afford(_PROBE_WORK):
            begin = first_bytes(window, found, dictionary)
            if begin is not None and begins_record(begin):
                return found
        offset = found + 1
    return None


def first_bytes(
    window: Window, offset: int, dictionary: zstandard.ZstdCompressionDict | None = None
) -> bytes | None:
    """What the member at `offset` begins with; null if no sound one begins there."""
    window.spend(_PROBE_WORK)
    data = window.peek(offset, _PROBE_BYTES)
    try:
        if data.startswith(GZIP_MAGIC):
            return zlib.decompressobj(31).decompress(data, _PROBED_BYTES)
        if data.startswith(ZSTD_MAGIC):
            reader = zstandard.ZstdDecompressor(dict_data=dictionary)
            with reader.stream_reader(data) as stream:
                return bytes(stream.read(_PROBED_BYTES))
    except (zlib.error, zstandard.ZstdError):
        pass
    return None


def begins_record(data: bytes) -> bool:
    """Whether a WARC or ARC record begins here, or after line ends. Of the line that begins one in
    ARC, the start is enough where no more is at hand."""
    if _WARC.match(data) or _ARC_SCHEME.match(data):
        return True
    return arc.RECORD_START.match(data.lstrip(b"\r\n")) is not None


def begins_cut_record(data: bytes) -> bool:
    """Whether a member that ends with these bytes may hold no more of a record than the start of
    its first line."""
    starts = (start[: len(data)] for start in _STARTS)
    return b"\n" not in data and data[:_START_BYTES].lower().startswith(tuple(starts))
