"""Code to the letter: text as it stands, lines as layout makes them, nothing that is not code.

Lines may be text, `<br>`, or elements (`<div>`, `<li>`, rows, `display: block`), with or without
line ends between them. A block ends the line that it is on; a line end right behind it is that end.
"""

import numpy as np

from stages.kernels.arrow import Bytes
from stages.kernels.compiling import int64, kernel
from stages.web.markdown.paper import (
    CODE_FRAMES,
    MARKED,
    MARKS,
    N_MARKED,
    N_OUT,
    NUMBER,
    NUMBER_END,
    PLACE,
    SCRIPT_END,
    SUB,
    SUP,
    Paper,
    put,
)
from stages.web.markdown.roles import (
    BLOCK_STYLE,
    BREAK,
    CELL,
    COPY,
    DROP,
    GUTTER,
    HIDDEN,
    INLINE,
    INLINE_CODE,
    KIND,
    NUMERIC,
    PLACED,
    PLACED_BLOCK,
    PLAIN_COPY,
    PRE_STYLE,
    SKIP,
    SUBSCRIPT,
    SUPERSCRIPT,
    TABLE,
    UNSELECTABLE,
)
from stages.web.tree.elements import NAMES, TAGS
from stages.web.tree.state import MAX_DEPTH

NUMBER_LINE_END = 64
"""Closes a number that has a line of its own."""
MAX_LABEL_BYTES = 40
"""A button says no more than this."""

IS_PRE, IS_SPAN = 1, 2
"""Of elements: of several lines by themselves; code in running text."""
_C_END, _C_BEGUN, _C_CLOSING = range(3)
"""Of an open element in code: where it ends, bytes written at its start, what closes it."""


def code_tags() -> Bytes:
    """uint8[tag]: IS_PRE, IS_SPAN."""
    found = np.zeros(len(NAMES), np.uint8)
    found[[TAGS[name] for name in ("pre", "xmp", "listing", "plaintext", "textarea")]] = IS_PRE
    found[[TAGS[name] for name in ("code", "samp", "tt", "kbd")]] = IS_SPAN
    return found


def line_kinds() -> Bytes:
    """uint8[32]: 1 for kinds that are lines of code."""
    found = np.ones(32, np.uint8)
    found[[INLINE, SKIP, DROP, INLINE_CODE, TABLE, CELL, BREAK, SUPERSCRIPT, SUBSCRIPT,
           PLACED, PLACED_BLOCK]] = 0  # fmt: skip
    return found


@kernel
def _is_extra(p: Paper, node: int) -> bool:
    """Whether an element is no part of the code that it stands in."""
    role = p.role[node]
    kind = role & KIND
    if kind == DROP or role & (GUTTER | HIDDEN | PLAIN_COPY):
        return True
    if role & UNSELECTABLE and role & NUMERIC:
        return True
    if role & COPY and kind != INLINE_CODE:
        n_bytes = 0
        for inner in range(node + 1, p.end[node] if p.end[node] < node + 32 else node + 32):
            if p.tag[inner] == 0:
                n_bytes += p.last[inner] - p.first[inner]
        return n_bytes <= MAX_LABEL_BYTES and p.end[node] - node < 32
    return False


