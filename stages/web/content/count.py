"""What can be counted in a block's text: words, marks and signs of any script.

A word is a run of letters and digits; an ideograph and a kana are words by themselves. The hash of
a text is FNV's of all its bytes but ASCII's blanks, 31 bits.
"""

from stages.kernels.compiling import Ints, int64, kernel
from stages.web.content.inherit import PRIME
from stages.web.content.page import Page
from stages.web.content.parts import BOLD, BUTTON, CODE, FORMULA
from stages.web.content.signs import (
    CAPITAL,
    COMMA,
    DIGIT,
    IDEOGRAPH,
    LETTER,
    SPACE,
    STOP,
    TEX,
    read_sign,
)  # isort: skip  # fmt: skip

(
    FIRST_NODE, LAST_NODE, ELEMENT, FLAGS, N_WORDS, N_LETTERS, LINK_WORDS, N_LINKS, COMMAS, STOPS,
    DIGITS, CAPITALS, OPEN_END, CODE_WORDS, BUTTON_WORDS, BOLD_WORDS, N_MEDIA, N_FORMULAS, HASH,
    N_TEXTS, N_BREAKS,
) = range(21)  # fmt: skip
"""Columns of a block. OPEN_END: 1 if it does not end like a sentence."""
N_COLUMNS = 21

MAX_DOLLAR_BYTES = 400


@kernel
def count_text(p: Page, node: int, flags: int, in_link: bool, blocks: Ints, b: int) -> None:
    """Adds what a text node holds to the block whose row begins at `b`. About 2 ns a byte."""
    start, stop = int64(p.first[node]), int64(p.last[node])
    n_words, is_tex = _count_signs(p, start, stop, blocks, b)
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
    elif is_tex and not flags & CODE:
        blocks[b + N_FORMULAS] += count_delimited(p.text, start, stop)


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
def _count_signs(p: Page, start: int, stop: int, blocks: Ints, b: int) -> tuple[int, bool]:
    """Adds up characters; how many words there are, and whether formulas may begin."""
    n_words, in_word, is_tex = 0, False, False
    n_letters, open_end = 0, int64(blocks[b + OPEN_END])
    key = int64(blocks[b + HASH])
    position = start
    while position < stop:
        kind, behind = read_sign(p.signs, p.text, position, stop)
        if kind == SPACE:
            in_word = False
            position = behind
            continue
        n_letters += 1
        while position < behind:
            key = key * PRIME ^ p.text[position]
            position += 1
        if kind >= LETTER:
            blocks[b + CAPITALS] += kind == CAPITAL and not in_word
            blocks[b + DIGITS] += kind == DIGIT
            n_words += kind == IDEOGRAPH or not in_word
            in_word, open_end = kind != IDEOGRAPH, 1
            while kind == LETTER and position < stop and p.signs[p.text[position]] == LETTER:
                key = key * PRIME ^ p.text[position]
                n_letters += 1
                position += 1
            continue
        in_word = False
        is_tex = is_tex or kind == TEX
        blocks[b + COMMAS] += kind == COMMA
        if kind == STOP:
            blocks[b + STOPS] += open_end
            open_end = 0
    blocks[b + HASH] = key & 0x7FFFFFFF
    blocks[b + OPEN_END] = open_end
    blocks[b + N_LETTERS] += n_letters
    return n_words, is_tex
