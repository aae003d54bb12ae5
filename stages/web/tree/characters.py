"""Character references, read inside kernels (HTML standard, section 13.2.5.72 and following)."""

from functools import cache
from html.entities import html5

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.kernels.arrow import Bytes
from stages.web.tree.elements import FNV_OFFSET, FNV_PRIME, name_hash

ReferenceTable = npt.NDArray[np.uint64]

SLOTS = 8192
"""Open addressing for the 2,231 names: a power of two, a quarter full."""
LONGEST_NAME = max(map(len, html5))

_C1 = np.array(
    [ord(bytes([byte]).decode("cp1252", "replace")) for byte in range(0x80, 0xA0)], np.int64
)
"""What references to the C1 controls stand for: Windows-1252, as browsers have it."""


@cache
def reference_table() -> ReferenceTable:
    """uint64[2, 8192]: the hash of a name, and up to two code points (the second times 2^32)."""
    table = np.zeros((2, SLOTS), np.uint64)
    for name, text in html5.items():
        key = name_hash(name)
        slot = key % SLOTS
        while table[0, slot]:
            slot = (slot + 1) % SLOTS
        table[0, slot] = key
        table[1, slot] = sum(ord(character) << 32 * n for n, character in enumerate(text))
    return table


# The position behind the reference that begins with the `&` at `start`, and its code points;
# (`start`, 0) if that `&` is text.
@njit(cache=True, nogil=True)
def read_reference(html: Bytes, start: int, references: ReferenceTable) -> tuple[int, int]:
    n = len(html)
    position = start + 1
    if position < n and html[position] == 0x23:
        return _read_number(html, start)
    best, points = start, 0
    key = np.uint64(FNV_OFFSET)
    while position < n and position - start <= LONGEST_NAME:
        byte = html[position]
        is_word = 0x61 <= byte | 0x20 <= 0x7A or 0x30 <= byte <= 0x39
        if not is_word and byte != 0x3B:
            break
        key = (key ^ np.uint64(byte)) * np.uint64(FNV_PRIME)
        slot = key % np.uint64(SLOTS)
        while references[0, slot] != 0:
            if references[0, slot] == key:
                best, points = position + 1, np.int64(references[1, slot])
                break
            slot = (slot + np.uint64(1)) % np.uint64(SLOTS)
        position += 1
        if byte == 0x3B:
            break
    return best, points


@njit(cache=True, nogil=True)
def _read_number(html: Bytes, start: int) -> tuple[int, int]:
    n = len(html)
    position = start + 2
    base = 10
    if position < n and html[position] | 0x20 == 0x78:
        base = 16
        position += 1
    first = position
    value = 0
    while position < n:
        byte = np.int64(html[position])
        if 0x30 <= byte <= 0x39:
            digit = byte - 0x30
        elif base == 16 and 0x61 <= byte | 0x20 <= 0x66:
            digit = (byte | 0x20) - 0x57
        else:
            break
        value = min(value * base + digit, 0x110000)
        position += 1
    if position == first:
        return start, 0
    if position < n and html[position] == 0x3B:
        position += 1
    if 0x80 <= value < 0xA0:
        value = _C1[value - 0x80]
    if value == 0 or 0xD800 <= value < 0xE000 or value > 0x10FFFF:
        value = 0xFFFD
    return position, value


# Append code points (up to two, 32 bits each) as UTF-8; returns the new length.
@njit(cache=True, nogil=True)
def append_points(out: Bytes, length: int, points: int) -> int:
    while points != 0:
        point = points & 0xFFFFFFFF
        points >>= 32
        if point < 0x80:
            out[length] = point
            length += 1
            continue
        if point < 0x800:
            n_more = 1
            out[length] = 0xC0 | point >> 6
        elif point < 0x10000:
            n_more = 2
            out[length] = 0xE0 | point >> 12
        else:
            n_more = 3
            out[length] = 0xF0 | point >> 18
        for more in range(n_more):
            shift = 6 * (n_more - 1 - more)
            out[length + 1 + more] = 0x80 | point >> shift & 0x3F
        length += 1 + n_more
    return length
