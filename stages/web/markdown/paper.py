"""What is being written: the output, what the next visible character needs before it, and marks.

Marks are control characters, which no page can hold any more: they enclose what is finished in
Python (code, formulas, tables, scripts), and the nodes concerned stand behind the state in order.
"""

from typing import NamedTuple

import numpy as np

from stages.kernels.compiling import Ints, kernel, stamp
from stages.web.tree.state import MAX_DEPTH

STAMP = stamp("stages.web.markdown", "stages.web.tree.elements", "stages.kernels.compiling")

TABLE_START, CELL_START, ROW_END, PLACE, CODE_START, CODE_END, TABLE_END, WIDE_CELL = range(1, 9)
CODE_SPAN, CODE_SPAN_END, NUMBER, NUMBER_END = 16, 20, 14, 15
SUP, SUB, SCRIPT_END = 17, 18, 19

(
    N_OUT,
    WANT,
    SPACE,
    INDENT,
    N_MARKED,
    FLAT,
    HEADING,
    DESCRIBE,
    BUDGET,
    DEPTH,
    LINES,
    IN_CODE,
    IN_TABLE,
) = range(13)
"""Places in `Paper.state`: bytes written, line ends and blank wanted before the next character,
length of the line's prefix, nodes marked, whether in one line (headings, cells), level of a heading
to begin, whether a description begins, bytes left for prefixes, open frames, whether line ends are
kept, whether in inline code, whether in a table of data."""

MAX_INDENT = 48
"""Bytes of a line's prefix; what is nested deeper stands no further to the right."""
MAX_FRAMES = 2048
"""Open elements with an end to write; a tree is at most 512 deep, misnested ones linger."""
NODE, FRAME_KIND, NUMBER, STEP, OLD_INDENT, FRAME = range(6)
"""Of an open element: the node, how it is written, of a list the next number and the step, the
length of the prefix outside; how many numbers that is."""

PREFIX = 16
FRAMES = PREFIX + MAX_INDENT
CODE_FRAMES = FRAMES + MAX_FRAMES * FRAME
MARKED = CODE_FRAMES + 3 * MAX_DEPTH
"""Where in `Paper.state` the line's prefix, the open elements (in code, those of code) and the
marked nodes stand."""

MARKS = 32
"""A marked node stands there as its number times this, plus its mark."""

ROLE = 5
"""Row of `Paper.nodes` behind those of a tree (tag, parent, end, first, last)."""
NO_VALUE = -(2**31)
"""Of an item that does not say its number, in the row `FIRST`."""


class Paper(NamedTuple):
    """The tree of `n` nodes with its roles, its text, the output, all that changes, and what
    bytes, kinds and tags mean, as pointers."""

    n: int
    tag: Ints
    parent: Ints
    end: Ints
    first: Ints
    last: Ints
    role: Ints
    text: Ints
    out: Ints
    state: Ints
    plain: Ints
    gaps: Ints
    opening: Ints
    closing: Ints
    lines: Ints
    tags: Ints


PLAIN = np.ones(256, np.uint8)
PLAIN[:0x21] = PLAIN[[0x7F, 0xC2, 0xE2, 0xEF]] = 0
"""Bytes that stand in the output as they are: no blanks, and none that begins a character that may
be left out."""


@kernel
def put(p: Paper, byte: int) -> None:
    """Append a byte. Callers pass `int(…)`: a literal would have this compiled once more."""
    p.out[p.state[N_OUT]] = byte
    p.state[N_OUT] += 1


@kernel
def want_lines(p: Paper, n: int) -> None:
    """Ask for `n` line ends before what follows."""
    if p.state[FLAT] > 0:
        p.state[SPACE] = 1
    elif n > p.state[WANT]:
        p.state[WANT] = n


@kernel
def begin_block(p: Paper) -> None:
    """The line ends that are wanted, before a block that stands at the left border."""
    out, state = p.out, p.state
    length = state[N_OUT]
    if length > 0:
        for _ in range(state[WANT]):
            out[length] = 0x0A
            length += 1
    state[N_OUT] = length
    state[WANT] = state[SPACE] = 0


@kernel
def begin(p: Paper) -> None:
    """What has to stand before a visible character."""
    out, state = p.out, p.state
    if state[WANT] == 0:
        if state[SPACE]:
            out[state[N_OUT]] = 0x20
            state[N_OUT] += 1
            state[SPACE] = 0
        return
    begin_block(p)
    length = state[N_OUT]
    if state[BUDGET] > 0:
        state[BUDGET] -= state[INDENT]
        for position in range(state[INDENT]):
            out[length] = state[PREFIX + position]
            length += 1
            if state[PREFIX + position] != 0x3E:
                state[PREFIX + position] = 0x20  # a marker stands on the first line alone
    if state[DESCRIBE]:
        state[DESCRIBE] = 0
        out[length], out[length + 1] = 0x3A, 0x20
        length += 2
    for _ in range(state[HEADING]):
        out[length] = 0x23
        length += 1
    if state[HEADING]:
        state[HEADING] = 0
        out[length] = 0x20
        length += 1
    state[N_OUT] = length


@kernel
def end_line(p: Paper) -> None:
    """A `<br>` or a line end that is kept."""
    if p.state[FLAT] > 0:
        p.state[SPACE] = 1
    else:
        p.state[WANT] = p.state[WANT] + 1 if p.state[WANT] < 2 else 2


@kernel
def put_text(p: Paper, first: int, last: int) -> None:  # noqa: PLR0912, PLR0915
    """Text as a browser shows it: runs of blanks as one, no soft hyphens, no zero-width spaces."""
    text, out, state = p.text, p.out, p.state
    position = first
    while position < last:
        byte = text[position]
        if p.plain[byte]:
            if state[SPACE] or state[WANT]:
                begin(p)
            length = state[N_OUT]
            while position < last:
                byte = text[position]
                if not p.plain[byte]:  # noqa: SIM102
                    # a single blank between words
                    if byte != 0x20 or position + 1 >= last or not p.plain[text[position + 1]]:
                        break
                out[length] = byte
                length += 1
                position += 1
            state[N_OUT] = length
            continue
        position += 1
        width = 0
        if byte <= 0x20 or byte == 0x7F:
            if byte == 0x0A and state[LINES] > 0:
                end_line(p)
            elif byte == 0x20 or 0x09 <= byte <= 0x0D:
                state[SPACE] = 1
            continue
        if byte == 0xC2 and position < last:
            if text[position] == 0xAD:
                width = 1
            elif text[position] == 0xA0:
                width = 1
                if state[IN_CODE] > 0:
                    begin(p)
                    out[state[N_OUT]] = 0x20
                    state[N_OUT] += 1
                else:
                    state[SPACE] = 1
        elif byte == 0xE2 and position + 1 < last and text[position] == 0x80:
            third = text[position + 1]
            if third == 0x8B or third == 0xA8 or third == 0xA9:
                width = 2
                if third != 0x8B:
                    state[SPACE] = 1
        elif byte == 0xE2 and position + 1 < last and text[position] == 0x81:
            if text[position + 1] == 0xA0:
                width = 2
        elif byte == 0xEF and position + 1 < last and text[position] == 0xBB:  # noqa: SIM102
            if text[position + 1] == 0xBF:
                width = 2
        if width > 0:
            position += width
            continue
        if state[SPACE] or state[WANT]:
            begin(p)
        out[state[N_OUT]] = byte
        state[N_OUT] += 1
