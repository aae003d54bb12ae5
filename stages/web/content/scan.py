"""The page cut into blocks and what can be counted of each, in one pass over nodes and bytes.

A block is the run of leaves (texts, elements without content) that share the innermost block-level
element, up to the next other leaf. About 2 ns a byte of text and 50 ns a node.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from stages.web.content.count import (
    ELEMENT,
    FIRST_NODE,
    FLAGS,
    LAST_NODE,
    N_BREAKS,
    N_COLUMNS,
    N_FORMULAS,
    N_LINKS,
    N_MEDIA,
    OPEN_END,
    count_text,
)  # isort: skip  # fmt: skip
from stages.web.content.inherit import N_STATE, S_BLOCK, S_FLAGS, S_LINK_END, begins, enter
from stages.web.content.page import Page
from stages.web.content.parts import BLOCK, CODE, FORMULA, HIDDEN, MEDIA, SKIP, Numbers
from stages.web.tree.elements import KEYS, TAGS

_BR, _META = TAGS["br"], TAGS["meta"]
_PROPERTY, _CONTENT = KEYS["property"], KEYS["content"]


class Scan(NamedTuple):
    """`blocks` int32[n_blocks, 21], `state` int32[n_nodes, 12], `block` int32[n_nodes]: the block
    of each leaf, -1 where it is dropped whatever happens; `kind`: Open Graph's type as a number."""

    blocks: Numbers
    state: Numbers
    block: Numbers
    kind: int


@njit(cache=True, nogil=True)
def scan(p: Page, show_hidden: bool) -> Scan:
    """All blocks of a page. `show_hidden`: hidden elements count like others."""
    n = len(p.tag)
    state = np.empty((n, N_STATE), np.int32)
    of = np.full(n, -1, np.int32)
    blocks = np.zeros((_most_blocks(p), N_COLUMNS), np.int32)
    n_blocks, kind, last_link = 0, 0, -1
    state[0] = 0
    enter(p, 0, state)
    for node in range(1, n):
        tag = p.tag[node]
        above = p.parent[node]
        state[node] = state[above]
        if tag != 0:
            enter(p, node, state)
            if tag == _META and kind == 0:
                kind = _open_graph_type(p, node)
        flags = state[node, S_FLAGS]
        is_folded = flags & HIDDEN and not flags & CODE and not show_hidden
        if p.end[node] != node + 1 or flags & SKIP or is_folded:
            continue
        if _is_blank(p, node, flags):
            if n_blocks and state[node, S_BLOCK] == blocks[n_blocks - 1, ELEMENT]:
                of[node] = n_blocks - 1
                if tag == _BR:
                    blocks[n_blocks - 1, N_BREAKS] += 1
            continue
        if n_blocks == 0 or blocks[n_blocks - 1, ELEMENT] != state[node, S_BLOCK]:
            n_blocks += 1
            _begin(blocks[n_blocks - 1], node, state[node, S_BLOCK])
        block = blocks[n_blocks - 1]
        block[LAST_NODE] = node
        block[FLAGS] |= flags
        of[node] = n_blocks - 1
        if tag == 0:
            in_link = node < state[node, S_LINK_END]
            if in_link and state[node, S_LINK_END] != last_link:
                last_link = state[node, S_LINK_END]
                block[N_LINKS] += 1
            count_text(p, node, flags, in_link, block)
        else:
            block[N_MEDIA] += 1
            if flags & FORMULA:
                block[N_FORMULAS] += 1
    return Scan(blocks[:n_blocks], state, of, kind)


# Each block-level element can interrupt one block and begin another.
@njit(cache=True, nogil=True)
def _most_blocks(p: Page) -> int:
    found = 2
    for node in range(len(p.tag)):
        if p.flags[0, p.tag[node]] & BLOCK:
            found += 2
    return found


@njit(cache=True, nogil=True)
def _begin(block: Numbers, node: int, element: int) -> None:
    block[FIRST_NODE] = node
    block[ELEMENT] = element
    block[OPEN_END] = 1


# Whether a leaf shows nothing.
@njit(cache=True, nogil=True)
def _is_blank(p: Page, node: int, flags: int) -> bool:
    if p.tag[node] != 0:
        return not (p.flags[0, p.tag[node]] & MEDIA or flags & FORMULA)
    position = p.first[node]
    while position < p.last[node] and p.text[position] <= 0x20:
        position += 1
    return position == p.last[node]


# Open Graph's type in a `<meta>`: 1 article, 2 product, 3 website, 4 another; 0 if it has none.
@njit(cache=True, nogil=True)
def _open_graph_type(p: Page, node: int) -> int:
    found, kind = False, 4
    for slot in range(p.first[node], p.last[node]):
        key = p.attributes[slot, 0]
        start, stop = p.attributes[slot, 3], p.attributes[slot, 4]
        if key == _PROPERTY and begins(p.html, start, stop, b"og:type"):
            found = True
        elif key == _CONTENT:
            if begins(p.html, start, stop, b"article"):
                kind = 1
            elif begins(p.html, start, stop, b"product"):
                kind = 2
            elif begins(p.html, start, stop, b"website"):
                kind = 3
    return kind if found else 0
