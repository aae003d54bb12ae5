"""How Parquet writes numbers and strings in a page (Apache Parquet, `Encodings.md`).

Levels and the places of values in a dictionary are runs and packed bits; strings stand one after
another with their lengths before each (`PLAIN`), before all (`DELTA_LENGTH_BYTE_ARRAY`), or as what
they share with the one before (`DELTA_BYTE_ARRAY`). All is read forward, and strings are handed
out one at a time: of a page no more is held than its numbers.
"""

from array import array
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from tempfile import TemporaryFile
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from stages.github.archives.decompression import ByteReader
from stages.github.entries import Damaged

PLAIN, PLAIN_DICTIONARY, DELTA_LENGTH, DELTA_BYTES, RLE_DICTIONARY = 0, 2, 6, 7, 8

TOO_LARGE: Final = None
"""Stands for a string above the limit, which is passed over and not held."""

MAX_NUMBERS = 1 << 24
"""Values one page may claim to have: a run of nulls costs it nothing, and us four bytes each."""

_PIECE_BYTES = 1 << 20
_HELD_BYTES = 32 << 20
_MAX_BLOCK = 1 << 16
_MAX_MINIBLOCKS = 1 << 9
_MAX_WIDTH = 64
_MAX_VARINT_BYTES = 10


def read_exactly(reader: ByteReader, size: int) -> bytes:
    """`size` bytes; `Damaged` if the page ends before."""
    data = reader.read(size)
    if len(data) < size:
        raise Damaged("truncated", "a page ends before its last value")
    return data


def pass_over(reader: ByteReader, size: int) -> None:
    """As `read_exactly`, holding nothing."""
    if reader.skip(size) < size:
        raise Damaged("truncated", "a page ends before its last value")


