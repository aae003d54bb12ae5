"""The main content of a page: which nodes of its tree are kept, and why the others are not.

Blocks are scored by two small forests. The scores are read as probabilities, and those blocks are
kept that make the expected word F1 of the page largest: it is largest when a block is kept if its
probability is above half of that F1. Rules come after, for what must hold: hidden text goes, code
and formulas stay unless navigation holds them, pictures share their neighbours' fate.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.web.content.context import context
from stages.web.content.count import CODE_WORDS, FLAGS, N_FORMULAS, N_WORDS
from stages.web.content.describe import describe
from stages.web.content.forest import Forest, Vector, learned_forests, probabilities
from stages.web.content.page import Page
from stages.web.content.parts import BUTTON, DIALOG, FOOTER, HEADER, NAV, Numbers, tag_flags
from stages.web.content.scan import Scan, scan
from stages.web.content.words import WordTable, learned_words
from stages.web.tree.build import Tree

Flags = npt.NDArray[np.bool_]

FEW_WORDS = 30
"""Where a page shows fewer words, its hidden elements count as shown: a script would show them."""
CHROME = NAV | FOOTER | HEADER | BUTTON | DIALOG
"""Elements in which code and formulas have to earn their place like other text."""
SURE = 0.02
"""Code and formulas of a lower probability are not kept by being code and formulas."""


class Chosen(NamedTuple):
    """`keep`: bool of every node, true for leaves that are content and all elements around them.
    `block`: int32 of every node, the number of its block; -1 for elements with content, and for
    leaves that no reader sees. `kept` and `probability` of every block; `threshold`: the
    probability above which a block is kept unless rules say otherwise."""

    keep: Flags
    block: Numbers
    kept: Flags
    probability: Vector
    threshold: float


def choose(tree: Tree) -> Chosen:
    """The main content of a page."""
    return choose_with(tree, learned_words(), *learned_forests())


def page_of(tree: Tree, words: WordTable) -> Page:
    """A tree and a table of class words as kernels take them."""
    return Page(np.frombuffer(tree.page, np.uint8), *tree[1:], tag_flags(), words)


def choose_with(tree: Tree, words: WordTable, first: Forest, second: Forest) -> Chosen:
    """The main content by other tables than those that are shipped."""
    page = page_of(tree, words)
    found = find_blocks(page)
    rows, larger, groups = describe(page, found)
    context(rows, probabilities(rows, first), found.blocks, tree.end, larger, groups)
    probability = probabilities(rows, second)
    kept, threshold = keep_blocks(found.blocks, probability)
    keep = _keep(tree.parent, found.block, kept)
    return Chosen(keep, found.block, kept, probability, threshold)


def find_blocks(page: Page) -> Scan:
    """The blocks that a page shows, or all if it shows next to nothing."""
    found: Scan = scan(page, False)
    if found.blocks[:, N_WORDS].sum() < FEW_WORDS:
        found = scan(page, True)
    return found


@njit(cache=True, nogil=True)
def keep_blocks(blocks: Numbers, probability: Vector) -> tuple[Flags, float]:
    """Those blocks that make the expected word F1 of the page largest, and what rules demand; and
    the threshold."""
    threshold = _best_threshold(blocks, probability)
    kept = probability > threshold
    _apply_rules(blocks, probability, kept)
    return kept, threshold


# The probability above which keeping a block raises the expected word F1 of the page.
@njit(cache=True, nogil=True)
def _best_threshold(blocks: Numbers, probability: Vector) -> float:
    expected = 0.0
    for index in range(len(blocks)):
        expected += blocks[index, N_WORDS] * probability[index]
    score = 1.0
    for _ in range(10):
        right, words = 0.0, 0.0
        for index in range(len(blocks)):
            if probability[index] > score / 2:
                right += blocks[index, N_WORDS] * probability[index]
                words += blocks[index, N_WORDS]
        better = 2 * right / max(expected + words, 1e-9)
        if abs(better - score) < 1e-4:
            break
        score = better
    return score / 2


@njit(cache=True, nogil=True)
def _apply_rules(blocks: Numbers, probability: Vector, kept: Flags) -> None:
    n = len(blocks)
    for index in range(n):
        block = blocks[index]
        exact = 2 * block[CODE_WORDS] > block[N_WORDS] or block[N_FORMULAS] > 0
        if exact and probability[index] > SURE and not block[FLAGS] & CHROME:
            kept[index] = True
    for index in range(n):
        if blocks[index, N_WORDS] == 0:
            before = index > 0 and kept[index - 1]
            behind = index + 1 < n and kept[index + 1]
            kept[index] = kept[index] or before or behind


# bool[n_nodes]: leaves of kept blocks and the elements around them.
@njit(cache=True, nogil=True)
def _keep(parent: Numbers, block: Numbers, kept: Flags) -> Flags:
    keep = np.zeros(len(block), np.bool_)
    for node in range(len(block) - 1, -1, -1):
        if block[node] >= 0 and kept[block[node]]:
            keep[node] = True
        if keep[node] and node:
            keep[parent[node]] = True
    return keep
