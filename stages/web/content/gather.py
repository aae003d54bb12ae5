"""What is known of a page's elements and of blocks that are alike, before blocks are described."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.kernels.compiling import Floats, Ints, int64, kernel
from stages.web.content.count import (
    ELEMENT,
    HASH,
    LINK_WORDS,
    N_COLUMNS,
    N_WORDS,
    STOPS,
)  # isort: skip  # fmt: skip
from stages.web.content.inherit import N_STATE, PRIME, S_BLOCK, S_SIGN
from stages.web.content.page import Page
from stages.web.content.parts import BLOCK

Matrix = npt.NDArray[np.float32]

WORDS, LINKED, BLOCKS, PROSE = range(4)
"""Of an element's subtree: words, words in links, blocks, words in blocks of prose."""
PROSE_WORDS = 12
"""A block of prose has so many words at least, most of them not in links, and a sentence's end."""
COUNT, SIZE, TWINS, GROUP, N_GROUP = range(5)
"""Of a block: how many share tag and class with it, up to the third element; their words; how many
have the same text; the number of the first group, below 4 n_blocks + 64."""


class Described(NamedTuple):
    """Blocks, what scanning found of nodes, and the tables that are filled, as pointers (see
    `describe`). `table`: of each group its key, count and words, twice; `places`: a block's two."""

    n: int
    kind: int
    blocks: Ints
    state: Ints
    features: Floats
    below: Ints
    larger: Ints
    groups: Ints
    table: Ints
    size: int
    places: Ints
    bits: Ints


@kernel
def is_prose(blocks: Ints, b: int) -> bool:
    """Whether the block whose row begins at `b` reads like running text."""
    return (
        blocks[b + N_WORDS] >= PROSE_WORDS
        and 3 * blocks[b + LINK_WORDS] < blocks[b + N_WORDS]
        and blocks[b + STOPS] > 0
    )


@kernel
def fill_below(p: Page, d: Described) -> None:
    """What the subtrees of elements hold."""
    for index in range(d.n):
        b = N_COLUMNS * index
        at = 4 * d.blocks[b + ELEMENT]
        d.below[at + WORDS] += d.blocks[b + N_WORDS]
        d.below[at + LINKED] += d.blocks[b + LINK_WORDS]
        d.below[at + BLOCKS] += 1
        if is_prose(d.blocks, b):
            d.below[at + PROSE] += d.blocks[b + N_WORDS]
    for node in range(p.n - 1, 0, -1):
        if d.below[4 * node + BLOCKS]:
            above = 4 * p.parent[node]
            for column in range(4):
                d.below[above + column] += d.below[4 * node + column]


@kernel
def find_larger(p: Page, d: Described) -> None:
    """For every block-level element the nearest ancestor that has more words."""
    for node in range(1, p.n):
        if p.flags[p.tag[node]] & BLOCK:
            above = d.state[N_STATE * p.parent[node] + S_BLOCK]
            is_larger = d.below[4 * above + WORDS] > d.below[4 * node + WORDS]
            d.larger[node] = above if is_larger else d.larger[above]


@kernel
def main_container(p: Page, d: Described) -> int:
    """The innermost element that holds seven tenths of the prose of each element around it."""
    place = 0
    for node in range(1, p.n):
        prose = d.below[4 * node + PROSE]
        if (
            prose > 0
            and p.flags[p.tag[node]] & BLOCK
            and node < p.end[place]
            and 10 * prose >= 7 * d.below[4 * place + PROSE]
        ):
            place = node
    return place


@kernel
def fill_groups(p: Page, d: Described) -> None:
    """Which blocks are alike, by tags and classes and by text, and how many there are."""
    for index in range(d.n):
        b = N_COLUMNS * index
        element = d.blocks[b + ELEMENT]
        sign = int64(d.state[N_STATE * element + S_SIGN])
        for _ in range(2):
            above = p.parent[element]
            element = d.state[N_STATE * above + S_BLOCK] if above > 0 else d.state[S_BLOCK]
            sign = (sign * PRIME + d.state[N_STATE * element + S_SIGN]) & 0x7FFFFFFF
        key = int64(d.blocks[b + HASH])
        for which in range(2):
            slot = _slot(d, which * d.size, key if which else sign)
            d.table[slot + 1] += 1
            d.table[slot + 2] += d.blocks[b + N_WORDS]
            d.places[2 * index + which] = slot
    for index in range(d.n):
        first, second = d.places[2 * index], d.places[2 * index + 1]
        d.groups[N_GROUP * index + COUNT] = d.table[first + 1]
        d.groups[N_GROUP * index + SIZE] = d.table[first + 2]
        d.groups[N_GROUP * index + TWINS] = d.table[second + 1]
        d.groups[N_GROUP * index + GROUP] = first // 3


@kernel
def _slot(d: Described, offset: int, key: int) -> int:
    """Where a key (31 bits) stands in a half of the table, or could. Zero is free."""
    stored = key if key < 0x7FFFFFFF else 0
    stored += 1
    slot = stored & (d.size - 1)
    while True:
        at = 3 * (offset + slot)
        if d.table[at] == 0:
            d.table[at] = stored
        if d.table[at] == stored:
            return at
        slot = (slot + 1) & (d.size - 1)
