"""What can be counted in a block's text: words, marks and signs of any script.

A word is a run of letters and digits; an ideograph and a kana are words by themselves.
"""

from stages.kernels.compiling import Ints, int64, kernel
from stages.web.content.inherit import PRIME
from stages.web.content.page import Page
from stages.web.content.parts import BOLD, BUTTON, CODE, FORMULA

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


@kernel
def count_text(p: Page, node: int, flags: int, in_link: bool, blocks: Ints, b: int) -> None:
    """Adds what a text node holds to the block whose row begins at `b`. About 2 ns a byte."""
    position, stop = int64(p.first[node]), int64(p.last[node])
    n_words, in_word = 0, False
    n_letters, open_end = 0, int64(blocks[b + OPEN_END])
    key = int64(blocks[b + HASH])
    while position < stop:
        kind, behind = _read(p.text, position, stop)
        if kind == SPACE:
            in_word = False
            position = behind
            continue
        while position < behind:
            key = (key * PRIME ^ p.text[position]) & 0x7FFFFFFF
            position += 1
        n_letters += 1
        if kind >= LETTER:
            blocks[b + CAPITALS] += kind == CAPITAL and not in_word
            blocks[b + DIGITS] += kind == DIGIT
            open_end = 1
            n_words += kind == IDEOGRAPH or not in_word
            in_word = kind != IDEOGRAPH
            continue
        in_word = False
        blocks[b + COMMAS] += kind == COMMA
        if kind == STOP:
            blocks[b + STOPS] += open_end
            open_end = 0
    blocks[b + HASH] = key
    blocks[b + OPEN_END] = open_end
    blocks[b + N_LETTERS] += n_letters
    blocks[b + N_TEXTS] += 1
    blocks[b + N_WORDS] += n_words
    if in_link:
        blocks[b + LINK_WORDS] += n_words
    if flags & CODE:
        blocks[b + CODE_WORDS] += n_words
    if flags & BUTTON:
        blocks[b + BUTTON_WORDS] += n_words
    if flags & BOLD:
        blocks[b + BOLD_WORDS] += n_words
    if flags & FORMULA:
        blocks[b + N_FORMULAS] += 1
    elif not flags & CODE:
        blocks[b + N_FORMULAS] += count_delimited(p.text, int64(p.first[node]), stop)


@kernel
def count_delimited(text: Ints, start: int, stop: int) -> int:
    r"""How many formulas a text holds between TeX's delimiters, roughly: `\(`, `\[`, `\begin{` as
    often as they stand there; pairs of dollars on one line around a backslash, `^` or `_`, as pairs
    of prices have none."""
    found, opened, is_tex = 0, int64(-1), False
    position = start
    while position < stop:
        byte = text[position]
        if byte == 0x5C:
            is_tex = True
            following = text[position + 1] if position + 1 < stop else byte
            if (
                following == 0x28
                or following == 0x5B
                or (following == 0x62 and position + 6 < stop and text[position + 6] == 0x7B)
            ):
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


@kernel
def _read(text: Ints, position: int, stop: int) -> tuple[int, int]:
    """The kind of the character at `position`, and the position behind it."""
    byte = int64(text[position])
    if byte < 0x80:
        return _ascii_kind(byte), position + 1
    behind = position + 2 + (byte >= 0xE0) + (byte >= 0xF0)
    if behind > stop:
        behind = stop
    if byte == 0xC2 or byte == 0xE2 or byte >= 0xF0:
        return MARK, behind
    if byte == 0xEF or (byte == 0xE3 and text[behind - 2] == 0x80):
        return _wide_kind(byte, text[behind - 1]), behind
    return IDEOGRAPH if 0xE3 <= byte <= 0xE9 else LETTER, behind


@kernel
def _wide_kind(byte: int, last: int) -> int:
    """Of a mark of full width: ! ． ： ？ end a sentence, so does 。"""
    if byte == 0xE3:
        return STOP if last == 0x82 else COMMA
    is_stop = last == 0x81 or last == 0x8E or last == 0x9A or last == 0x9F
    return STOP if is_stop else COMMA


@kernel
def _ascii_kind(byte: int) -> int:
    if byte <= 0x20:
        return SPACE
    if 0x61 <= byte <= 0x7A or byte == 0x5F:
        return LETTER
    if 0x41 <= byte <= 0x5A:
        return CAPITAL
    if 0x30 <= byte <= 0x39:
        return DIGIT
    if byte == 0x2E or byte == 0x21 or byte == 0x3F or byte == 0x3A:
        return STOP
    return COMMA if byte == 0x2C else MARK
