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
    FRAME,
    FRAME_KIND,
    FRAMES,
    HEADING,
    IN_CODE,
    IN_TABLE,
    INDENT,
    LINES,
    MARKED,
    MARKS,
    MAX_FRAMES,
    MAX_INDENT,
    N_MARKED,
    N_OUT,
    NO_VALUE,
    NODE,
    NUMBER,
    OLD_INDENT,
    PLACE,
    PREFIX,
    ROLE,
    ROW_END,
    SCRIPT_END,
    SPACE,
    STEP,
    SUB,
    SUP,
    TABLE_END,
    TABLE_START,
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
from stages.web.tree.elements import TAGS
from stages.web.tree.state import END, FIRST, LAST, TAG

_H1 = TAGS["h1"]


_GAPS = np.zeros(32, np.int64)
_GAPS[[LINE, ITEM, DESCRIPTION]] = 1
_GAPS[
    [BLOCK, HEADING_KIND, BULLETS, NUMBERS, TERM_LIST, QUOTE, TABLE, RULE, CODE, PLACED_BLOCK]
] = 2
"""Line ends before and after, by kind."""

_OPENING = np.zeros(32, np.int64)
_OPENING[[SUPERSCRIPT, SUBSCRIPT, READING, INLINE_CODE, TABLE]] = (
    SUP,
    SUB,
    0x28,
    CODE_SPAN,
    TABLE_START,
)
_CLOSING = np.zeros(32, np.int64)
_CLOSING[[SUPERSCRIPT, SUBSCRIPT, READING, INLINE_CODE, TABLE, ROW]] = (
    SCRIPT_END, SCRIPT_END, 0x29, CODE_SPAN_END, TABLE_END, ROW_END,
)  # fmt: skip
"""The marks (of readings, parentheses) around an element, by kind."""


@njit(cache=True, nogil=True)
def flow(p: Paper) -> None:  # noqa: PLR0912
    """Write the page down, from its first node to its last."""
    n = p.nodes.shape[1]
    state, end = p.state, p.nodes[END]
    i = int(0)  # noqa: UP018, RUF046 - as a literal, `_open` would be compiled twice
    while i < n:
        while state[DEPTH] > 0 and i >= end[state[FRAMES + FRAME * (state[DEPTH] - 1)]]:
            _close(p)
        role = p.nodes[ROLE, i]
        kind = role & KIND
        if kind == SKIP:
            i += 1
        elif p.nodes[TAG, i] == 0:
            put_text(p, p.nodes[FIRST, i], p.nodes[LAST, i])
            i += 1
        elif kind == DROP or role & (ANCHOR | PLAIN_COPY):
            i = max(i + 1, int(end[i]))
        elif kind in (PLACED, PLACED_BLOCK) or (kind == CODE and state[FLAT] == 0):
            if _GAPS[kind] and state[FLAT] == 0:
                want_lines(p, _GAPS[kind])
            if kind == CODE:
                begin_block(p)
            else:
                begin(p)
            byte = CODE_START if kind == CODE else PLACE
            p.out[state[N_OUT]] = byte
            state[N_OUT] += 1
            state[MARKED + state[N_MARKED]] = i * MARKS + byte
            state[N_MARKED] += 1
            if kind == CODE:
                put_code(p, i)
                p.out[state[N_OUT]] = CODE_END
                state[N_OUT] += 1
            if _GAPS[kind] and state[FLAT] == 0:
                want_lines(p, _GAPS[kind])
            i = max(i + 1, int(end[i]))
        else:
            _open(p, i)
            i += 1
    while state[DEPTH] > 0:
        _close(p)


