"""Compressed members of a stream, each with its exact place in the file.

A crawl's file is a chain of gzip members (or Zstandard frames), one record each. Libraries that
hide the chain cannot say where a member began, and end at the first damaged one. Here a member is
decoded on its own; after damage, `next_member` finds the place where the next sound one starts:
it looks for the magic bytes and decodes the first few bytes behind them, which must be `WARC/`.

Memory: the bytes of the current member, at most `RETAINED_BYTES`; output in pieces of 64 KiB.

Work: a member that expands beyond `MAX_EXPANSION` is given up; crawled HTML stays below 50. The
same bound holds for all that is done with a file, whatever it is made of: bytes decoded once more
after damage (members can hold members), places tried in search of the next sound one, records.
What would exceed it is not done, until more of the file has been read.
"""

import zlib
from collections.abc import Iterator
from typing import BinaryIO

import zstandard

GZIP_MAGIC = b"\x1f\x8b\x08"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_DICTIONARY_MAGIC = b"\x5d\x2a\x4d\x18"
"""A skippable frame that holds the dictionary (IIPC, Zstandard compression for WARC, section 3)."""

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
_PROBE_WORK = 1 << 13
"""What it costs to try whether a member begins, in decoded bytes of the same time."""


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


def read_dictionary(window: Window) -> tuple[zstandard.ZstdCompressionDict | None, int]:
    """The dictionary a Zstandard file begins with, if any, and where its first record is. Raises
    `DamagedMemberError`: without it nothing of the file can be read."""
    head = window.peek(0, 8)
    if not head.startswith(ZSTD_DICTIONARY_MAGIC):
        return None, 0
    size = int.from_bytes(head[4:8], "little")
    if size > RETAINED_BYTES:
        raise DamagedMemberError(f"a dictionary of {size} bytes")
    data = window.peek(8, size)
    if len(data) < size:
        raise DamagedMemberError("the file ends inside the dictionary", ran_out=True)
    if data.startswith(ZSTD_MAGIC):
        data = _decoded_dictionary(window, size)
    try:
        dictionary = zstandard.ZstdCompressionDict(data)
        zstandard.ZstdDecompressor(dict_data=dictionary).decompressobj()
    except (zstandard.ZstdError, ValueError) as error:
        raise DamagedMemberError(f"dictionary: {error}") from error
    return dictionary, 8 + size


def _decoded_dictionary(window: Window, size: int) -> bytes:
    member = Member(window, 8)
    decoded = bytearray()
    try:
        for piece in member.pieces():
            decoded += piece
            if len(decoded) > RETAINED_BYTES or member.consumed > size:
                raise DamagedMemberError(f"a dictionary of more than {RETAINED_BYTES} bytes")
    except ExpansionError as error:
        raise DamagedMemberError(f"dictionary: {error}") from error
    return bytes(decoded)


def next_member(
    window: Window,
    offset: int,
    magic: bytes,
    dictionary: zstandard.ZstdCompressionDict | None = None,
) -> int | None:
    """Where the next member that begins with a WARC record starts, at or after `offset`."""
    while (found := window.find(magic, offset)) is not None:
        if window.can_afford(_PROBE_WORK):
            window.spend(_PROBE_WORK)
            if _begins_record(window.peek(found, _PROBE_BYTES), magic, dictionary):
                return found
        offset = found + 1
    return None


def _begins_record(
    data: bytes, magic: bytes, dictionary: zstandard.ZstdCompressionDict | None
) -> bool:
    """Whether these bytes decode to the first line of a WARC record."""
    try:
        if magic == GZIP_MAGIC:
            decoded = zlib.decompressobj(31).decompress(data, 8)
        else:
            reader = zstandard.ZstdDecompressor(dict_data=dictionary)
            with reader.stream_reader(data) as stream:
                decoded = stream.read(8)
    except (zlib.error, zstandard.ZstdError):
        return False
    return decoded.startswith(b"WARC/")
