"""Snappy, expanded a piece at a time.

Parquet's usual compression has no stream format: libraries expand a page as one buffer, and a page
may hold a repository of two gigabytes. The format itself needs no more than a window: it is
literals and copies from what came before, and compressors work in blocks of 64 KiB, so no copy
reaches further back. Cost: 190 MB/s for text where pyarrow makes 310.
"""

from collections.abc import Iterator

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stages.github.archives.decompression import Readable
from stages.github.entries import Damaged
from stages.kernels.compiling import int64

READ_BYTES = 1 << 20
PIECE_BYTES = 1 << 20
BLOCK_BYTES = 1 << 16
"""How far a copy may reach back."""

_TAG_BYTES = 5
_COPY_BYTES = 64
_MORE, _FULL, _BAD = 0, 1, 2


def unsnap(stream: Readable) -> Iterator[bytes]:
    """The expanded bytes, in pieces of at most the window. `Damaged` where they are none."""
    window = np.empty(BLOCK_BYTES + PIECE_BYTES, np.uint8)
    rest = stream.read(READ_BYTES)
    at = _end_of_length(rest)
    start = end = literal = 0
    is_last = False
    while not is_last:
        more = stream.read(READ_BYTES)
        is_last = not more
        data = rest + more
        source = np.frombuffer(data + bytes(_TAG_BYTES), np.uint8)
        last_tag = len(data) - (1 if is_last else _TAG_BYTES)
        status = _FULL
        while status == _FULL:
            status, at, end, literal = _expand(
                source, at, len(data), last_tag, window, end, literal
            )
            if status == _BAD:
                raise Damaged("corrupt", "snappy: a copy of what is not there")
            if status == _FULL:
                yield window[start:end].tobytes()
                window[:BLOCK_BYTES] = window[end - BLOCK_BYTES : end].copy()
                start = end = BLOCK_BYTES
        if is_last and (literal or at != len(data)):
            raise Damaged("truncated", "snappy: the data ends too early")
        rest, at = data[at:], 0
    if end > start:
        yield window[start:end].tobytes()


def _end_of_length(data: bytes) -> int:
    """The place after the number that a stream begins with: its length."""
    for place, byte in enumerate(data[:_TAG_BYTES]):
        if byte < 128:
            return place + 1
    raise Damaged("corrupt", "snappy: no length", head=data[:4096])


@njit(cache=True, nogil=True)
def _number(source: NDArray[np.uint8], at: int, n_bytes: int) -> int:
    """A little-endian number."""
    number = int64(0)
    for place in range(n_bytes):
        number |= int64(source[np.uint64(at + place)]) << (8 * place)
    return number


@njit(cache=True, nogil=True)
def _expand(
    source: NDArray[np.uint8],
    at: int,
    n_source: int,
    last_tag: int,
    window: NDArray[np.uint8],
    end: int,
    literal: int,
) -> tuple[int, int, int, int]:
    """Expand `source` from `at` behind `end` of the window, `literal` bytes of it as they are.
    Stops where the window is full or no whole tag is left; tests/stages/github/tables hold it
    against pyarrow's."""
    while True:
        if literal > 0:
            n_bytes = min(literal, n_source - at, window.size - end)
            for place in range(n_bytes):
                window[np.uint64(end + place)] = source[np.uint64(at + place)]
            at += n_bytes
            end += n_bytes
            literal -= n_bytes
            if literal > 0:
                return (_FULL if end == window.size else _MORE), at, end, literal
        if at > last_tag:
            return _MORE, at, end, 0
        tag = int64(source[np.uint64(at)])
        kind = tag & 3
        if kind == 0:
            length = tag >> 2
            at += 1
            if length >= 60:
                n_bytes = length - 59
                length = _number(source, at, n_bytes)
                at += n_bytes
            literal = length + 1
            continue
        if window.size - end < _COPY_BYTES:
            return _FULL, at, end, 0
        n_bytes = 1 if kind == 1 else (2 if kind == 2 else 4)
        offset = _number(source, at + 1, n_bytes)
        length = 1 + (tag >> 2)
        if kind == 1:
            offset |= (tag >> 5) << 8
            length = 4 + ((tag >> 2) & 7)
        at += 1 + n_bytes
        if offset == 0 or offset > end:
            return _BAD, at, end, 0
        for place in range(end, end + length):
            window[np.uint64(place)] = window[np.uint64(place - offset)]
        end += length
