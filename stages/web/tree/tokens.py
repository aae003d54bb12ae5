"""Tags, attributes, comments and names, read from the bytes (HTML standard, section 13.2.5)."""

import numpy as np
from numba import njit

from stages.kernels.arrow import Bytes
from stages.web.tree.characters import ReferenceTable, append_points, read_reference
from stages.web.tree.elements import FNV_OFFSET, FNV_PRIME, SLOTS, NameTable
from stages.web.tree.state import (
    KEY,
    N_ATTRIBUTES,
    NAME,
    NAME_END,
    VALUE,
    VALUE_END,
    Build,
)

MAX_ATTRIBUTES = 64
"""Of one element; further ones are passed over."""


@njit(cache=True, nogil=True)
def is_space(byte: int) -> bool:
    return byte == 0x20 or (0x09 <= byte <= 0x0D and byte != 0x0B)


@njit(cache=True, nogil=True)
def is_letter(byte: int) -> bool:
    return 0x61 <= byte | 0x20 <= 0x7A


# The number of the name at html[start:end] (ASCII case folded, a prefix left out), 0 if unknown.
@njit(cache=True, nogil=True)
def look_up(html: Bytes, start: int, end: int, table: NameTable, prefixed: bool) -> int:
    key = np.uint64(FNV_OFFSET)
    for position in range(start, end):
        byte = html[position]
        if 0x41 <= byte <= 0x5A:
            byte |= 0x20
        if byte == 0x3A and prefixed:
            key = np.uint64(FNV_OFFSET)
            continue
        key = (key ^ np.uint64(byte)) * np.uint64(FNV_PRIME)
    slot = key % np.uint64(SLOTS)
    while table[0, slot] != 0:
        if table[0, slot] == key:
            return np.int64(table[1, slot])
        slot = (slot + np.uint64(1)) % np.uint64(SLOTS)
    return 0


# Behind the attributes and `>` of a tag whose name ends at `start`; attributes are kept if `keep`.
# Also whether the tag ends in `/>`.
@njit(cache=True, nogil=True)
def read_attributes(b: Build, start: int, keep: bool) -> tuple[int, bool]:
    html = b.html
    n = len(html)
    position = start
    kept = 0
    while True:
        slash = False
        while position < n and (is_space(html[position]) or html[position] == 0x2F):
            slash = html[position] == 0x2F
            position += 1
        if position >= n:
            return n, False
        if html[position] == 0x3E:
            return position + 1, slash
        begin = position
        position += 1  # a first `=` belongs to the name
        while position < n and not (
            is_space(html[position]) or html[position] in (0x2F, 0x3E, 0x3D)
        ):
            position += 1
        name_end = position
        while position < n and is_space(html[position]):
            position += 1
        value = value_end = name_end
        if position < n and html[position] == 0x3D:
            position += 1
            while position < n and is_space(html[position]):
                position += 1
            if position < n and html[position] in (0x22, 0x27):
                quote = html[position]
                position += 1
                value = position
                while position < n and html[position] != quote:
                    position += 1
                value_end = position
                position += 1
            else:
                value = position
                while position < n and not is_space(html[position]) and html[position] != 0x3E:
                    position += 1
                value_end = position
        if keep and kept < MAX_ATTRIBUTES and b.count[N_ATTRIBUTES] < len(b.attributes):
            slot = b.count[N_ATTRIBUTES]
            b.attributes[slot, KEY] = look_up(html, begin, name_end, b.names[1], False)
            b.attributes[slot, NAME], b.attributes[slot, NAME_END] = begin, name_end
            b.attributes[slot, VALUE], b.attributes[slot, VALUE_END] = value, value_end
            b.count[N_ATTRIBUTES] += 1
            kept += 1


@njit(cache=True, nogil=True)
def skip_attributes(html: Bytes, start: int) -> int:
    n = len(html)
    position = start
    in_name = False
    while position < n:
        byte = html[position]
        position += 1
        if byte == 0x3E:
            return position
        if byte == 0x3D and in_name:
            while position < n and is_space(html[position]):
                position += 1
            if position < n and html[position] in (0x22, 0x27):
                quote = html[position]
                position += 1
                while position < n and html[position] != quote:
                    position += 1
                position += 1
            in_name = False
        elif byte == 0x2F or is_space(byte):
            in_name = in_name and byte != 0x2F
        else:
            in_name = True
    return n


