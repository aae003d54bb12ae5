"""Kinds of characters: what ends a word, what a sentence, in any script."""

from functools import cache

import numpy as np

from stages.kernels.arrow import Bytes
from stages.kernels.compiling import Ints, inlined, int64, kernel

SPACE, MARK, TEX, COMMA, STOP, LETTER, CAPITAL, DIGIT, IDEOGRAPH, LONGER = range(10)
"""TEX: a mark that formulas begin with. CAPITAL: ASCII alone. From LETTER on they are in words.
LONGER: of the first byte of a character of several."""


@cache
def sign_kinds() -> Bytes:
    """uint8[256]: the kind of each byte."""
    kinds = np.full(256, MARK, np.uint8)
    kinds[:0x21] = SPACE
    kinds[0x80:] = LONGER
    for kind, signs in (
        (LETTER, b"abcdefghijklmnopqrstuvwxyz_"),
        (CAPITAL, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        (DIGIT, b"0123456789"),
        (STOP, b".!?:"),
        (COMMA, b","),
        (TEX, b"\\$"),
    ):
        kinds[list(signs)] = kind
    return kinds


@inlined
def read_sign(signs: Ints, text: Ints, position: int, stop: int) -> tuple[int, int]:
    """The kind of the character at `position`, and the position behind it."""
    kind = int64(signs[text[position]])
    if kind != LONGER:
        return kind, position + 1
    byte = int64(text[position])
    behind = position + 2 + (byte >= 0xE0) + (byte >= 0xF0)
    if behind > stop:
        behind = stop
    return _longer_kind(text, position, behind), behind


@kernel
def _longer_kind(text: Ints, position: int, behind: int) -> int:
    """The kind of the character of several bytes in text[position:behind]."""
    byte = int64(text[position])
    if byte == 0xC2 or byte == 0xE2 or byte >= 0xF0:
        return MARK
    if byte == 0xEF or (byte == 0xE3 and text[behind - 2] == 0x80):
        return _wide_kind(byte, text[behind - 1])
    return IDEOGRAPH if 0xE3 <= byte <= 0xE9 else LETTER


@kernel
def _wide_kind(byte: int, last: int) -> int:
    """Of a mark of full width: ! ． ： ？ end a sentence, so does 。"""
    if byte == 0xE3:
        return STOP if last == 0x82 else COMMA
    is_stop = last == 0x81 or last == 0x8E or last == 0x9A or last == 0x9F
    return STOP if is_stop else COMMA
