"""Names of elements and attributes as numbers, by their hashes."""

from stages.kernels.compiling import Ints, int64, kernel, uint64
from stages.web.tree.elements import (
    FIRST_MATHEMATICS,
    FNV_OFFSET,
    FNV_PRIME,
    IS_ASCIIMATH,
    IS_BLOCK,
    IS_INLINE,
    SLOTS,
    UNKNOWN,
)
from stages.web.tree.state import Build


@kernel
def look_up(html: Ints, start: int, end: int, table: Ints, is_tag: bool) -> int:
    """The number of the name at html[start:end] (ASCII case folded; of a tag's, what follows its
    last `:`), 0 if unknown."""
    key = uint64(FNV_OFFSET)
    for position in range(start, end):
        byte = int64(html[position])
        if 0x41 <= byte <= 0x5A:
            byte |= 0x20
        key = (key ^ uint64(byte)) * uint64(FNV_PRIME)
        if is_tag and byte == 0x3A:
            key = uint64(FNV_OFFSET)
    return _number(key, table)


@kernel
def _number(key: int, table: Ints) -> int:
    """The number of the name with a hash, 0 if unknown."""
    slot = key & uint64(SLOTS - 1)
    while table[slot] != 0:
        if table[slot] == key:
            return int64(table[slot + uint64(SLOTS)])
        slot = (slot + uint64(1)) & uint64(SLOTS - 1)
    return 0


@kernel
def look_up_tag(b: Build, start: int, end: int) -> int:
    """The number of the element whose name is at html[start:end]."""
    found = look_up(b.html, start, end, b.elements, b.n > 0)
    return found if found > 0 else _unknown_tag(b, start, end)


@kernel
def _unknown_tag(b: Build, start: int, end: int) -> int:
    """One of `MATHEMATICS` if a word of the name (between `-`, `_`, `.` and `:`) is of mathematics,
    else `UNKNOWN`."""
    begun = (uint64(FNV_OFFSET) ^ uint64(0x23)) * uint64(FNV_PRIME)
    key, notation, place = begun, int64(0), int64(0)
    for position in range(start, end + 1):
        byte = int64(b.html[position]) if position < end else 0x2D
        if byte == 0x2D or byte == 0x5F or byte == 0x2E or byte == 0x3A:
            said = _number(key, b.elements)
            place |= said & ~IS_ASCIIMATH
            if said & IS_ASCIIMATH > notation:
                notation = said & IS_ASCIIMATH
            key = begun
            continue
        if 0x41 <= byte <= 0x5A:
            byte |= 0x20
        key = (key ^ uint64(byte)) * uint64(FNV_PRIME)
    if notation == 0:
        return UNKNOWN
    is_block = place & IS_BLOCK and not place & IS_INLINE
    return FIRST_MATHEMATICS + 2 * (notation - 1) + (1 if is_block else 0)
