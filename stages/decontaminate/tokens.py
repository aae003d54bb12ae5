r"""Tokens of a text after NFC and lower case: `\w+` runs, a CJK character alone.

Character classes and lower case come from tables generated from Python's own predicates (5.6 MB,
0.2 s once per process), so the kernel splits where `re.findall(r"\w+", text.lower())` does. One
difference is deliberate: ς equals σ, since `str.lower` chooses between them by context.

Tokens are visited in place. Only a text that is not in NFC is copied (see `composition`); a token
of a piece that changed spans the whole piece.
"""

from functools import cache
from typing import NamedTuple

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

WORD, CJK, ENDS, DIGIT = 1, 2, 4, 8
"""Bits of a class: in a run; a token alone; the run ends behind it; a digit."""

_FNV_OFFSET = np.uint64(0xCBF29CE484222325)
_FNV_PRIME = np.uint64(0x100000001B3)

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
