r"""Tokens of a text after NFC and lower case: `\w+` runs, a CJK character alone.

Character classes and lower case come from tables generated from Python's own predicates (5.6 MB,
0.2 s once per process), so the kernel splits where `re.findall(r"\w+", text.lower())` does. One
difference is deliberate: ς equals σ, since `str.lower` chooses between them by context.

A problem may stand in a string literal, in JSON or in a page's source: `\n`, `\r`, `\t` and the
entities of `<`, `>`, `&`, quotes and the hard space part tokens as what they stand for does, and
`\u00e9` is its letter. Benchmarks are read alike, so `\theta` still equals itself.

Tokens are visited in place. Only a text that is not in NFC is copied (see `composition`); a token
of a piece that changed spans the whole piece.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.kernels.arrow import Bytes
from stages.kernels.code_points import (
    N_CODE_POINTS,
    changed_by_lower,
    code_point,
    matching,
    word_characters,
)
from stages.kernels.shingles import CJK_RANGES, mix

WORD, CJK, ENDS, DIGIT, ESCAPES = 1, 2, 4, 8, 16
"""Bits of a class: in a run; a token alone; the run ends behind it; a digit; begins an escape."""

_FNV_OFFSET = np.uint64(0xCBF29CE484222325)
_FNV_PRIME = np.uint64(0x100000001B3)

_BACKSLASH, _AMPERSAND = 92, 38
_ENTITIES = tuple(
    int.from_bytes(name, "big")
    for name in (b"lt", b"gt", b"amp", b"quot", b"apos", b"nbsp", b"#34", b"#39", b"#x27")
)

CodePoints = npt.NDArray[np.int32]


class Tables(NamedTuple):
    """Per code point: its class (of its lower case) and its lower case (the first code point)."""

    classes: Bytes
    lower: CodePoints


@cache
def character_tables() -> Tables:
    """The tables of the running Python."""
    classes = np.zeros(N_CODE_POINTS, np.uint8)
    classes[matching(r"\w+")] = WORD
    classes[word_characters(str.isdigit)] |= DIGIT
    lower = np.arange(N_CODE_POINTS, dtype=np.int32)
    for point, small in changed_by_lower():
        lower[point] = ord(small[0])
        classes[point] = classes[ord(small[0])]
        if len(small) > 1 and not classes[ord(small[1])] & WORD:
            classes[point] |= ENDS
    lower[ord("ς")] = ord("σ")
    classes[[_BACKSLASH, _AMPERSAND]] = ESCAPES
    for first, last in CJK_RANGES:
        block = classes[first : last + 1]
        block[(block & WORD) != 0] |= CJK
    return Tables(classes, lower)


# data uint8 (valid UTF-8), position, end, tables -> hash (0 behind the last token), start, stop,
# whether all of it are digits. Replaces `re.finditer(r"\w+")`; see the oracle in
# tests/stages/decontaminate/test_stage.py.
@njit(cache=True, nogil=True)
def next_token(
    data: Bytes, position: int, end: int, classes: Bytes, lower: CodePoints
) -> tuple[np.uint64, int, int, bool]:
    """The first token at or behind `position`."""
    value = _FNV_OFFSET
    start = -1
    digits = True
    while position < end:
        point, length = code_point(data, position)
        kind = classes[point]
        if kind & ESCAPES:
            point, length = _unescaped(data, position, end, point)
            kind = classes[point]
        if kind & WORD == 0 or (kind & CJK and start >= 0):
            if start >= 0:
                break
            position += length
            continue
        if start < 0:
            start = position
        value = (value ^ np.uint64(lower[point])) * _FNV_PRIME
        digits = digits and kind & DIGIT != 0
        position += length
        if kind & (CJK | ENDS):
            break
    if start < 0:
        return np.uint64(0), end, end, False
    return mix(value) | np.uint64(1), start, position, digits


# data uint8, position of a backslash or ampersand, end, that character -> the code point that
# stands there (a space for what parts tokens) and its bytes; the character if it escapes nothing.
@njit(cache=True, nogil=True)
def _unescaped(data: Bytes, position: int, end: int, mark: int) -> tuple[int, int]:
    """What an escape of a string literal, or an entity of HTML, stands for."""
    if mark == _AMPERSAND:
        length = _entity(data, position, end)
        return (32, length) if length else (mark, 1)
    letter = data[position + 1] if position + 1 < end else 0
    if letter in (110, 114, 116):  # n r t
        return 32, 2
    point: Any = np.int64(0)
    length = 6 if letter == 117 and position + 6 <= end else 0  # u
    for place in range(position + 2, position + length):
        digit = _hexadecimal(data[place])
        point = point * 16 + digit if digit >= 0 and point >= 0 else -1
    return (point, length) if length and point >= 0 else (mark, 1)


# data uint8, position of an ampersand, end -> the bytes of an entity that parts tokens, or 0.
@njit(cache=True, nogil=True)
def _entity(data: Bytes, position: int, end: int) -> int:
    name = np.int64(0)
    stop = position + 1
    while stop < end and stop - position < 6 and data[stop] != 59:  # ;
        name = name << 8 | np.int64(data[stop])
        stop += 1
    if stop < end and data[stop] == 59:
        for known in _ENTITIES:
            if name == known:
                return stop + 1 - position
    return 0


@njit(cache=True, nogil=True)
def _hexadecimal(byte: int) -> int:
    if 48 <= byte <= 57:
        return byte - 48
    small = byte | 32
    return small - 87 if 97 <= small <= 102 else -1


# data uint8 -> hashes uint64[n], digits bool[n]: the tokens of one benchmark field.
@njit(cache=True, nogil=True)
def token_hashes(
    data: Bytes, classes: Bytes, lower: CodePoints
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
    """All tokens of a short text."""
    hashes = np.empty(len(data), np.uint64)
    digits = np.empty(len(data), np.bool_)
    count = 0
    position = 0
    while True:
        value, _, position, all_digits = next_token(data, position, len(data), classes, lower)
        if value == 0:
            return hashes[:count], digits[:count]
        hashes[count] = value
        digits[count] = all_digits
        count += 1
