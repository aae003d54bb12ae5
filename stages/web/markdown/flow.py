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
    N_MARKED,
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
    begin_block,
    end_line,
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
from stages.web.tree.state import KEY, VALUE, VALUE_END

MAX_FRAMES = 2048
"""Open elements with an end to write; a tree is at most 512 deep, misnested ones linger."""

_H1, _LI = TAGS["h1"], TAGS["li"]
_START, _REVERSED, _VALUE = KEYS["start"], KEYS["reversed"], KEYS["value"]
NODE, FRAME_KIND, NUMBER, STEP, OLD_INDENT = range(5)
"""Columns of `Paper.frames`: the element, how it is written, of a list the next number and the step,
of items and quotes the prefix outside."""


_GAPS = np.zeros(32, np.int64)
_GAPS[[LINE, ITEM, DESCRIPTION]] = 1
_GAPS[[BLOCK, HEADING_KIND, BULLETS, NUMBERS, TERM_LIST, QUOTE, TABLE, RULE, CODE, PLACED_BLOCK]] = 2
"""Line ends before and after, by kind."""

_OPENING = np.zeros(32, np.int64)
_OPENING[[SUPERSCRIPT, SUBSCRIPT, READING, INLINE_CODE, TABLE]] = SUP, SUB, 0x28, CODE_SPAN, TABLE_START
_CLOSING = np.zeros(32, np.int64)
_CLOSING[[SUPERSCRIPT, SUBSCRIPT, READING, INLINE_CODE, TABLE, ROW]] = (
    SCRIPT_END, SCRIPT_END, 0x29, CODE_SPAN_END, TABLE_END, ROW_END,
)  # fmt: skip
"""The marks (of readings, parentheses) around an element, by kind."""


@njit(cache=True, nogil=True)
def flow(p: Paper) -> None:
    n = p.nodes.shape[1]
    state, end = p.state, p.nodes[2]
    i = np.int64(0)
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
            i = max(i + 1, np.int64(end[i]))
        elif kind == PLACED or kind == PLACED_BLOCK or (kind == CODE and state[FLAT] == 0):
            if _GAPS[kind] and state[FLAT] == 0:
                want_lines(p, _GAPS[kind])
            if kind == CODE:
                begin_block(p)
            else:
                begin(p)
            p.out[state[N_OUT]] = CODE_START if kind == CODE else PLACE
            state[N_OUT] += 1
            p.nodes_marked[state[N_MARKED]] = i
            state[N_MARKED] += 1
            if kind == CODE:
                put_code(p, i)
                p.out[state[N_OUT]] = CODE_END
                state[N_OUT] += 1
            if _GAPS[kind] and state[FLAT] == 0:
                want_lines(p, _GAPS[kind])
            i = max(i + 1, np.int64(end[i]))
        else:
            _open(p, i)
            i += 1
    while state[DEPTH] > 0:
        _close(p)


@njit(cache=True, nogil=True)
def _open(p: Paper, i: int) -> None:
    state = p.state
    if state[DEPTH] >= MAX_FRAMES:
        return
    kind = p.role[i] & KIND
    if kind == INLINE and not p.role[i] & KEEP_LINES:
        return
    if kind == BREAK:
        end_line(p)
        return
    flat = state[FLAT] > 0
    if kind == TABLE and (p.role[i] & LAYOUT or flat):
        kind = BLOCK
    elif (kind == ROW or kind == CELL) and not state[IN_TABLE]:
        kind = LINE
    elif kind == CODE or (kind == INLINE_CODE and state[IN_CODE] > 0):
        kind = INLINE if state[IN_CODE] > 0 else INLINE_CODE
    frame = p.frames[state[DEPTH]]
    frame[NODE], frame[FRAME_KIND], frame[OLD_INDENT] = i, kind, state[INDENT]
    gap = _GAPS[kind]
    if gap > 0:
        want_lines(p, gap if kind not in (BULLETS, NUMBERS) or _list_frame(p) < 0 else gap - 1)
    if kind == RULE:
        return
    if _OPENING[kind] > 0:
        begin(p)
        p.out[state[N_OUT]] = _OPENING[kind]
        state[N_OUT] += 1
    if kind == HEADING_KIND or kind == TABLE:
        if kind == TABLE:
            state[IN_TABLE] = 1
        elif not flat:
            state[HEADING] = p.nodes[0, i] - _H1 + 1
        state[FLAT] += 1
    elif kind == BULLETS:
        frame[NUMBER] = frame[STEP] = 0
    elif kind == NUMBERS:
        _number_list(p, i)
    elif kind == ITEM and not flat:
        _mark_item(p, i)
    elif kind == DESCRIPTION and not flat:
        state[DESCRIBE] = 1
    elif kind == QUOTE and not flat and state[INDENT] + 2 <= MAX_INDENT:
        p.prefix[state[INDENT]], p.prefix[state[INDENT] + 1] = 0x3E, 0x20
        state[INDENT] += 2
    elif kind == INLINE_CODE:
        state[IN_CODE] += 1
    elif kind == CELL:
        wide = p.role[i] & SPANS
        p.out[state[N_OUT]] = WIDE_CELL if wide else CELL_START
        state[N_OUT] += 1
        if wide:
            p.nodes_marked[state[N_MARKED]] = i
            state[N_MARKED] += 1
        state[SPACE] = 0
    state[LINES] += p.role[i] & KEEP_LINES != 0
    state[DEPTH] += 1


