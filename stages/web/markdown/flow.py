"""One walk over the tree that writes the page down, with marks where Python finishes.

Elements whose end means something stand on a stack of frames until the walk has passed them. Work
and output are linear in nodes and text.
"""

from collections.abc import Callable
from functools import cache

import numpy as np

from stages.kernels.arrow import Bytes
from stages.kernels.compiling import entry, int64, kernel, pointer
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
    NO_VALUE,
    NODE,
    NUMBER,
    OLD_INDENT,
    PLACE,
    PLAIN,
    PREFIX,
    ROW_END,
    SCRIPT_END,
    SPACE,
    STAMP,
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
    put,
    put_text,
    want_lines,
)
from stages.web.markdown.preformatted import behind, code_tags, line_kinds, put_code
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
from stages.web.tree.state import Counters, Numbers

_H1 = TAGS["h1"]


_GAPS = np.zeros(32, np.uint8)
_GAPS[[LINE, ITEM, DESCRIPTION]] = 1
_GAPS[
    [BLOCK, HEADING_KIND, BULLETS, NUMBERS, TERM_LIST, QUOTE, TABLE, RULE, CODE, PLACED_BLOCK]
] = 2
"""Line ends before and after, by kind."""

_OPENING = np.zeros(32, np.uint8)
_OPENING[[SUPERSCRIPT, SUBSCRIPT, READING, INLINE_CODE, TABLE]] = (
    SUP,
    SUB,
    0x28,
    CODE_SPAN,
    TABLE_START,
)
_CLOSING = np.zeros(32, np.uint8)
_CLOSING[[SUPERSCRIPT, SUBSCRIPT, READING, INLINE_CODE, TABLE, ROW]] = (
    SCRIPT_END, SCRIPT_END, 0x29, CODE_SPAN_END, TABLE_END, ROW_END,
)  # fmt: skip
"""The marks (of readings, parentheses) around an element, by kind."""


def flow(nodes: Numbers, text: Bytes, out: Bytes, state: Counters) -> None:
    """Write the page down, from its first node to its last."""
    _flow(nodes, text, out, state, _tables())


@cache
def _tables() -> Bytes:
    return np.concatenate([PLAIN, _GAPS, _OPENING, _CLOSING, line_kinds(), code_tags()])


def _compiled(stamp: int) -> Callable[..., None]:
    def walk(nodes: Numbers, text: Bytes, out: Bytes, state: Counters, tables: Bytes) -> None:
        n = nodes.shape[1]
        p = Paper(
            n=n + (stamp & 0),
            tag=pointer(nodes, 0),
            parent=pointer(nodes, n),
            end=pointer(nodes, 2 * n),
            first=pointer(nodes, 3 * n),
            last=pointer(nodes, 4 * n),
            role=pointer(nodes, 5 * n),
            text=pointer(text, 0),
            out=pointer(out, 0),
            state=pointer(state, 0),
            plain=pointer(tables, 0),
            gaps=pointer(tables, 256),
            opening=pointer(tables, 288),
            closing=pointer(tables, 320),
            lines=pointer(tables, 352),
            tags=pointer(tables, 384),
        )
        i = int64(0)  # a literal has all below compiled twice
        while i < n:
            _close_ended(p, i)
            role = p.role[i]
            kind = role & KIND
            if kind == SKIP:
                i += 1
            elif p.tag[i] == 0:
                put_text(p, p.first[i], p.last[i])
                i += 1
            elif kind == DROP or role & (ANCHOR | PLAIN_COPY):
                i = behind(p, i)
            elif kind == PLACED or kind == PLACED_BLOCK or (kind == CODE and p.state[FLAT] == 0):
                _put_whole(p, i, kind)
                i = behind(p, i)
            else:
                _open(p, i, kind)
                i += 1
        _close_ended(p, p.n)

    return entry(walk)


@kernel
def _close_ended(p: Paper, i: int) -> None:
    """Close the elements that end before `i`."""
    state = p.state
    while state[DEPTH] > 0 and i >= p.end[state[FRAMES + FRAME * (state[DEPTH] - 1)]]:
        _close(p)


@kernel
def _put_whole(p: Paper, i: int, kind: int) -> None:
    """A block of code, or a mark for what Python supplies."""
    state = p.state
    gap = int64(p.gaps[kind]) if state[FLAT] == 0 else 0
    if gap > 0:
        want_lines(p, gap)
    if kind == CODE:
        begin_block(p)
    else:
        begin(p)
    _put_mark(p, i, int64(CODE_START) if kind == CODE else int64(PLACE))
    if kind == CODE:
        put_code(p, i)
        put(p, int64(CODE_END))
    if gap > 0:
        want_lines(p, gap)


@kernel
def _put_mark(p: Paper, i: int, byte: int) -> None:
    """A mark, and the node that it stands for."""
    put(p, byte)
    p.state[MARKED + p.state[N_MARKED]] = i * MARKS + byte
    p.state[N_MARKED] += 1


@kernel
def _open(p: Paper, i: int, kind: int) -> None:  # noqa: PLR0912
    state = p.state
    if state[DEPTH] >= MAX_FRAMES:
        return
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
    frame = FRAMES + FRAME * state[DEPTH]
    state[frame + NODE], state[frame + FRAME_KIND] = i, kind
    state[frame + OLD_INDENT] = state[INDENT]
    _want_gap(p, kind)
    if kind == RULE:
        return
    if p.opening[kind] > 0:
        begin(p)
        put(p, int64(p.opening[kind]))
    if kind == HEADING_KIND or kind == TABLE:
        if kind == TABLE:
            state[IN_TABLE] = 1
        elif not flat:
            state[HEADING] = p.tag[i] - _H1 + 1
        state[FLAT] += 1
    elif kind == NUMBERS:
        state[frame + NUMBER], state[frame + STEP] = p.first[i], p.last[i]
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
        if p.role[i] & SPANS:
            _put_mark(p, i, int64(WIDE_CELL))
        else:
            put(p, int64(CELL_START))
        state[SPACE] = 0
    state[LINES] += p.role[i] & KEEP_LINES != 0
    state[DEPTH] += 1


@kernel
def _close(p: Paper) -> None:
    state = p.state
    state[DEPTH] -= 1
    frame = FRAMES + FRAME * state[DEPTH]
    kind = state[frame + FRAME_KIND]
    state[LINES] -= p.role[state[frame + NODE]] & KEEP_LINES != 0
    state[INDENT] = state[frame + OLD_INDENT]
    if p.closing[kind] > 0:
        put(p, int64(p.closing[kind]))
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
    _want_gap(p, kind)


@kernel
def _want_gap(p: Paper, kind: int) -> None:
    """The line ends before and after an element; a list in a list stands closer."""
    gap = int64(p.gaps[kind])
    if gap > 0:
        if (kind == BULLETS or kind == NUMBERS) and _list_frame(p) >= 0:
            gap -= 1
        want_lines(p, gap)


@kernel
def _list_frame(p: Paper) -> int:
    """The innermost open list, -1 if there is none."""
    for depth in range(p.state[DEPTH] - 1, -1, -1):
        kind = p.state[FRAMES + FRAME * depth + FRAME_KIND]
        if kind == BULLETS or kind == NUMBERS:
            return depth
        if kind == TABLE or kind == QUOTE:
            return -1
    return -1


@kernel
def _mark_item(p: Paper, i: int) -> None:
    """The marker of the item at `i`, as the prefix of its first line."""
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
        if p.first[i] != NO_VALUE:
            number = int(p.first[i])
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


_flow = _compiled(STAMP)