@njit(cache=True, nogil=True)
def _open(p: Paper, i: int) -> None:  # noqa: PLR0912
    state = p.state
    if state[DEPTH] >= MAX_FRAMES:
        return
    kind = p.nodes[ROLE, i] & KIND
    if kind == INLINE and not p.nodes[ROLE, i] & KEEP_LINES:
        return
    if kind == BREAK:
        end_line(p)
        return
    flat = state[FLAT] > 0
    if kind == TABLE and (p.nodes[ROLE, i] & LAYOUT or flat):
        kind = BLOCK
    elif (kind in (ROW, CELL)) and not state[IN_TABLE]:
        kind = LINE
    elif kind == CODE or (kind == INLINE_CODE and state[IN_CODE] > 0):
        kind = INLINE if state[IN_CODE] > 0 else INLINE_CODE
    frame = state[FRAMES + FRAME * state[DEPTH] :]
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
    if kind in (HEADING_KIND, TABLE):
        if kind == TABLE:
            state[IN_TABLE] = 1
        elif not flat:
            state[HEADING] = p.nodes[TAG, i] - _H1 + 1
        state[FLAT] += 1
    elif kind == NUMBERS:
        frame[NUMBER], frame[STEP] = p.nodes[FIRST, i], p.nodes[LAST, i]
    elif kind == ITEM and not flat:
        _mark_item(p, i)
    elif kind == DESCRIPTION and not flat:
        state[DESCRIBE] = 1
    elif kind == QUOTE and not flat and state[INDENT] + 2 <= MAX_INDENT:
        state[PREFIX + state[INDENT]], state[PREFIX + state[INDENT] + 1] = 0x3E, 0x20
        state[INDENT] += 2
    elif kind == INLINE_CODE:
        state[IN_CODE] += 1
    elif kind == CELL:
        wide = p.nodes[ROLE, i] & SPANS
        p.out[state[N_OUT]] = WIDE_CELL if wide else CELL_START
        state[N_OUT] += 1
        if wide:
            state[MARKED + state[N_MARKED]] = i * MARKS + WIDE_CELL
            state[N_MARKED] += 1
        state[SPACE] = 0
    state[LINES] += p.nodes[ROLE, i] & KEEP_LINES != 0
    state[DEPTH] += 1


@njit(cache=True, nogil=True)
def _close(p: Paper) -> None:
    state = p.state
    state[DEPTH] -= 1
    frame = state[FRAMES + FRAME * state[DEPTH] :]
    kind = frame[FRAME_KIND]
    state[LINES] -= p.nodes[ROLE, frame[NODE]] & KEEP_LINES != 0
    state[INDENT] = frame[OLD_INDENT]
    if _CLOSING[kind] > 0:
        p.out[state[N_OUT]] = _CLOSING[kind]
        state[N_OUT] += 1
    if kind in (HEADING_KIND, TABLE):
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
        kind = p.state[FRAMES + FRAME * depth + FRAME_KIND]
        if kind in (BULLETS, NUMBERS):
            return depth
        if kind in (TABLE, QUOTE):
            return -1
    return -1


# The marker of the item at `i`, as the prefix of its first line.
@njit(cache=True, nogil=True)
def _mark_item(p: Paper, i: int) -> None:
    state = p.state
    above = _list_frame(p)
    position = state[INDENT]
    if position + 14 > MAX_INDENT:
        return
    if above < 0 or state[FRAMES + FRAME * above + FRAME_KIND] == BULLETS:
        state[PREFIX + position] = 0x2D
        position += 1
    else:
        counter = FRAMES + FRAME * above + NUMBER
        number = state[counter]
        if p.nodes[FIRST, i] != NO_VALUE:
            number = int(p.nodes[FIRST, i])
        state[counter] = number + state[counter - NUMBER + STEP]
        if number < 0:
            state[PREFIX + position] = 0x2D
            position += 1
            number = -number
        scale = 1
        while scale * 10 <= number:
            scale *= 10
        while scale > 0:
            state[PREFIX + position] = 0x30 + number // scale % 10
            position += 1
            scale //= 10
        state[PREFIX + position] = 0x2E
        position += 1
    state[PREFIX + position] = 0x20
    state[INDENT] = position + 1