@kernel
def put_code(p: Paper, root: int) -> None:  # noqa: PLR0912, PLR0915
    """Appends the text below `root`."""
    state = p.state
    begun = state[N_OUT]  # behind the mark
    depth, top = 0, CODE_FRAMES - 3
    ended = False  # a block has ended the line, but no line end is written yet
    loose = not (p.role[root] & PRE_STYLE or p.tags[p.tag[root]] == IS_PRE)
    collapse = loose and p.tags[p.tag[root]] == IS_SPAN and _has_no_break(p, root)
    after_gutter = False
    i, end = int(root + 1), p.end[root]
    while i < end or depth > 0:
        while depth > 0 and (i >= state[top + _C_END] or i >= end):
            depth -= 1
            closing = state[top + _C_CLOSING]
            begun_at = state[top + _C_BEGUN]
            top -= 3
            if closing == NUMBER_LINE_END:
                ended = p.out[state[N_OUT] - 1] != 0x0A
                put(p, int64(NUMBER_END))
            elif closing > 0:
                put(p, closing)
            elif state[N_OUT] == begun_at or not _at_line_start(p, begun):
                ended = True
        if i >= end:
            break
        role = p.role[i]
        kind = role & KIND
        if kind == SKIP:
            i += 1
            continue
        if p.tag[i] == 0:
            first, last = int(p.first[i]), int(p.last[i])
            if loose:
                at_start = ended or _at_line_start(p, begun)
                if at_start and _is_line_end(p, first, last):
                    i += 1
                    continue
                if at_start and not ended and p.text[first] == 0x0A:
                    first += 1
            if ended and first < last:
                put(p, int64(0x0A))
                if p.text[first] == 0x0A:
                    first += 1
                ended = False
            if after_gutter and first + 1 < last:
                if p.text[first] == 0xC2 and p.text[first + 1] == 0xA0:
                    first += 2
                after_gutter = False
            if collapse:
                _put_collapsed(p, first, last, begun)
            else:
                _put_verbatim(p, first, last)
            i += 1
            continue
        if _is_extra(p, i):
            after_gutter = role & GUTTER != 0
            i = behind(p, i)
            continue
        if kind == BREAK:
            if ended:
                put(p, int64(0x0A))
                ended = False
            put(p, int64(0x0A))
        elif kind == PLACED or kind == PLACED_BLOCK:
            state[MARKED + state[N_MARKED]] = i * MARKS + PLACE
            state[N_MARKED] += 1
            put(p, int64(PLACE))
            i = behind(p, i)
            continue
        elif depth < MAX_DEPTH:
            closing = int64(-1)
            if p.lines[kind] or (kind == INLINE_CODE and role & BLOCK_STYLE):
                after_number = state[N_OUT] > begun and p.out[state[N_OUT] - 1] == NUMBER_END
                if ended or not (after_number or _at_line_start(p, begun)):
                    put(p, int64(0x0A))
                ended = False
                closing = int64(0)
                if role & NUMERIC:
                    put(p, int64(NUMBER))
                    closing = NUMBER_LINE_END
            elif kind == SUPERSCRIPT or kind == SUBSCRIPT:
                put(p, int64(SUP) if kind == SUPERSCRIPT else int64(SUB))
                closing = SCRIPT_END
            elif role & NUMERIC:
                put(p, int64(NUMBER))
                closing = NUMBER_END
            if closing >= 0:
                depth += 1
                top += 3
                state[top + _C_END], state[top + _C_BEGUN] = p.end[i], state[N_OUT]
                state[top + _C_CLOSING] = closing
        i += 1


@kernel
def behind(p: Paper, i: int) -> int:
    """The first node behind an element."""
    return int64(p.end[i]) if p.end[i] > i + 1 else i + 1


@kernel
def _is_mark(byte: int) -> bool:
    return byte == NUMBER or byte == NUMBER_END or byte == SUP or byte == SUB or byte == SCRIPT_END


@kernel
def _at_line_start(p: Paper, begun: int) -> bool:
    """Whether nothing visible stands on the last line of the output from `begun` on."""
    position = p.state[N_OUT] - 1
    while position >= begun and _is_mark(p.out[position]):
        position -= 1
    return bool(position < begun or p.out[position] == 0x0A)


@kernel
def _has_no_break(p: Paper, root: int) -> bool:
    """Whether the text below `root` has a no-break space: then other blanks are the source's
    layout."""
    for i in range(root + 1, p.end[root]):
        if p.tag[i] == 0:
            for position in range(p.first[i], p.last[i] - 1):
                if p.text[position] == 0xC2 and p.text[position + 1] == 0xA0:
                    return True
    return False


@kernel
def _is_line_end(p: Paper, first: int, last: int) -> bool:
    """Whether text is blank, with a line end: what stands between elements that are lines."""
    found = False
    for position in range(first, last):
        byte = p.text[position]
        if byte > 0x20:
            return False
        found = found or byte == 0x0A
    return found


@kernel
def _put_collapsed(p: Paper, first: int, last: int, begun: int) -> None:
    """Code in running text, its blanks as no-break spaces."""
    start = int(first)
    for position in range(first, last + 1):
        if position < last and p.text[position] > 0x20:
            continue
        _put_verbatim(p, start, position)
        start = position + 1
        if position < last and p.state[N_OUT] > begun:
            before = p.out[p.state[N_OUT] - 1]
            if before != 0x0A and before != 0x20:
                put(p, int64(0x20))


@kernel
def _put_verbatim(p: Paper, first: int, last: int) -> None:
    text, state = p.text, p.state
    position = first
    while position < last:
        byte = int64(text[position])
        position += 1
        if byte < 0x20 and byte != 0x0A and byte != 0x09:
            continue
        if byte == 0xC2 and position < last and text[position] == 0xA0:
            byte = 0x20
            position += 1
        elif byte == 0xE2 and position + 1 < last and text[position] == 0x80:
            if text[position + 1] == 0x8B:
                position += 2
                continue
        elif byte == 0xEF and position + 1 < last and text[position] == 0xBB:  # noqa: SIM102
            if text[position + 1] == 0xBF:
                position += 2
                continue
        p.out[state[N_OUT]] = byte
        state[N_OUT] += 1
