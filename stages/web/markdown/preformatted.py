"""Code to the letter: text as it stands, lines as layout makes them, nothing that is not code.

Lines may be text, `<br>`, or elements (`<div>`, `<li>`, rows, `display: block`), with or without
line ends between them. A block ends the line that it is on; a line end right behind it is that end.
"""

import numpy as np
from numba import njit

from stages.web.markdown.paper import (
    MARKED,
    MARKS,
    N_MARKED,
    N_OUT,
    NUMBER,
    NUMBER_END,
    PLACE,
    ROLE,
    SCRIPT_END,
    SUB,
    SUP,
    Paper,
    put,
)
from stages.web.markdown.roles import (
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
from stages.web.tree.state import END, FIRST, LAST, MAX_DEPTH, TAG

NUMBER_LINE_END = 64
"""Closes a number that has a line of its own."""
_BYTES = np.array([0x0A, 0x20, NUMBER, NUMBER_END, PLACE, SUP, SUB])
"""As an array, since Numba compiles a function anew for every literal that it is given."""
MAX_LABEL_BYTES = 40
"""A button says no more than this."""

_IS_PRE = np.zeros(len(NAMES), np.bool_)
_IS_PRE[[TAGS[name] for name in ("pre", "xmp", "listing", "plaintext", "textarea")]] = True
_IS_SPAN = np.zeros(len(NAMES), np.bool_)
_IS_SPAN[[TAGS[name] for name in ("code", "samp", "tt", "kbd")]] = True
_LINE_KINDS = np.ones(32, np.bool_)
_LINE_KINDS[[INLINE, SKIP, DROP, INLINE_CODE, TABLE, CELL, BREAK, SUPERSCRIPT, SUBSCRIPT,
             PLACED, PLACED_BLOCK]] = False  # fmt: skip


# Whether an element is no part of the code that it stands in.
@njit(cache=True, nogil=True)
def _is_extra(p: Paper, node: int) -> bool:
    role = p.nodes[ROLE, node]
    kind = role & KIND
    if kind == DROP or role & (GUTTER | HIDDEN | PLAIN_COPY):
        return True
    if role & UNSELECTABLE and role & NUMERIC:
        return True
    if role & COPY and kind != INLINE_CODE:
        n_bytes = 0
        for inner in range(node + 1, min(p.nodes[END, node], node + 32)):
            if p.nodes[TAG, inner] == 0:
                n_bytes += p.nodes[LAST, inner] - p.nodes[FIRST, inner]
        return n_bytes <= MAX_LABEL_BYTES and p.nodes[END, node] - node < 32
    return False


@njit(cache=True, nogil=True)
def put_code(p: Paper, root: int) -> None:  # noqa: PLR0912, PLR0915
    """Appends the text below `root`."""
    state = p.state
    begun = state[N_OUT]  # behind the mark
    stack = np.zeros((MAX_DEPTH, 3), np.int64)  # end, bytes written at the start, what closes it
    depth = 0
    ended = False  # a block has ended the line, but no line end is written yet
    loose = not (p.nodes[ROLE, root] & PRE_STYLE or _IS_PRE[p.nodes[TAG, root]])
    collapse = loose and _IS_SPAN[p.nodes[TAG, root]] and _has_no_break(p, root)
    after_gutter = False
    i, end = int(root + 1), p.nodes[END, root]
    while i < end or depth > 0:
        while depth > 0 and (i >= stack[depth - 1, 0] or i >= end):
            depth -= 1
            if stack[depth, 2] == NUMBER_LINE_END:
                ended = p.out[state[N_OUT] - 1] != 0x0A
                put(p, _BYTES[3])
            elif stack[depth, 2] > 0:
                put(p, stack[depth, 2])
            elif state[N_OUT] == stack[depth, 1] or not _at_line_start(p, begun):
                ended = True
        if i >= end:
            break
        role = p.nodes[ROLE, i]
        kind = role & KIND
        if kind == SKIP:
            i += 1
            continue
        if p.nodes[TAG, i] == 0:
            first, last = int(p.nodes[FIRST, i]), int(p.nodes[LAST, i])
            if loose:
                at_start = ended or _at_line_start(p, begun)
                if at_start and _is_line_end(p, first, last):
                    i += 1
                    continue
                if at_start and not ended and p.text[first] == 0x0A:
                    first += 1
            if ended and first < last:
                put(p, _BYTES[0])
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
            i = max(i + 1, int(p.nodes[END, i]))
            continue
        if kind == BREAK:
            if ended:
                put(p, _BYTES[0])
                ended = False
            put(p, _BYTES[0])
        elif kind in (PLACED, PLACED_BLOCK):
            state[MARKED + state[N_MARKED]] = i * MARKS + PLACE
            state[N_MARKED] += 1
            put(p, _BYTES[4])
            i = max(i + 1, int(p.nodes[END, i]))
            continue
        elif depth < MAX_DEPTH:
            closing = -1
            if _LINE_KINDS[kind]:
                after_number = state[N_OUT] > begun and p.out[state[N_OUT] - 1] == NUMBER_END
                if ended or not (after_number or _at_line_start(p, begun)):
                    put(p, _BYTES[0])
                ended = False
                closing = 0
                if role & NUMERIC:
                    put(p, _BYTES[2])
                    closing = NUMBER_LINE_END
            elif kind in (SUPERSCRIPT, SUBSCRIPT):
                put(p, _BYTES[5 if kind == SUPERSCRIPT else 6])
                closing = SCRIPT_END
            elif role & NUMERIC:
                put(p, _BYTES[2])
                closing = NUMBER_END
            if closing >= 0:
                stack[depth, 0], stack[depth, 1], stack[depth, 2] = (
                    p.nodes[END, i], state[N_OUT], closing,
                )  # fmt: skip
                depth += 1
        i += 1


# Whether nothing visible stands on the last line of the output from `begun` on.
@njit(cache=True, nogil=True)
def _at_line_start(p: Paper, begun: int) -> bool:
    position = p.state[N_OUT] - 1
    while position >= begun and p.out[position] in (NUMBER, NUMBER_END, SUP, SUB, SCRIPT_END):
        position -= 1
    return bool(position < begun or p.out[position] == 0x0A)


# Whether the text below `root` has a no-break space: then other blanks are the source's layout.
@njit(cache=True, nogil=True)
def _has_no_break(p: Paper, root: int) -> bool:
    for i in range(root + 1, p.nodes[END, root]):
        if p.nodes[TAG, i] == 0:
            for position in range(p.nodes[FIRST, i], p.nodes[LAST, i] - 1):
                if p.text[position] == 0xC2 and p.text[position + 1] == 0xA0:
                    return True
    return False


# Whether text is blank, with a line end: what stands between elements that are lines.
@njit(cache=True, nogil=True)
def _is_line_end(p: Paper, first: int, last: int) -> bool:
    found = False
    for position in range(first, last):
        byte = p.text[position]
        if byte > 0x20:
            return False
        found = found or byte == 0x0A
    return found


# Code in running text, its blanks as no-break spaces.
@njit(cache=True, nogil=True)
def _put_collapsed(p: Paper, first: int, last: int, begun: int) -> None:
    start = int(first)
    for position in range(first, last + 1):
        if position < last and p.text[position] > 0x20:
            continue
        _put_verbatim(p, start, position)
        start = position + 1
        before = p.out[p.state[N_OUT] - 1]
        if position < last and p.state[N_OUT] > begun and before not in (0x0A, 0x20):
            put(p, _BYTES[1])


@njit(cache=True, nogil=True)
def _put_verbatim(p: Paper, first: int, last: int) -> None:
    text, state = p.text, p.state
    position = first
    while position < last:
        byte = text[position]
        position += 1
        if byte < 0x20 and byte not in (0x0A, 0x09):
            continue
        if byte == 0xC2 and position < last and text[position] == 0xA0:
            byte = np.uint8(0x20)
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
