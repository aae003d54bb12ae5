"""How many characters of an HTML document a reader sees.

A tokeniser after the HTML standard (section 13.2.5: tags, quoted attributes, comments, raw-text
elements, character references) that only counts. Text in script, style, title, noscript, iframe,
noembed, noframes and template is not seen; tags themselves are nothing; ASCII white space is
collapsed and trimmed. What CSS hides still counts.

A tree is not needed for that, and a parser's cost is quadratic in nesting (selectolax takes 97 s
for 200,000 open tags); this is linear: about 600 MB/s, no memory per page. Not followed: scripts
inside comments inside scripts, and CDATA inside SVG or MathML.
"""

from functools import cache
from html.entities import html5
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.kernels.arrow import Bytes, Offsets

ReferenceTable = npt.NDArray[np.uint64]

TABLE_SLOTS = 8192
"""Open addressing for the 2,231 named references: a power of two, a quarter full."""

FNV_OFFSET = 0xCBF29CE484222325
FNV_PRIME = 0x100000001B3

LONGEST_NAME = max(map(len, html5))

HIDDEN_ELEMENTS = (
    b"script", b"style", b"title", b"noscript", b"iframe", b"noembed", b"noframes",
)  # fmt: skip
"""Elements whose content runs to their own end tag, whatever it contains, and is not seen."""

_HIDDEN = np.frombuffer(b"".join(name.ljust(8, b"\0") for name in HIDDEN_ELEMENTS), np.uint8)
_TEMPLATE = np.frombuffer(b"template", np.uint8)


@cache
def named_references() -> ReferenceTable:
    """HTML's named character references: uint64[2, 8192], the name's FNV-1a hash and what it
    stands for (code points; 255 for a white-space character), zero where empty."""
    table = np.zeros((2, TABLE_SLOTS), np.uint64)
    for name, text in html5.items():
        key = FNV_OFFSET
        for byte in name.encode():
            key = ((key ^ byte) * FNV_PRIME) & 0xFFFFFFFFFFFFFFFF
        slot = key % TABLE_SLOTS
        while table[0, slot]:
            slot = (slot + 1) % TABLE_SLOTS
        table[0, slot] = key
        table[1, slot] = 255 if text in "\t\n" else len(text)
    return table


def count_visible_characters(offsets: Offsets, data: Bytes) -> npt.NDArray[np.int64]:
    """Visible code points of every HTML document of an Arrow string array."""
    return _count_all(offsets, data, named_references())


# offsets int64[n + 1], data uint8[:], references uint64[2, 8192] -> int64[n].
# Replaces a selectolax tree: tests/stages/kernels/counting/test_visible_text.py.
@njit(cache=True, nogil=True)
def _count_all(offsets: Offsets, data: Bytes, references: ReferenceTable) -> npt.NDArray[np.int64]:
    counts = np.zeros(len(offsets) - 1, np.int64)
    for row in range(len(counts)):
        counts[row] = _count_one(data[offsets[row] : offsets[row + 1]], references)
    return counts


# html uint8[:] (UTF-8) -> visible code points.
@njit(cache=True, nogil=True)
def _count_one(html: Bytes, references: ReferenceTable) -> int:
    n = len(html)
    count = 0
    space = False
    # Of a plain 0 Numba would first compile everything below for the constant, and then again.
    templates: Any = np.int64(0)
    position: Any = np.int64(0)
    while position < n:
        byte = html[position]
        width = 1
        if byte == 0x3C:
            after, templates = _skip_markup(html, position, templates)
            if after > position:
                position = after
                continue
        elif byte == 0x26:
            position, width = _read_reference(html, position, references)
        elif _is_space(byte):
            width = 255
        elif byte & 0xC0 == 0x80 or byte == 0:
            width = 0
        position += 1
        if templates > 0:
            continue
        if width == 255:
            space = count > 0
        elif width > 0:
            count += width + space
            space = False
    return count


@njit(cache=True, nogil=True)
def _is_space(byte: int) -> bool:
    return byte in (0x20, 0x0A, 0x09, 0x0D, 0x0C)


@njit(cache=True, nogil=True)
def _is_letter(byte: int) -> bool:
    return 0x61 <= byte | 0x20 <= 0x7A


# The position after the tag, comment or hidden element that begins with the `<` at `start`, or
# `start` if that `<` is text; and the number of templates open then.
@njit(cache=True, nogil=True)
def _skip_markup(html: Bytes, start: int, templates: int) -> tuple[int, int]:
    n = len(html)
    if start + 1 >= n:
        return start, templates
    byte = html[start + 1]
    closing = byte == 0x2F
    name = start + 2 if closing else start + 1
    if name < n and _is_letter(html[name]):
        return _skip_tag(html, name, closing, templates)
    if byte == 0x21 and start + 3 < n and html[start + 2] == 0x2D and html[start + 3] == 0x2D:
        return _skip_comment(html, start + 4), templates
    if byte in (0x21, 0x3F) or (closing and name < n):
        return _find(html, 0x3E, name) + 1, templates
    return start, templates


