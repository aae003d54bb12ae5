"""Character references, read inside kernels (HTML standard, section 13.2.5.72 and following)."""

from functools import cache
from html.entities import html5

import numpy as np
import numpy.typing as npt

from stages.kernels.compiling import Ints, int64, kernel, uint64
from stages.web.tree.elements import FNV_OFFSET, FNV_PRIME, hash_table, name_hash

ReferenceTable = npt.NDArray[np.uint64]

SLOTS = 8192
"""Open addressing for the 2,231 names: a power of two, a quarter full."""
LONGEST_NAME = max(map(len, html5))


@cache
def reference_table() -> ReferenceTable:
    """uint64[2 * 8192 + 32]: hashes of names, then of each up to two code points (the second times
    2^32); then what references to the C1 controls stand for (Windows-1252, as browsers have it)."""
    points = (
        (name_hash(name), sum(ord(character) << 32 * n for n, character in enumerate(text)))
        for name, text in html5.items()
    )
    controls = [ord(bytes([byte]).decode("cp1252", "replace")) for byte in range(0x80, 0xA0)]
    return np.concatenate([hash_table(points, SLOTS), np.array(controls, np.uint64)])


@kernel
def read_reference(html: Ints, n: int, start: int, references: Ints) -> tuple[int, int]:
    """The position behind the reference that begins with the `&` at `start`, and its code points;
    (`start`, 0) if that `&` is text."""
    position = start + 1
    if position < n and html[position] == 0x23:
        return _read_number(html, n, start, references)
    best, points = start, 0
    key = uint64(FNV_OFFSET)
    while position < n and position - start <= LONGEST_NAME:
        byte = html[position]
        is_word = 0x61 <= byte | 0x20 <= 0x7A or 0x30 <= byte <= 0x39
        if not is_word and byte != 0x3B:
            break
        key = (key ^ uint64(byte)) * uint64(FNV_PRIME)
        slot = key & uint64(SLOTS - 1)
        while references[slot] != 0:
            if references[slot] == key:
                best, points = position + 1, int64(references[slot + uint64(SLOTS)])
                break
            slot = (slot + uint64(1)) & uint64(SLOTS - 1)
        position += 1
        if byte == 0x3B:
            break
    return best, points


@kernel
def _read_number(html: Ints, n: int, start: int, references: Ints) -> tuple[int, int]:
    position = start + 2
    base = 10
    if position < n and html[position] | 0x20 == 0x78:
        base = 16
        position += 1
    first = position
    value = 0
    while position < n:
        digit = int64(html[position]) - 0x30
        if digit > 9:
            digit = (digit | 0x20) - 0x27
            if digit < 10 or digit >= base:
                break
        elif digit < 0:
            break
        value = value * base + digit
        if value > 0x110000:
            value = 0x110000
        position += 1
    if position == first:
        return start, 0
    if position < n and html[position] == 0x3B:
        position += 1
    if 0x80 <= value < 0xA0:
        value = int64(references[2 * SLOTS + value - 0x80])
    if value == 0 or 0xD800 <= value < 0xE000 or value > 0x10FFFF:
        value = 0xFFFD
    return position, value


@kernel
def append_points(out: Ints, length: int, points: int) -> int:
    """Append code points (up to two, 32 bits each) as UTF-8; returns the new length."""
    while points != 0:
        point = points & 0xFFFFFFFF
        points >>= 32
        if point < 0x80:
            out[length] = point
            length += 1
            continue
        shift = 6 if point < 0x800 else 12 if point < 0x10000 else 18
        lead = 0xC0 if point < 0x800 else 0xE0 if point < 0x10000 else 0xF0
        out[length] = lead | point >> shift
        length += 1
        while shift > 0:
            shift -= 6
            out[length] = 0x80 | point >> shift & 0x3F
            length += 1
    return length
