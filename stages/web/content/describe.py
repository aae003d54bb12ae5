"""Blocks as rows of numbers for the scorer: their own, their containers', their neighbours'."""

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.web.content.count import (
    BOLD_WORDS,
    BUTTON_WORDS,
    CAPITALS,
    CODE_WORDS,
    COMMAS,
    DIGITS,
    ELEMENT,
    FLAGS,
    HASH,
    LINK_WORDS,
    N_BREAKS,
    N_FORMULAS,
    N_LETTERS,
    N_LINKS,
    N_MEDIA,
    N_WORDS,
    OPEN_END,
    STOPS,
)  # isort: skip  # fmt: skip
from stages.web.content.inherit import (
    PRIME,
    S_BLOCK,
    S_DEPTH,
    S_ID,
    S_LISTS,
    S_MAX,
    S_MIN,
    S_NEAR,
    S_SIGN,
    S_SUM,
    S_TABLES,
)  # isort: skip  # fmt: skip
from stages.web.content.page import Page
from stages.web.content.parts import (
    ARIA_HIDDEN,
    ARTICLE,
    ASIDE,
    BLOCK,
    DETAILS,
    DIALOG,
    FIGURE,
    FOOTER,
    FORM,
    HEADER,
    HEADING,
    HIDDEN,
    INNER_FOOTER,
    INNER_HEADER,
    MAIN,
    NAV,
    NOSCRIPT,
    PARAGRAPH,
    QUOTE,
    SECTION,
    TERMS,
    Numbers,
)  # isort: skip  # fmt: skip
from stages.web.content.scan import Scan
from stages.web.tree.elements import TAGS

Matrix = npt.NDArray[np.float32]

_FLAGS = np.array(
    [NAV, HEADER, FOOTER, ASIDE, FORM, MAIN, ARTICLE, FIGURE, HIDDEN, ARIA_HIDDEN, NOSCRIPT, QUOTE,
     DETAILS, SECTION, TERMS, INNER_HEADER, INNER_FOOTER, DIALOG, PARAGRAPH],
    np.int32,
)  # fmt: skip
N_OWN = 24
N_CONTAINER = 5
N_CONTAINERS = 3
N_AROUND = 3
N_PLACE = 9
N_PAGE = 8
FIRST_CONTAINER = N_OWN + len(_FLAGS)
FIRST_AROUND = FIRST_CONTAINER + N_CONTAINER * N_CONTAINERS
FIRST_PLACE = FIRST_AROUND + 4 * N_AROUND
FIRST_PAGE = FIRST_PLACE + N_PLACE
N_FEATURES = FIRST_PAGE + N_PAGE
N_CONTEXT = 15
"""Columns that `context` fills from what the first forest said."""
N_ALL = N_FEATURES + N_CONTEXT

WORDS, LINKED, BLOCKS, PROSE = range(4)
"""Of an element's subtree: words, words in links, blocks, words in blocks of prose."""
PROSE_WORDS = 12
"""A block of prose has so many words at least, most of them not in links, and a sentence's end."""
_H1 = TAGS["h1"]


@njit(cache=True, nogil=True)
def is_prose(block: Numbers) -> bool:
    """Whether a block reads like running text."""
    return (
        block[N_WORDS] >= PROSE_WORDS
        and 3 * block[LINK_WORDS] < block[N_WORDS]
        and block[STOPS] > 0
    )


@njit(cache=True, nogil=True)
def describe(p: Page, s: Scan) -> tuple[Matrix, Numbers, Numbers]:
    """float32[n_blocks, N_ALL], of which N_FEATURES are filled; int32[n_nodes]: for every
    block-level element the nearest ancestor that has more words; int32[n_blocks]: numbers of
    groups."""
    n_blocks, n_nodes = len(s.blocks), len(p.tag)
    features = np.zeros((n_blocks, N_ALL), np.float32)
    below = _subtrees(p, s)
    larger = np.zeros(n_nodes, np.int32)
    for node in range(1, n_nodes):
        if not p.flags[0, p.tag[node]] & BLOCK:
            continue
        above = s.state[p.parent[node], S_BLOCK]
        larger[node] = above if below[above, WORDS] > below[node, WORDS] else larger[above]
    main = _main_container(p, s, below)
    groups = _groups(s, p)
    total = max(1, below[0, WORDS])
    page = _page(p, s, below)
    before, heading, top = 0, -1, -1
    prose_before = 0
    for index in range(n_blocks):
        block = s.blocks[index]
        row = features[index]
        words = block[N_WORDS]
        element = block[ELEMENT]
        _own(p, s, block, row)
        place = element
        for level in range(N_CONTAINERS):
            place = larger[place]
            at = FIRST_CONTAINER + level * N_CONTAINER
            inside = max(1, below[place, WORDS])
            row[at] = below[place, WORDS]
            row[at + 1] = below[place, LINKED] / inside
            row[at + 2] = inside / max(1, below[place, BLOCKS])
            row[at + 3] = below[place, PROSE] / inside
            row[at + 4] = s.state[place, S_NEAR]
        if p.tag[element] == _H1:
            top = before
        if block[FLAGS] & HEADING:
            heading = before
        at = FIRST_PLACE
        row[at] = before / total
        row[at + 1] = before - heading if heading >= 0 else -1
        row[at + 2] = before - top if top >= 0 else -1
        row[at + 3] = main <= element < p.end[main]
        row[at + 4] = (prose_before + 1) / (below[0, PROSE] + 1)
        row[at + 5] = groups[index, 0]
        row[at + 6] = groups[index, 1] / max(1, groups[index, 0])
        row[at + 7] = groups[index, 2]
        row[at + 8] = (below[place, WORDS]) / total
        before += words
        if is_prose(block):
            prose_before += words
        row[FIRST_PAGE:N_FEATURES] = page
    _around(features)
    return features, larger, groups[:, 3].copy()


