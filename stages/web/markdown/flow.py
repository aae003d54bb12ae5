"""One walk over the tree that writes the page down, with marks where Python finishes.

Elements whose end means something stand on a stack of frames until the walk has passed them. Work
and output are linear in nodes and text.
"""

import numpy as np
from numba import njit

from stages.web.markdown.paper import (
    CELL_START,
    CODE_END,
    CODE_SPAN,
    CODE_SPAN_END,
    CODE_START,
    DEPTH,
    DESCRIBE,
    FLAT,
    HEADING,
    IN_CODE,
    IN_TABLE,
    INDENT,
    LINES,
    MAX_INDENT,
    N_OUT,
    PLACE,
    ROW_END,
    SCRIPT_END,
    SPACE,
    SUB,
    SUP,
    TABLE_END,
    TABLE_START,
    WANT,
    WIDE_CELL,
    Paper,
    begin,
    end_line,
    put,
    put_mark,
    put_text,
    want_lines,
)
from stages.web.markdown.preformatted import put_code
from stages.web.markdown.roles import (
    ANCHOR,
    BLOCK,
    BREAK,
    BULLETS,
    CELL,
    CODE,
    DESCRIPTION,
    DROP,
    INLINE,
    INLINE_CODE,
    ITEM,
    KEEP_LINES,
    KIND,
    LAYOUT,
    LINE,
    NUMBERS,
    PLACED,
    PLACED_BLOCK,
    PLAIN_COPY,
    QUOTE,
    READING,
    ROW,
    RULE,
    SKIP,
    SPANS,
    SUBSCRIPT,
    SUPERSCRIPT,
    TABLE,
    TERM_LIST,
)
from stages.web.markdown.roles import HEADING as HEADING_KIND
from stages.web.tree.elements import KEYS, TAGS
from stages.web.tree.state import KEY, VALUE, VALUE_END, Numbers

MAX_FRAMES = 2048
"""Open elements with an end to write; a tree is at most 512 deep, misnested ones linger."""

_H1, _LI = TAGS["h1"], TAGS["li"]
_START, _REVERSED, _VALUE = KEYS["start"], KEYS["reversed"], KEYS["value"]
NODE, FRAME_KIND, NUMBER, STEP, OLD_INDENT = range(5)
"""Columns of `Paper.frames`: the element, how it is written, of a list the next number and the step,
of items and quotes the prefix outside."""


@njit(cache=True, nogil=True)
def flow(p: Paper) -> None:
    n = p.nodes.shape[1]
    state, end = p.state, p.nodes[2]
    i = 0
    while i < n:
        while state[DEPTH] > 0 and i >= end[p.frames[state[DEPTH] - 1, NODE]]:
            _close(p)
        role = p.role[i]
        kind = role & KIND
        if kind == SKIP:
            i += 1
        elif p.nodes[0, i] == 0:
            put_text(p, p.nodes[3, i], p.nodes[4, i])
            i += 1
        elif kind == DROP or role & (ANCHOR | PLAIN_COPY):
            i = max(i + 1, end[i])
        elif kind == PLACED or kind == PLACED_BLOCK:
            block = kind == PLACED_BLOCK and state[FLAT] == 0
            if block:
                want_lines(p, 2)
            begin(p, True)
            put_mark(p, PLACE, i)
            if block:
                want_lines(p, 2)
            i = max(i + 1, end[i])
        elif kind == CODE and state[FLAT] == 0:
            want_lines(p, 2)
            begin(p, False)
            put_mark(p, CODE_START, i)
            i = put_code(p, i)
            put(p, CODE_END)
            want_lines(p, 2)
        else:
            _open(p, i, kind)
            i += 1
    while state[DEPTH] > 0:
        _close(p)


@njit(cache=True, nogil=True)
def _open(p: Paper, i: int, kind: int) -> None:
    state = p.state
    if state[DEPTH] >= MAX_FRAMES:
        return
    if kind == TABLE and (p.role[i] & LAYOUT or state[FLAT] > 0):
        kind = BLOCK
    elif (kind == ROW or kind == CELL) and not state[IN_TABLE]:
        kind = LINE
    frame = p.frames[state[DEPTH]]
    frame[NODE], frame[FRAME_KIND] = i, kind
    if kind == INLINE:
        if not p.role[i] & KEEP_LINES:
            return
    elif kind == BREAK:
        end_line(p)
        return
    elif kind == LINE:
        want_lines(p, 1)
    elif kind == BLOCK or kind == TERM_LIST:
        want_lines(p, 2)
    elif kind == HEADING_KIND:
        want_lines(p, 2)
        if state[FLAT] == 0:
            state[HEADING] = p.nodes[0, i] - _H1 + 1
        state[FLAT] += 1
    elif kind == BULLETS or kind == NUMBERS:
        want_lines(p, 2 if _list_frame(p) < 0 else 1)
        frame[NUMBER] = frame[STEP] = 0
        if kind == NUMBERS:
            _number_list(p, i, frame)
    elif kind == ITEM:
        _open_item(p, i, frame)
    elif kind == DESCRIPTION:
        want_lines(p, 1)
        if state[FLAT] == 0:
            state[DESCRIBE] = 1
    elif kind == QUOTE:
        want_lines(p, 2)
        frame[OLD_INDENT] = state[INDENT]
        if state[FLAT] == 0 and state[INDENT] + 2 <= MAX_INDENT:
            p.prefix[state[INDENT]], p.prefix[state[INDENT] + 1] = 0x3E, 0x20
            state[INDENT] += 2
    elif kind == INLINE_CODE or kind == CODE:
        frame[FRAME_KIND] = INLINE_CODE if state[IN_CODE] == 0 else INLINE
        if state[IN_CODE] == 0:
            begin(p, True)
            put(p, CODE_SPAN)
        state[IN_CODE] += 1
    elif kind == SUPERSCRIPT or kind == SUBSCRIPT:
        begin(p, True)
        put(p, SUP if kind == SUPERSCRIPT else SUB)
    elif kind == READING:
        begin(p, True)
        put(p, 0x28)
    elif kind == TABLE:
        want_lines(p, 2)
        begin(p, True)
        put(p, TABLE_START)
        state[FLAT] += 1
        state[IN_TABLE] = 1
    elif kind == CELL:
        if p.role[i] & SPANS:
            put_mark(p, WIDE_CELL, i)
        else:
            put(p, CELL_START)
        state[SPACE] = 0
    elif kind == RULE:
        want_lines(p, 2)
        return
    state[LINES] += p.role[i] & KEEP_LINES != 0
    state[DEPTH] += 1