def read_runs(data: bytes, n_numbers: int, width: int) -> NDArray[np.int32]:
    """Numbers of `width` bits as runs and packed groups (`RLE`)."""
    if n_numbers > MAX_NUMBERS or width > 32:
        raise Damaged("limit", f"a page of {n_numbers} values of {width} bits")
    numbers = np.zeros(n_numbers, np.int32)
    reader = ByteReader(iter((data,)), len(data) + 1)
    n_read = 0
    while n_read < n_numbers:
        header = read_varint(reader)
        if header & 1:
            n_groups = min(header >> 1, (n_numbers - n_read + 7) // 8)
            packed = reader.read(n_groups * width)
            packed = packed.ljust(n_groups * width, b"\0")
            found = _unpack(packed, width, 8 * n_groups)[: n_numbers - n_read]
        else:
            value = int.from_bytes(read_exactly(reader, (width + 7) // 8), "little")
            n_values = min(header >> 1, n_numbers - n_read)
            found = np.full(n_values, value, np.int64)
        numbers[n_read : n_read + len(found)] = found
        n_read += len(found)
    return numbers


def read_deltas(reader: ByteReader) -> NDArray[np.int64]:
    """Numbers as differences (`DELTA_BINARY_PACKED`)."""
    block, n_miniblocks, n_numbers, first = (read_varint(reader) for _ in range(4))
    if n_numbers > MAX_NUMBERS or not 0 < n_miniblocks <= _MAX_MINIBLOCKS or block > _MAX_BLOCK:
        raise Damaged("limit", f"a page of {n_numbers} values in blocks of {block}")
    per_miniblock = block // n_miniblocks
    if not per_miniblock or per_miniblock % 8:
        raise Damaged("corrupt", f"blocks of {block} values in {n_miniblocks} parts")
    numbers = np.zeros(n_numbers, np.int64)
    numbers[:1] = _signed(first)
    n_read = 1
    while n_read < n_numbers:
        smallest = _signed(read_varint(reader))
        for width in read_exactly(reader, n_miniblocks):
            if n_read >= n_numbers:
                break
            if width > _MAX_WIDTH:
                raise Damaged("corrupt", f"numbers of {width} bits")
            deltas = _unpack(read_exactly(reader, per_miniblock * width // 8), width, per_miniblock)
            found = deltas[: n_numbers - n_read] + smallest
            numbers[n_read : n_read + len(found)] = found
            n_read += len(found)
    with np.errstate(over="ignore"):
        return np.cumsum(numbers)


def read_varint(reader: ByteReader) -> int:
    """An unsigned number, seven bits a byte."""
    value = 0
    for position in range(_MAX_VARINT_BYTES):
        byte = read_exactly(reader, 1)[0]
        value |= (byte & 127) << 7 * position
        if byte < 128:
            return value
    raise Damaged("corrupt", "an endless number")


def _signed(value: int) -> int:
    """Zigzag; what is no number of 64 bits is wrapped as writers do."""
    number = value >> 1 ^ -(value & 1)
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


def _unpack(data: bytes, width: int, n_numbers: int) -> NDArray[np.int64]:
    """So many numbers of `width` bits, the lowest bit first."""
    if not width:
        return np.zeros(n_numbers, np.int64)
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little").reshape(-1, width)
    weights = np.left_shift(np.uint64(1), np.arange(width, dtype=np.uint64))
    numbers: NDArray[np.uint64] = (bits * weights).sum(axis=1, dtype=np.uint64)
    return numbers.astype(np.int64)


class Strings(Protocol):
    """The strings of a page, in order."""

    def next(self, max_bytes: int) -> bytes | None:
        """The next one, or `TOO_LARGE`."""
        ...

    def skip(self, n_values: int) -> None:
        """Pass over so many."""
        ...


class PlainStrings:
    """Each after its length."""

    def __init__(self, reader: ByteReader) -> None:
        self._reader = reader

    def next(self, max_bytes: int) -> bytes | None:
        size = int.from_bytes(read_exactly(self._reader, 4), "little")
        return _read_string(self._reader, size, max_bytes)

    def skip(self, n_values: int) -> None:
        for _ in range(n_values):
            size = int.from_bytes(read_exactly(self._reader, 4), "little")
            pass_over(self._reader, size)


class DeltaLengthStrings:
    """All lengths, then the strings."""

    def __init__(self, reader: ByteReader) -> None:
        self._lengths = _lengths(reader)
        self._reader = reader

    def next(self, max_bytes: int) -> bytes | None:
        return _read_string(self._reader, _next_length(self._lengths), max_bytes)

    def skip(self, n_values: int) -> None:
        for _ in range(n_values):
            pass_over(self._reader, _next_length(self._lengths))


class DeltaStrings:
    """Each as the length of what it shares with the one before, and the rest. Of one above the
    limit its beginning is held: what the next one shares beyond that makes it too large itself."""

    def __init__(self, reader: ByteReader, max_bytes: int) -> None:
        self._shared = _lengths(reader)
        self._rests = _lengths(reader)
        self._reader = reader
        self._max_bytes = max_bytes
        self._begin = b""
        self._n_bytes = 0

    def next(self, max_bytes: int) -> bytes | None:
        shared, n_rest = _next_length(self._shared), _next_length(self._rests)
        if shared > self._n_bytes:
            raise Damaged("corrupt", f"{shared} bytes of a string of {self._n_bytes}")
        n_read = min(n_rest, max(self._max_bytes - shared, 0))
        self._begin = self._begin[:shared] + read_exactly(self._reader, n_read)
        pass_over(self._reader, n_rest - n_read)
        self._n_bytes = shared + n_rest
        return self._begin if self._n_bytes <= max_bytes else TOO_LARGE

    def skip(self, n_values: int) -> None:
        for _ in range(n_values):
            self.next(self._max_bytes)


class Dictionary:
    """The distinct strings of a column chunk. A large one lies on disk: writers look at its size
    between batches of a thousand values, and may have put a whole repository in it."""

    def __init__(self, reader: ByteReader, n_values: int, n_bytes: int) -> None:
        self._file = TemporaryFile() if n_bytes > _HELD_BYTES else BytesIO()  # noqa: SIM115 - `close`
        self._ends = array("q", [0])
        for _ in range(n_values):
            left = int.from_bytes(read_exactly(reader, 4), "little")
            self._ends.append(self._ends[-1] + left)
            while left:
                piece = read_exactly(reader, min(left, _PIECE_BYTES))
                self._file.write(piece)
                left -= len(piece)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def get(self, place: int, max_bytes: int) -> bytes | None:
        """The string at a place, or `TOO_LARGE`."""
        if not 0 <= place < len(self):
            raise Damaged("corrupt", f"value {place} of a dictionary of {len(self)}")
        start, end = self._ends[place], self._ends[place + 1]
        if end - start > max_bytes:
            return TOO_LARGE
        self._file.seek(start)
        return self._file.read(end - start)

    def close(self) -> None:
        """Give the disk back."""
        with suppress(OSError):
            self._file.close()


class DictionaryStrings:
    """Each as its place in the dictionary."""

    def __init__(self, reader: ByteReader, dictionary: Dictionary, n_bytes: int, n: int) -> None:
        self._dictionary = dictionary
        width = read_exactly(reader, 1)[0] if n else 0
        self._places = iter(read_runs(reader.read(n_bytes), n, width).tolist())

    def next(self, max_bytes: int) -> bytes | None:
        return self._dictionary.get(next(self._places, -1), max_bytes)

    def skip(self, n_values: int) -> None:
        for _ in range(n_values):
            next(self._places, None)


def _lengths(reader: ByteReader) -> Iterator[int]:
    return iter(read_deltas(reader).tolist())


def _next_length(lengths: Iterator[int]) -> int:
    length = next(lengths, -1)
    if length < 0:
        raise Damaged("corrupt", f"a string of {length} bytes")
    return length


def _read_string(reader: ByteReader, size: int, max_bytes: int) -> bytes | None:
    if size > max_bytes:
        pass_over(reader, size)
        return TOO_LARGE
    return read_exactly(reader, size)