@njit(cache=True, nogil=True)
def _close(p: Paper) -> None:
    state = p.state
    state[DEPTH] -= 1
    frame = p.frames[state[DEPTH]]
    kind = frame[FRAME_KIND]
    state[LINES] -= p.role[frame[NODE]] & KEEP_LINES != 0
    state[INDENT] = frame[OLD_INDENT]
    if _CLOSING[kind] > 0:
        p.out[state[N_OUT]] = _CLOSING[kind]
        state[N_OUT] += 1
    if kind == HEADING_KIND or kind == TABLE:
        state[FLAT] -= 1
        if kind == TABLE:
            state[IN_TABLE] = 0
        else:
            state[HEADING] = 0
    elif kind == DESCRIPTION:
        state[DESCRIBE] = 0
    elif kind == INLINE_CODE:
        state[IN_CODE] -= 1
    gap = _GAPS[kind]
    if gap > 0:
        want_lines(p, gap if kind not in (BULLETS, NUMBERS) or _list_frame(p) < 0 else gap - 1)


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


# The value of the attribute at `slot` as a whole number, `default` where it is none.
@njit(cache=True, nogil=True)
def _whole_number(p: Paper, slot: int, default: int) -> int:
    value, sign, digits = 0, 1, 0
    for position in range(p.attributes[slot, VALUE], p.attributes[slot, VALUE_END]):
        byte = np.int64(p.page[position])
        if byte == 0x2D and digits == 0:
            sign = -1
        elif 0x30 <= byte <= 0x39 and digits < 9:  # noqa: PLR2004
            value = value * 10 + byte - 0x30
            digits += 1
    return sign * value if digits > 0 else default


# The first number of the list at `i`, whose frame is the next, and the step to the next number.
@njit(cache=True, nogil=True)
def _number_list(p: Paper, i: int) -> None:
    number, step = np.int64(1), np.int64(1)
    for slot in range(p.nodes[3, i], p.nodes[4, i]):
        if p.attributes[slot, KEY] == _REVERSED:
            step, number = np.int64(-1), np.int64(0)
            for inner in range(i + 1, p.nodes[2, i]):
                number += p.nodes[0, inner] == _LI and p.nodes[1, inner] == i
    for slot in range(p.nodes[3, i], p.nodes[4, i]):
        if p.attributes[slot, KEY] == _START:
            number = _whole_number(p, slot, number)
    frame = p.frames[p.state[DEPTH]]
    frame[NUMBER], frame[STEP] = number, step


# The marker of the item at `i`, as the prefix of its first line.
@njit(cache=True, nogil=True)
def _mark_item(p: Paper, i: int) -> None:
    state = p.state
    above = _list_frame(p)
    position = state[INDENT]
    if position + 14 > MAX_INDENT:
        return
    if above < 0 or p.frames[above, FRAME_KIND] == BULLETS:
        p.prefix[position] = 0x2D
        position += 1
    else:
        number = np.int64(p.frames[above, NUMBER])
        for slot in range(p.nodes[3, i], p.nodes[4, i]):
            if p.attributes[slot, KEY] == _VALUE:
                number = _whole_number(p, slot, number)
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
