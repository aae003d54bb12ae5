"""What can be counted in a block's text: words, marks and signs of any script.

A word is a run of letters and digits; an ideograph and a kana are words by themselves.
"""

import numpy as np
from numba import njit

from stages.kernels.arrow import Bytes
from stages.web.content.inherit import PRIME
from stages.web.content.page import Page
from stages.web.content.parts import BOLD, BUTTON, CODE, FORMULA, Numbers

(
    FIRST_NODE, LAST_NODE, ELEMENT, FLAGS, N_WORDS, N_LETTERS, LINK_WORDS, N_LINKS, COMMAS, STOPS,
    DIGITS, CAPITALS, OPEN_END, CODE_WORDS, BUTTON_WORDS, BOLD_WORDS, N_MEDIA, N_FORMULAS, HASH,
    N_TEXTS, N_BREAKS,
) = range(21)  # fmt: skip
"""Columns of a block. OPEN_END: 1 if it does not end like a sentence."""
N_COLUMNS = 21


SPACE, MARK, COMMA, STOP, LETTER, CAPITAL, DIGIT, IDEOGRAPH = range(8)
"""Kinds of characters. CAPITAL: ASCII alone."""

MAX_DOLLAR_BYTES = 400


@njit(cache=True, nogil=True)
def count_text(p: Page, node: int, flags: int, in_link: bool, block: Numbers) -> None:
    """Adds what a text node holds. About 2 ns a byte."""
    position, stop = p.first[node], p.last[node]
    n_words, in_word = 0, False
    key = np.int64(block[HASH])
    while position < stop:
        kind, behind = _read(p.text, position, stop)
        if kind == SPACE:
            in_word = False
            position = behind
            continue
        while position < behind:
            key = (key * PRIME ^ p.text[position]) & 0x7FFFFFFF
            position += 1
        block[N_LETTERS] += 1
        if kind >= LETTER:
            block[CAPITALS] += kind == CAPITAL and not in_word
            block[DIGITS] += kind == DIGIT
            block[OPEN_END] = 1
            n_words += kind == IDEOGRAPH or not in_word
            in_word = kind != IDEOGRAPH
            continue
        in_word = False
        block[COMMAS] += kind == COMMA
        if kind == STOP:
            block[STOPS] += block[OPEN_END]
            block[OPEN_END] = 0
    block[HASH] = key
    block[N_TEXTS] += 1
    block[N_WORDS] += n_words
    block[LINK_WORDS] += n_words * in_link
    block[CODE_WORDS] += n_words * (flags & CODE != 0)
    block[BUTTON_WORDS] += n_words * (flags & BUTTON != 0)
    block[BOLD_WORDS] += n_words * (flags & BOLD != 0)
    if flags & FORMULA:
        block[N_FORMULAS] += 1
    elif not flags & CODE:
        block[N_FORMULAS] += count_delimited(p.text, p.first[node], stop)


# Formulas between TeX's delimiters: `\\(`, `\\[` and `\\begin{` as often as they stand there; pairs of
# dollars on one line around a backslash, `^` or `_`, as pairs of prices have none.
@njit(cache=True, nogil=True)
def count_delimited(text: Bytes, start: int, stop: int) -> int:
    """How many formulas a text holds, roughly."""
    found, opened, is_tex = 0, -1, False
    position = start
    while position < stop:
        byte = text[position]
        if byte == 0x5C:
            is_tex = True
            following = text[position + 1] if position + 1 < stop else 0
            if following == 0x28 or following == 0x5B:
                found += 1
            elif following == 0x62 and position + 6 < stop and text[position + 6] == 0x7B:
                found += 1
            position += 2
            continue
        if byte == 0x24:
            if opened >= 0 and is_tex and position - opened < MAX_DOLLAR_BYTES:
                found += 1
                opened = -1
            else:
                opened = position
            is_tex = False
        elif byte == 0x5E or byte == 0x5F:
            is_tex = True
        elif byte == 0x0A:
            opened = -1
        position += 1
    return found


# The kind of the character at `position`, and the position behind it.
@njit(cache=True, nogil=True)
def _read(text: Bytes, position: int, stop: int) -> tuple[int, int]:
    byte = np.int64(text[position])
    if byte < 0x80:
        return _ascii_kind(byte), position + 1
    behind = min(position + 2 + (byte >= 0xE0) + (byte >= 0xF0), stop)
    if byte in (0xC2, 0xE2) or byte >= 0xF0:
        return MARK, behind
    if byte == 0xEF or (byte == 0xE3 and text[behind - 2] == 0x80):
        last = text[behind - 1]  # ! ． ： ？ of full width end a sentence, so does 。
        is_stop = last == 0x82 if byte == 0xE3 else last in (0x81, 0x8E, 0x9A, 0x9F)
        return STOP if is_stop else COMMA, behind
    return IDEOGRAPH if 0xE3 <= byte <= 0xE9 else LETTER, behind


@njit(cache=True, nogil=True)
def _ascii_kind(byte: int) -> int:
    if byte <= 0x20:
        return SPACE
    if 0x61 <= byte <= 0x7A or byte == 0x5F:
        return LETTER
    if 0x41 <= byte <= 0x5A:
        return CAPITAL
    if 0x30 <= byte <= 0x39:
        return DIGIT
    if byte in (0x2E, 0x21, 0x3F, 0x3A):
        return STOP
    return COMMA if byte == 0x2C else MARK