# int32[n_nodes, 4]: what the subtrees of elements hold.
@njit(cache=True, nogil=True)
def _subtrees(p: Page, s: Scan) -> Numbers:
    below = np.zeros((len(p.tag), 4), np.int32)
    for index in range(len(s.blocks)):
        block = s.blocks[index]
        element = block[ELEMENT]
        below[element, WORDS] += block[N_WORDS]
        below[element, LINKED] += block[LINK_WORDS]
        below[element, BLOCKS] += 1
        if is_prose(block):
            below[element, PROSE] += block[N_WORDS]
    for node in range(len(p.tag) - 1, 0, -1):
        if below[node, BLOCKS]:
            above = p.parent[node]
            for column in range(4):
                below[above, column] += below[node, column]
    return below


# The innermost element that holds seven tenths of the prose of each element around it.
@njit(cache=True, nogil=True)
def _main_container(p: Page, s: Scan, below: Numbers) -> int:
    place = 0
    for node in range(1, len(p.tag)):
        if (
            p.flags[0, p.tag[node]] & BLOCK
            and node < p.end[place]
            and 10 * below[node, PROSE] >= 7 * below[place, PROSE]
            and below[node, PROSE] > 0
        ):
            place = node
    return place


# int32[n_blocks, 4]: how many blocks share tag and class with it, up to the third element; their
# words; how many blocks have the same text; the number of the first group, below 4 n_blocks + 64.
@njit(cache=True, nogil=True)
def _groups(s: Scan, p: Page) -> Numbers:
    n_blocks = len(s.blocks)
    size = 64
    while size < 2 * n_blocks:
        size *= 2
    table = np.zeros((2, size, 3), np.int64)
    places = np.zeros((n_blocks, 2), np.int32)
    for index in range(n_blocks):
        block = s.blocks[index]
        element = block[ELEMENT]
        sign = np.int64(s.state[element, S_SIGN])
        for _ in range(2):
            element = s.state[max(p.parent[element], 0), S_BLOCK]
            sign = (sign * PRIME + s.state[element, S_SIGN]) & 0x7FFFFFFF
        for which in range(2):
            key = (np.int64(block[HASH]) if which else sign) + 1
            slot = key & (size - 1)
            while table[which, slot, 0] != 0 and table[which, slot, 0] != key:
                slot = (slot + 1) & (size - 1)
            table[which, slot, 0] = key
            table[which, slot, 1] += 1
            table[which, slot, 2] += block[N_WORDS]
            places[index, which] = slot
    found = np.zeros((n_blocks, 4), np.int32)
    for index in range(n_blocks):
        found[index, 0] = table[0, places[index, 0], 1]
        found[index, 1] = table[0, places[index, 0], 2]
        found[index, 2] = table[1, places[index, 1], 1]
        found[index, 3] = places[index, 0]
    return found


# What all blocks of a page share.
@njit(cache=True, nogil=True)
def _page(p: Page, s: Scan, below: Numbers) -> Matrix:
    total = max(1, below[0, WORDS])
    page = np.zeros(N_PAGE, np.float32)
    page[0] = below[0, WORDS]
    page[1] = below[0, LINKED] / total
    page[2] = total / max(1, below[0, BLOCKS])
    page[3] = below[0, PROSE] / total
    page[4] = s.kind
    code = 0
    for index in range(len(s.blocks)):
        block = s.blocks[index]
        code += block[CODE_WORDS]
        if block[FLAGS] & MAIN:
            page[6] += block[N_WORDS]
        if block[FLAGS] & ARTICLE:
            page[7] += block[N_WORDS]
    page[5] = code / total
    page[6] /= total
    page[7] /= total
    return page


# What a block tells by itself.
@njit(cache=True, nogil=True)
def _own(p: Page, s: Scan, block: Numbers, row: Matrix) -> None:
    words = max(1, block[N_WORDS])
    element = block[ELEMENT]
    state = s.state[element]
    row[0] = block[N_WORDS]
    row[1] = block[LINK_WORDS] / words
    row[2] = p.flags[1, p.tag[element]]
    row[3] = block[N_LETTERS] / words
    row[4] = block[COMMAS] / words
    row[5] = block[STOPS] / words
    row[6] = block[OPEN_END]
    row[7] = block[DIGITS] / max(1, block[N_LETTERS])
    row[8] = block[CAPITALS] / words
    row[9] = block[N_LINKS] / words
    row[10] = block[BUTTON_WORDS] / words
    row[11] = block[BOLD_WORDS] / words
    row[12] = block[CODE_WORDS] / words
    row[13] = block[N_MEDIA]
    row[14] = block[N_FORMULAS]
    row[15] = block[N_BREAKS]
    row[16] = state[S_DEPTH]
    row[17] = state[S_LISTS]
    row[18] = state[S_TABLES]
    row[19] = state[S_SUM]
    row[20] = state[S_MIN]
    row[21] = state[S_MAX]
    row[22] = state[S_NEAR]
    row[23] = state[S_ID]
    for place in range(len(_FLAGS)):
        row[N_OWN + place] = block[FLAGS] & _FLAGS[place] != 0


# The words, links and tag of the two blocks before and the two behind.
@njit(cache=True, nogil=True)
def _around(features: Matrix) -> None:
    n = len(features)
    for index in range(n):
        for step in range(4):
            other = index + (-2, -1, 1, 2)[step]
            if 0 <= other < n:
                for column in range(N_AROUND):
                    features[index, FIRST_AROUND + step * N_AROUND + column] = features[
                        other, column
                    ]
            else:
                features[index, FIRST_AROUND + step * N_AROUND] = -1
