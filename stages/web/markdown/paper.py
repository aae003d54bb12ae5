"""What is being written: the output, what the next visible character needs before it, and marks.

Marks are control characters, which no page can hold any more: they enclose what is finished in
Python (code, formulas, tables, scripts), and the nodes concerned stand in `nodes_marked` in order.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from stages.kernels.arrow import Bytes
from stages.web.tree.state import Counters, Numbers

TABLE_START, CELL_START, ROW_END, PLACE, CODE_START, CODE_END, TABLE_END, WIDE_CELL = range(1, 9)
CODE_SPAN, CODE_SPAN_END, NUMBER, NUMBER_END = 11, 12, 14, 15
SUP, SUB, SCRIPT_END = 17, 18, 19

N_OUT, WANT, SPACE, INDENT, N_MARKED, FLAT, HEADING, DESCRIBE, BUDGET, DEPTH, LINES, IN_CODE, IN_TABLE = (
    range(13)
)
"""Places in `Paper.state`: bytes written, line ends and blank wanted before the next character, length
of the line's prefix, nodes marked, whether in one line (headings, cells), level of a heading to
begin, whether a description begins, bytes left for prefixes, open frames, whether line ends are
kept, whether in inline code, whether in a table of data."""

MAX_INDENT = 48
"""Bytes of a line's prefix; what is nested deeper stands no further to the right."""


class Paper(NamedTuple):
    """The tree with its roles, and the output."""

    page: Bytes
    nodes: Numbers
    attributes: Numbers
    text: Bytes
    role: Numbers
    out: Bytes
    nodes_marked: Numbers
    frames: Numbers
    prefix: Bytes
    state: Counters


@njit(cache=True, nogil=True)
def put(p: Paper, byte: int) -> None:
    p.out[p.state[N_OUT]] = byte
    p.state[N_OUT] += 1


@njit(cache=True, nogil=True)
def put_mark(p: Paper, byte: int, node: int) -> None:
    put(p, byte)
    p.nodes_marked[p.state[N_MARKED]] = node
    p.state[N_MARKED] += 1


# Ask for `n` line ends before what follows.
@njit(cache=True, nogil=True)
def want_lines(p: Paper, n: int) -> None:
    if p.state[FLAT] > 0:
        p.state[SPACE] = 1
    else:
        p.state[WANT] = max(p.state[WANT], n)


# What has to stand before a visible character. `indent`: not before blocks of code.
@njit(cache=True, nogil=True)
def begin(p: Paper, indent: bool) -> None:
    state = p.state
    if state[WANT] > 0:
        if state[N_OUT] > 0:
            for _ in range(state[WANT]):
                put(p, 0x0A)
        state[WANT] = state[SPACE] = 0
        if not indent:
            return
        if state[BUDGET] > 0:
            state[BUDGET] -= state[INDENT]
            for position in range(state[INDENT]):
                put(p, p.prefix[position])
                if p.prefix[position] != 0x3E:
                    p.prefix[position] = 0x20  # a marker stands on the first line alone
        if state[DESCRIBE]:
            state[DESCRIBE] = 0
            put(p, 0x3A)
            put(p, 0x20)
        if state[HEADING] > 0:
            for _ in range(state[HEADING]):
                put(p, 0x23)
            put(p, 0x20)
            state[HEADING] = 0
    elif state[SPACE]:
        put(p, 0x20)
        state[SPACE] = 0


@njit(cache=True, nogil=True)
def end_line(p: Paper) -> None:
    if p.state[FLAT] > 0:
        p.state[SPACE] = 1
    else:
        p.state[WANT] = min(p.state[WANT] + 1, 2)


# Text as a browser shows it: runs of blanks as one, soft hyphens and zero-width spaces gone.
@njit(cache=True, nogil=True)
def put_text(p: Paper, first: int, last: int) -> None:
    text, state = p.text, p.state
    position = first
    while position < last:
        byte = text[position]
        position += 1
        if byte <= 0x20:
            if byte == 0x0A and state[LINES] > 0:
                end_line(p)
            elif byte == 0x20 or 0x09 <= byte <= 0x0D:
                state[SPACE] = 1
            continue
        if byte == 0xC2 and position < last:
            if text[position] == 0xAD:
                position += 1
                continue
            if text[position] == 0xA0:
                position += 1
                if state[IN_CODE] > 0:
                    begin(p, True)
                    put(p, 0x20)
                else:
                    state[SPACE] = 1
                continue
        elif byte == 0xE2 and position + 1 < last and text[position] == 0x80:
            if text[position + 1] == 0x8B:
                position += 2
                continue
            if text[position + 1] in (0xA8, 0xA9):
                position += 2
                state[SPACE] = 1
                continue
        elif byte == 0xEF and position + 1 < last:
            if text[position] == 0xBB and text[position + 1] == 0xBF:
                position += 2
                continue
        elif byte == 0x7F:
            continue
        if state[SPACE] or state[WANT]:
            begin(p, True)
        p.out[state[N_OUT]] = byte
        state[N_OUT] += 1
