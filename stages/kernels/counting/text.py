"""Counting characters, lines and letters of UTF-8 text, without making Python strings.

A line ends at `\\r\\n`, `\\r` or `\\n` only (not at a form feed, not at U+2028); a final empty line
does not count; lengths exclude the terminator. Characters are code points, alphabetic is
`str.isalpha` of the running Python, looked up in a bitmap of all code points (139 kB).

ASCII text takes two passes that the compiler vectorises; other text is decoded code point by code
point. The bytes are trusted to be valid UTF-8, as Arrow strings are.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.kernels.arrow import Bytes, Offsets
from stages.kernels.code_points import word_characters

Counts = npt.NDArray[np.int64]


class TextCounts(NamedTuple):
    """Per text: code points, lines, code points outside terminators, the longest line in code
    points, and alphabetic code points (int64 each)."""

    n_characters: Counts
    n_lines: Counts
    n_line_characters: Counts
    max_line_length: Counts
    n_alphabetic: Counts


@cache
def alphabetic_bitmap() -> Bytes:
    """One bit per code point, least significant first: `str.isalpha`; surrogates are none."""
    return np.packbits(word_characters(str.isalpha), bitorder="little")


def count_text(offsets: Offsets, data: Bytes) -> TextCounts:
    """Count every string of an Arrow array given as `utf8_buffers` gives it."""
    return TextCounts(*_count_all(offsets, data, alphabetic_bitmap()))


# offsets int64[n + 1], data uint8[:], bitmap uint8[139264] -> int64[5, n].
# Replaces len, re.split and str.isalpha per string: tests/stages/kernels/counting/test_text.py.
@njit(cache=True, nogil=True)
def _count_all(offsets: Offsets, data: Bytes, bitmap: Bytes) -> Counts:
    n = len(offsets) - 1
    counts = np.zeros((5, n), np.int64)
    for row in range(n):
        text = data[offsets[row] : offsets[row + 1]]
        high = np.uint8(0)
        alphabetic = np.int64(0)
        for byte in text:
            high |= byte
            alphabetic += np.int64(np.uint8((byte | np.uint8(0x20)) - np.uint8(97)) < np.uint8(26))
        if high < 0x80:
            counts[4, row] = alphabetic
            counts[0, row] = len(text)
            counts[1, row], counts[2, row], counts[3, row] = _count_ascii_lines(text)
        else:
            _count_decoded(text, bitmap, counts, row)
    return counts


# text uint8[:] (ASCII) -> lines, bytes outside terminators, longest line.
@njit(cache=True, nogil=True)
def _count_ascii_lines(text: Bytes) -> tuple[int, int, int]:
    n_lines = 0
    inside = 0
    longest = 0
    start = 0
    n = len(text)
    for position in range(n):
        byte = text[position]
        if byte > 13 or byte not in (10, 13):
            continue
        if byte == 10 and position > 0 and text[position - 1] == 13:
            start = position + 1
            continue
        length = position - start
        n_lines += 1
        inside += length
        longest = max(longest, length)
        start = position + 1
    if start < n:
        n_lines += 1
        inside += n - start
        longest = max(longest, n - start)
    return n_lines, inside, longest


# text uint8[:] (UTF-8), bitmap uint8[139264]; writes counts[:, row].
@njit(cache=True, nogil=True)
def _count_decoded(text: Bytes, bitmap: Bytes, counts: Counts, row: int) -> None:
    characters = 0
    n_lines = 0
    inside = 0
    longest = 0
    alphabetic = 0
    length = 0
    previous = np.int64(0)
    position = 0
    n = len(text)
    while position < n:
        point = np.int64(text[position])
        if point < 0x80:
            position += 1
        elif point < 0xE0:
            point = (point & 0x1F) << 6 | (np.int64(text[position + 1]) & 0x3F)
            position += 2
        elif point < 0xF0:
            point = (
                (point & 0x0F) << 12
                | (np.int64(text[position + 1]) & 0x3F) << 6
                | (np.int64(text[position + 2]) & 0x3F)
            )
            position += 3
        else:
            point = (
                (point & 0x07) << 18
                | (np.int64(text[position + 1]) & 0x3F) << 12
                | (np.int64(text[position + 2]) & 0x3F) << 6
                | (np.int64(text[position + 3]) & 0x3F)
            )
            position += 4
        characters += 1
        if point == 10 and previous == 13:
            previous = point
            continue
        previous = point
        if point in (10, 13):
            n_lines += 1
            inside += length
            longest = max(longest, length)
            length = 0
            continue
        alphabetic += bitmap[point >> 3] >> (point & 7) & 1
        length += 1
    if length > 0:
        n_lines += 1
        inside += length
        longest = max(longest, length)
    counts[0, row] = characters
    counts[1, row] = n_lines
    counts[2, row] = inside
    counts[3, row] = longest
    counts[4, row] = alphabetic
