"""The main content of a page: which nodes of its tree are kept, and why the others are not.

Blocks are scored by two small forests. The scores are read as probabilities, and those blocks are
kept that make the expected word F1 of the page largest: it is largest when a block is kept if its
probability is above half of that F1. Rules come after, for what must hold: hidden text goes, code
and formulas stay unless navigation holds them, pictures share their neighbours' fate.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.kernels.arrow import Bytes
from stages.kernels.compiling import Floats, Ints, entry, kernel, pointer
from stages.web.content.context import context
from stages.web.content.count import CODE_WORDS, FLAGS, N_COLUMNS, N_FORMULAS, N_WORDS
from stages.web.content.describe import describe
from stages.web.content.forest import Forest, Vector, learned_forests, probabilities
from stages.web.content.page import STAMP, Arrays, page_of
from stages.web.content.parts import BUTTON, DIALOG, FOOTER, HEADER, NAV, Numbers
from stages.web.content.scan import Scan, scan
from stages.web.content.together import Nodes, keep_together
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


def choose_with(tree: Tree, words: WordTable, first: Forest, second: Forest) -> Chosen:
    """The main content by other tables than those that are shipped."""
    page = page_of(tree, words)
    found = find_blocks(page)
    rows, larger, groups = describe(page, found)
    context(rows, probabilities(rows, first), found.blocks, tree.end, larger, groups)
    probability = probabilities(rows, second)
    kept, keep, threshold = _chosen(tree.nodes, found.block, found.blocks, probability)
    return Chosen(keep, found.block, kept, probability, threshold)


def find_blocks(page: Arrays) -> Scan:
    """The blocks that a page shows, or all if it shows next to nothing."""
    found = scan(page, False)
    if found.blocks[:, N_WORDS].sum() < FEW_WORDS:
        found = scan(page, True)
    return found


def keep_blocks(blocks: Numbers, probability: Vector) -> tuple[Flags, float]:
    """Those blocks that make the expected word F1 of the page largest, and what rules demand; and
    the threshold."""
    nothing = np.empty((5, 0), np.int32)
    kept, _, threshold = _chosen(nothing, nothing[0], blocks, probability)
    return kept, threshold


def keep_nodes(tree: Tree, found: Scan, probability: Vector) -> Flags:
    """The nodes that are kept where blocks have these probabilities."""
    return _chosen(tree.nodes, found.block, found.blocks, probability)[1]


def _chosen(
    nodes: Numbers, block: Numbers, blocks: Numbers, probability: Vector
) -> tuple[Flags, Flags, float]:
    """Kept blocks; leaves of kept blocks and the elements around them; the threshold."""
    kept, keep = np.zeros(len(blocks), np.bool_), np.zeros(len(block), np.bool_)
    flags, keeps = kept.view(np.uint8), keep.view(np.uint8)
    threshold: float = _keep(nodes, block, blocks, probability, flags, keeps)
    return kept, keep, threshold


def _compiled(stamp: int) -> Callable[..., float]:
    def keep_page(
        nodes: Numbers, of: Numbers, blocks: Numbers, probabilities: Vector, kept: Bytes,
        keeps: Bytes,
    ) -> float:  # fmt: skip
        n, rows = len(blocks) + (stamp & 0), pointer(blocks, 0)
        probability, is_kept = pointer(probabilities, 0), pointer(kept, 0)
        keep, block, n_nodes = pointer(keeps, 0), pointer(of, 0), nodes.shape[1]
        parent = pointer(nodes, n_nodes)
        tree = Nodes(
            n=n_nodes,
            tag=pointer(nodes, 0),
            end=pointer(nodes, 2 * n_nodes),
            first=pointer(nodes, 3 * n_nodes),
            last=pointer(nodes, 4 * n_nodes),
        )
        least = _best_threshold(n, rows, probability)
        for index in range(n):
            is_kept[index] = probability[index] > least
        _apply_rules(n, rows, probability, is_kept)
        keep_together(tree, block, is_kept)
        for node in range(len(of) - 1, -1, -1):
            if block[node] >= 0 and is_kept[block[node]]:
                keep[node] = True
            if keep[node] and node > 0:
                keep[parent[node]] = True
        return least

    return entry(keep_page)


@kernel
def _best_threshold(n: int, blocks: Ints, probability: Floats) -> float:
    """The probability above which keeping a block raises the expected word F1 of the page."""
    expected = 0.0
    for index in range(n):
        expected += blocks[N_COLUMNS * index + N_WORDS] * probability[index]
    score = 1.0
    for _ in range(10):
        right, words = 0.0, 0.0
        for index in range(n):
            if probability[index] > score / 2:
                right += blocks[N_COLUMNS * index + N_WORDS] * probability[index]
                words += blocks[N_COLUMNS * index + N_WORDS]
        total = expected + words
        better = 2 * right / (total if total > 1e-9 else 1e-9)
        if abs(better - score) < 1e-4:
            break
        score = better
    return score / 2


@kernel
def _apply_rules(n: int, blocks: Ints, probability: Floats, kept: Ints) -> None:
    for index in range(n):
        b = N_COLUMNS * index
        exact = 2 * blocks[b + CODE_WORDS] > blocks[b + N_WORDS] or blocks[b + N_FORMULAS] > 0
        if exact and probability[index] > SURE and not blocks[b + FLAGS] & CHROME:
            kept[index] = True
    for index in range(n):
        if blocks[N_COLUMNS * index + N_WORDS] == 0:
            before = index > 0 and kept[index - 1]
            behind = index + 1 < n and kept[index + 1]
            if before or behind:
                kept[index] = True


_keep = _compiled(STAMP)