# Behind `<!…>` or `<?…>`: comments, doctypes, processing instructions.
@njit(cache=True, nogil=True)
def skip_declaration(html: Bytes, start: int) -> int:
    n = len(html)
    position = start + 2
    if position + 1 < n and html[position - 1] == 0x21 and html[position] == 0x2D:
        if html[position + 1] == 0x2D:
            return _skip_comment(html, position + 2)
    while position < n and html[position] != 0x3E:
        position += 1
    return position + 1


@njit(cache=True, nogil=True)
def _skip_comment(html: Bytes, start: int) -> int:
    n = len(html)
    if start < n and html[start] == 0x3E:
        return start + 1
    if start + 1 < n and html[start] == 0x2D and html[start + 1] == 0x3E:
        return start + 2
    position = start
    while position + 2 < n:
        if html[position] == 0x2D and html[position + 1] == 0x2D:
            if html[position + 2] == 0x3E:
                return position + 3
            if html[position + 2] == 0x21 and position + 3 < n and html[position + 3] == 0x3E:
                return position + 4
        position += 1
    return n


# Where the text of the CDATA section at `start` begins, 0 if there is none.
@njit(cache=True, nogil=True)
def cdata_start(html: Bytes, start: int) -> int:
    mark = (0x3C, 0x21, 0x5B, 0x43, 0x44, 0x41, 0x54, 0x41, 0x5B)
    if start + 9 > len(html):
        return 0
    for index in range(9):
        if html[start + index] != mark[index]:
            return 0
    return start + 9


@njit(cache=True, nogil=True)
def cdata_end(html: Bytes, start: int) -> int:
    position = start
    while position + 2 < len(html):
        if html[position] == 0x5D and html[position + 1] == 0x5D and html[position + 2] == 0x3E:
            return position
        position += 1
    return len(html)


# Where the text from `start` on (not itself examined) ends, and whether it is blank.
@njit(cache=True, nogil=True)
def text_end(html: Bytes, start: int) -> tuple[int, bool]:
    n = len(html)
    position = start + 1
    blank = is_space(html[start])
    while position < n:
        byte = html[position]
        if byte == 0x3C and position + 1 < n:
            following = html[position + 1]
            if is_letter(following) or following in (0x2F, 0x21, 0x3F):
                break
        blank = blank and is_space(byte)
        position += 1
    return position, blank


# Where a raw-text element's own end tag begins, whose name stands at html[name_start:name_stop].
@njit(cache=True, nogil=True)
def raw_text_end(html: Bytes, start: int, name_start: int, name_stop: int) -> int:
    n = len(html)
    length = name_stop - name_start
    for position in range(start, n - length - 1):
        if html[position] != 0x3C or html[position + 1] != 0x2F:
            continue
        same = True
        for index in range(length):
            if html[position + 2 + index] | 0x20 != html[name_start + index] | 0x20:
                same = False
                break
        after = position + 2 + length
        if same and (after == n or is_space(html[after]) or html[after] in (0x2F, 0x3E)):
            return position
    return n


# Behind the line end at `start`, if there is one.
@njit(cache=True, nogil=True)
def skip_line_end(html: Bytes, start: int, stop: int) -> int:
    if start < stop and html[start] == 0x0D:
        start += 1
    if start < stop and html[start] == 0x0A:
        start += 1
    return start


# Append html[start:stop] to `text`, line ends as \n, without NUL; returns the new length.
@njit(cache=True, nogil=True)
def copy_text(
    html: Bytes, start: int, stop: int, references: ReferenceTable, decode: bool, text: Bytes,
    length: int,
) -> int:  # fmt: skip
    position = start
    while position < stop:
        byte = html[position]
        if byte == 0x26 and decode:
            after, points = read_reference(html, position, references)
            if after > position:
                length = append_points(text, length, points)
                position = after
                continue
        elif byte == 0x0D:
            byte = np.uint8(0x0A)
            if position + 1 < stop and html[position + 1] == 0x0A:
                position += 1
        if byte != 0:
            text[length] = byte
            length += 1
        position += 1
    return length