@njit(cache=True, nogil=True)
def _close(p: Paper) -> None:
    state = p.state
    state[DEPTH] -= 1
    frame = p.frames[state[DEPTH]]
    i, kind = frame[NODE], frame[FRAME_KIND]
    state[LINES] -= p.role[i] & KEEP_LINES != 0
    if kind == LINE:
        want_lines(p, 1)
    elif kind == BLOCK or kind == TERM_LIST:
        want_lines(p, 2)
    elif kind == HEADING_KIND:
        state[FLAT] -= 1
        state[HEADING] = 0
        want_lines(p, 2)
    elif kind == BULLETS or kind == NUMBERS:
        want_lines(p, 2 if _list_frame(p) < 0 else 1)
    elif kind == ITEM:
        state[INDENT] = frame[OLD_INDENT]
        want_lines(p, 1)
    elif kind == DESCRIPTION:
        state[DESCRIBE] = 0
        want_lines(p, 1)
    elif kind == QUOTE:
        state[INDENT] = frame[OLD_INDENT]
        want_lines(p, 2)
    elif kind == INLINE_CODE:
        state[IN_CODE] -= 1
        put(p, CODE_SPAN_END)
    elif kind == INLINE and p.role[i] & KIND in (INLINE_CODE, CODE):
        state[IN_CODE] -= 1
    elif kind == SUPERSCRIPT or kind == SUBSCRIPT:
        put(p, SCRIPT_END)
    elif kind == READING:
        put(p, 0x29)
    elif kind == TABLE:
        state[FLAT] -= 1
        state[IN_TABLE] = 0
        put(p, TABLE_END)
        want_lines(p, 2)
    elif kind == ROW:
        put(p, ROW_END)


# The innermost open list, -1 if there is none.
@njit(cache=True, nogil=True)
def _list_frame(p: Paper) -> int:
    for depth in range(p.state[DEPTH] - 1, -1, -1):
        kind = p.frames[depth, FRAME_KIND]
        if kind == BULLETS or kind == NUMBERS:
            return depth
        if kind == TABLE or kind == QUOTE:
            return -1
    return -1


# The value of an attribute as a whole number, `default` where it is none.
@njit(cache=True, nogil=True)
def _attribute_number(p: Paper, node: int, key: int, default: int) -> int:
    for slot in range(p.nodes[3, node], p.nodes[4, node]):
        if p.attributes[slot, KEY] == key:
            value, sign, digits = 0, 1, 0
            for position in range(p.attributes[slot, VALUE], p.attributes[slot, VALUE_END]):
                byte = p.page[position]
                if byte == 0x2D and digits == 0:
                    sign = -1
                elif 0x30 <= byte <= 0x39 and digits < 9:
                    value = value * 10 + np.int64(byte) - 0x30
                    digits += 1
            return sign * value if digits > 0 else default
    return default


# The first number of a list and the step to the next.
@njit(cache=True, nogil=True)
def _number_list(p: Paper, i: int, frame: Numbers) -> None:
    frame[NUMBER], frame[STEP] = 1, 1
    for slot in range(p.nodes[3, i], p.nodes[4, i]):
        if p.attributes[slot, KEY] == _REVERSED:
            frame[STEP] = -1
            frame[NUMBER] = 0
            for inner in range(i + 1, p.nodes[2, i]):
                if p.nodes[0, inner] == _LI and p.nodes[1, inner] == i:
                    frame[NUMBER] += 1
    frame[NUMBER] = _attribute_number(p, i, _START, frame[NUMBER])


@njit(cache=True, nogil=True)
def _open_item(p: Paper, i: int, frame: Numbers) -> None:
    state = p.state
    want_lines(p, 1)
    frame[OLD_INDENT] = state[INDENT]
    if state[FLAT] > 0:
        return
    above = _list_frame(p)
    position = state[INDENT]
    if position + 14 > MAX_INDENT:
        return
    if above < 0 or p.frames[above, FRAME_KIND] == BULLETS:
        p.prefix[position] = 0x2D
        position += 1
    else:
        number = _attribute_number(p, i, _VALUE, p.frames[above, NUMBER])
        p.frames[above, NUMBER] = number + p.frames[above, STEP]
        if number < 0:
            p.prefix[position] = 0x2D
            position += 1
            number = -number
        scale = 1
        while scale * 10 <= number:
            scale *= 10
        while scale > 0:
            p.prefix[position] = 0x30 + number // scale % 10
            position += 1
            scale //= 10
        p.prefix[position] = 0x2E
        position += 1
    p.prefix[position] = 0x20
    state[INDENT] = position + 1
