"""The page cut into blocks and what can be counted of each, in one pass over nodes and bytes.

A block is the run of leaves (texts, elements without content) that share the innermost block-level
element, up to the next other leaf. About 2 ns a byte of text and 50 ns a node.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from stages.kernels.compiling import Ints, entry, int64, kernel, pointer
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
from stages.web.content.inherit import (
    N_STATE,
    S_BLOCK,
    S_FLAGS,
    S_LINK_END,
    enter,
    head,
    letters,
)  # isort: skip  # fmt: skip
from stages.web.content.page import STAMP, Arrays, Page, opened
from stages.web.content.parts import BLOCK, CODE, FORMULA, HIDDEN, MEDIA, SKIP, Numbers
from stages.web.tree.elements import KEYS, TAGS
from stages.web.tree.state import KEY, N_PLACES, TAG, VALUE, VALUE_END

_BR, _META = TAGS["br"], TAGS["meta"]
_PROPERTY, _CONTENT = KEYS["property"], KEYS["content"]
_TYPE = letters("og:type")
_ARTICLE, _PRODUCT, _WEBSITE = letters("article"), letters("product"), letters("website")

N_BLOCKS, KIND, LAST_LINK, OF_SOURCES = range(4)
"""Places in the counters."""


class Scan(NamedTuple):
    """`blocks` int32[n_blocks, 21], `state` int32[n_nodes, 12], `block` int32[n_nodes]: the block
    of each leaf, -1 where it is dropped whatever happens; `kind`: Open Graph's type as a number."""

    blocks: Numbers
    state: Numbers
    block: Numbers
    kind: int


class Blocks(NamedTuple):
    """The same while it is made, as pointers; `counts`: the counters."""

    rows: Ints
    state: Ints
    of: Ints
    counts: Ints


def scan(page: Arrays, show_hidden: bool) -> Scan:
    """All blocks of a page. `show_hidden`: hidden elements count like others. Each block-level
    element can interrupt one block and begin another."""
    n = page.nodes.shape[1]
    is_block = page.flags[0] & BLOCK != 0
    n_most = 2 + 2 * int(np.count_nonzero(is_block[page.nodes[TAG]]))
    blocks, state = np.zeros((n_most, N_COLUMNS), np.int32), np.empty((n, N_STATE), np.int32)
    of, count = np.full(n, -1, np.int32), np.zeros(4, np.int32)
    _scan(page, blocks, state, of, count, show_hidden)
    return Scan(blocks[: count[N_BLOCKS]], state, of, int(count[KIND]))


def _compiled(stamp: int) -> Callable[..., None]:
    def scan_page(
        page: Arrays, blocks: Numbers, state: Numbers, of: Numbers, count: Numbers,
        show_hidden: bool,
    ) -> None:  # fmt: skip
        p = opened(page)
        s = Blocks(pointer(blocks, 0), pointer(state, 0), pointer(of, 0), pointer(count, 0))
        count[LAST_LINK], count[OF_SOURCES] = -1, stamp & 1
        for column in range(N_STATE):
            s.state[column] = 0
        enter(p, int64(0), s.state)
        for node in range(1, p.n):
            above = N_STATE * p.parent[node]
            for column in range(N_STATE):
                s.state[N_STATE * node + column] = s.state[above + column]
            tag = p.tag[node]
            if tag != 0:
                enter(p, node, s.state)
                if tag == _META and count[KIND] == 0:
                    count[KIND] = _open_graph_type(p, node)
            flags = s.state[N_STATE * node + S_FLAGS]
            is_folded = flags & HIDDEN and not flags & CODE and not show_hidden
            if p.end[node] == node + 1 and not flags & SKIP and not is_folded:
                _add_leaf(p, s, node, flags)

    return entry(scan_page)


@kernel
def _add_leaf(p: Page, s: Blocks, node: int, flags: int) -> None:
    """Puts a leaf into the block that it continues or begins."""
    state = N_STATE * node
    b = N_COLUMNS * (s.counts[N_BLOCKS] - 1)
    continues = s.counts[N_BLOCKS] > 0 and s.rows[b + ELEMENT] == s.state[state + S_BLOCK]
    tag = p.tag[node]
    if _is_blank(p, node, flags):
        if continues:
            s.of[node] = s.counts[N_BLOCKS] - 1
            s.rows[b + N_BREAKS] += tag == _BR
        return
    if not continues:
        s.counts[N_BLOCKS] += 1
        b += N_COLUMNS
        s.rows[b + FIRST_NODE] = node
        s.rows[b + ELEMENT] = s.state[state + S_BLOCK]
        s.rows[b + OPEN_END] = 1
    s.rows[b + LAST_NODE] = node
    s.rows[b + FLAGS] |= flags
    s.of[node] = s.counts[N_BLOCKS] - 1
    if tag == 0:
        link_end = s.state[state + S_LINK_END]
        in_link = node < link_end
        if in_link and link_end != s.counts[LAST_LINK]:
            s.counts[LAST_LINK] = link_end
            s.rows[b + N_LINKS] += 1
        count_text(p, node, flags, in_link, s.rows, b)
    else:
        s.rows[b + N_MEDIA] += 1
        s.rows[b + N_FORMULAS] += flags & FORMULA != 0


@kernel
def _is_blank(p: Page, node: int, flags: int) -> bool:
    """Whether a leaf shows nothing."""
    if p.tag[node] != 0:
        return not (p.flags[p.tag[node]] & MEDIA or flags & FORMULA)
    position = p.first[node]
    while position < p.last[node] and p.text[position] <= 0x20:
        position += 1
    return position == p.last[node]


@kernel
def _open_graph_type(p: Page, node: int) -> int:
    """Open Graph's type in a `<meta>`: 1 article, 2 product, 3 website, 4 another; 0 if it has
    none."""
    found, kind = False, 4
    for slot in range(p.first[node], p.last[node]):
        key = p.attributes[N_PLACES * slot + KEY]
        if key != _PROPERTY and key != _CONTENT:
            continue
        start = int64(p.attributes[N_PLACES * slot + VALUE])
        word = head(p.html, start, int64(p.attributes[N_PLACES * slot + VALUE_END])) >> 8
        if key == _PROPERTY:
            found = found or word == _TYPE
        elif word == _ARTICLE:
            kind = 1
        elif word == _PRODUCT:
            kind = 2
        elif word == _WEBSITE:
            kind = 3
    return kind if found else 0


_scan = _compiled(STAMP)