# As `_skip_markup`, from the first letter of a tag's name.
@njit(cache=True, nogil=True)
def _skip_tag(html: Bytes, name: int, closing: bool, templates: int) -> tuple[int, int]:
    n = len(html)
    end = name
    while end < n and not _is_space(html[end]) and html[end] not in (0x2F, 0x3E):
        end += 1
    length = end - name
    after = _skip_attributes(html, end)
    if length == 8 and _same_name(html, name, _TEMPLATE, 0, 8):
        return after, max(0, templates + (-1 if closing else 1))
    if closing or length > 8:
        return after, templates
    for hidden in range(0, len(_HIDDEN), 8):
        same_length = length == 8 or _HIDDEN[hidden + length] == 0
        if same_length and _same_name(html, name, _HIDDEN, hidden, length):
            return _skip_element(html, after, hidden, length), templates
    return after, templates


@njit(cache=True, nogil=True)
def _find(html: Bytes, byte: int, start: int) -> int:
    position = start
    while position < len(html) and html[position] != byte:
        position += 1
    return position


@njit(cache=True, nogil=True)
def _same_name(html: Bytes, start: int, names: Bytes, name: int, length: int) -> bool:
    for index in range(length):
        if start + index >= len(html) or html[start + index] | 0x20 != names[name + index]:
            return False
    return True


# From just inside `<!--` to behind `-->` or `--!>`; `<!-->` and `<!--->` are whole comments.
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


# From behind a tag's name to behind its `>`; a quote matters at the start of a value only.
@njit(cache=True, nogil=True)
def _skip_attributes(html: Bytes, start: int) -> int:
    n = len(html)
    position = start
    in_name = False
    while position < n:
        byte = html[position]
        position += 1
        if byte == 0x3E:
            return position
        if byte == 0x3D and in_name:
            while position < n and _is_space(html[position]):
                position += 1
            if position < n and html[position] in (0x22, 0x27):
                position = _find(html, html[position], position + 1) + 1
            else:
                while position < n and not _is_space(html[position]) and html[position] != 0x3E:
                    position += 1
            in_name = False
        elif byte == 0x2F:
            in_name = False
        elif not _is_space(byte):
            in_name = True
    return n


# From behind a hidden element's start tag to behind its end tag, or to the end of the document.
@njit(cache=True, nogil=True)
def _skip_element(html: Bytes, start: int, hidden: int, length: int) -> int:
    n = len(html)
    position = start
    while position + length + 2 <= n:
        if html[position] == 0x3C and html[position + 1] == 0x2F:
            end = position + 2 + length
            if _same_name(html, position + 2, _HIDDEN, hidden, length) and (
                end == n or _is_space(html[end]) or html[end] in (0x2F, 0x3E)
            ):
                return _skip_attributes(html, end)
        position += 1
    return n


# The last byte of the reference that begins with the `&` at `start`, and how many code points it
# stands for (255 for white space); (`start`, 1) if that `&` is text.
@njit(cache=True, nogil=True)
def _read_reference(html: Bytes, start: int, references: ReferenceTable) -> tuple[int, int]:
    n = len(html)
    position = start + 1
    if position < n and html[position] == 0x23:
        return _read_number(html, start)
    best = start
    width = 1
    key = np.uint64(FNV_OFFSET)
    while position < n and position - start <= LONGEST_NAME:
        byte = html[position]
        if not (_is_letter(byte) or 0x30 <= byte <= 0x39 or byte == 0x3B):
            break
        key = (key ^ np.uint64(byte)) * np.uint64(FNV_PRIME)
        slot = key % np.uint64(TABLE_SLOTS)
        while references[0, slot] != 0:
            if references[0, slot] == key:
                best = position
                width = int(np.int64(references[1, slot]))
                break
            slot = (slot + np.uint64(1)) % np.uint64(TABLE_SLOTS)
        if byte == 0x3B:
            break
        position += 1
    return best, width


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
        byte = int(np.int64(html[position]))
        if 0x30 <= byte <= 0x39:
            digit = byte - 0x30
        elif base == 16 and 0x61 <= byte | 0x20 <= 0x66:
            digit = (byte | 0x20) - 0x57
        else:
            break
        value = min(value * base + digit, 0x110000)
        position += 1
    if position == first:
        return start, 1
    if position < n and html[position] == 0x3B:
        position += 1
    return position - 1, (255 if _is_space(value) else 1)
