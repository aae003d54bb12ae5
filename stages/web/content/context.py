"""What the first forest said of a block's neighbours, containers and likes, for the second."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.kernels.compiling import Floats, Ints, entry, int64, kernel, pointer
from stages.web.content.count import ELEMENT, FIRST_NODE, N_COLUMNS, N_WORDS
from stages.web.content.describe import N_ALL, N_CONTAINERS, N_FEATURES
from stages.web.content.forest import Matrix, Vector
from stages.web.content.page import STAMP
from stages.web.content.parts import Numbers

NEIGHBOURS = 3
NEAR, FAR = 5, 15
"""Blocks to either side whose mean is taken."""

Sums = npt.NDArray[np.float64]


class Said(NamedTuple):
    """Blocks, and two sums of words (times what was said, and by themselves): of all before a
    block, and of those that are alike. As pointers."""

    n: int
    rows: Floats
    said: Floats
    blocks: Ints
    words: Floats
    likes: Floats


def context(
    rows: Matrix, said: Vector, blocks: Numbers, end: Numbers, larger: Numbers, groups: Numbers
) -> None:
    """Fills the columns of `rows` from N_FEATURES on. `blocks`, `end` (of nodes), `larger` and
    `groups`: see `scan`, `tree.build` and `describe`."""
    n = len(rows)
    words, likes = np.zeros((n + 1, 2)), np.zeros((4 * n + 64, 2))
    _fill(rows, said, blocks, end, larger, groups, words, likes)


def _compiled(stamp: int) -> Callable[..., None]:
    def fill(
        rows: Matrix, said: Vector, blocks: Numbers, end: Numbers, larger: Numbers, groups: Numbers,
        words: Sums, likes: Sums,
    ) -> None:  # fmt: skip
        s = Said(
            n=len(rows) + (stamp & 0),
            rows=pointer(rows, 0),
            said=pointer(said, 0),
            blocks=pointer(blocks, 0),
            words=pointer(words, 0),
            likes=pointer(likes, 0),
        )
        groups_, end_, larger_ = pointer(groups, 0), pointer(end, 0), pointer(larger, 0)
        _sum_up(s, groups_)
        for index in range(s.n):
            _fill_row(s, index, end_, larger_, 2 * groups_[index])

    return entry(fill)


@kernel
def _sum_up(s: Said, groups: Ints) -> None:
    for index in range(s.n):
        count = np.float64(s.blocks[N_COLUMNS * index + N_WORDS])
        kept = count * s.said[index]
        s.words[2 * index + 2] = s.words[2 * index] + kept
        s.words[2 * index + 3] = s.words[2 * index + 1] + count
        s.likes[2 * groups[index]] += kept
        s.likes[2 * groups[index] + 1] += count


@kernel
def _fill_row(s: Said, index: int, end: Ints, larger: Ints, like: int) -> None:
    at = N_ALL * index + N_FEATURES
    s.rows[at] = s.said[index]
    at += 1
    for other in range(index - NEIGHBOURS, index + NEIGHBOURS + 1):
        if other != index:
            s.rows[at] = s.said[other] if 0 <= other < s.n else 0
            at += 1
    element = int64(s.blocks[N_COLUMNS * index + ELEMENT])
    for _ in range(N_CONTAINERS):
        element = int64(larger[element])
        s.rows[at] = _mean(s, _first(s, element), _first(s, int64(end[element])))
        at += 1
    kept, count = s.words[2 * s.n], s.words[2 * s.n + 1]
    s.rows[at] = kept / (count if count > 1 else 1.0)
    s.rows[at + 1] = s.words[2 * index] / (kept if kept > 1e-9 else 1e-9)
    count = s.likes[like + 1]
    s.rows[at + 2] = s.likes[like] / (count if count > 1e-9 else 1e-9)
    s.rows[at + 3] = _mean(s, index - NEAR, index + NEAR + 1)
    s.rows[at + 4] = _mean(s, index - FAR, index + FAR + 1)


@kernel
def _mean(s: Said, first: int, stop: int) -> float:
    """The mean by words of what was said of blocks [first, stop), as far as there are any."""
    low = 2 * (first if first > 0 else 0)
    high = 2 * (stop if stop < s.n else s.n)
    return (s.words[high] - s.words[low] + 0.001) / (s.words[high + 1] - s.words[low + 1] + 0.01)


@kernel
def _first(s: Said, node: int) -> int:
    """The first block that begins at `node` or behind it."""
    low, high = 0, s.n
    while low < high:
        middle = (low + high) // 2
        if s.blocks[N_COLUMNS * middle + FIRST_NODE] < node:
            low = middle + 1
        else:
            high = middle
    return low


_fill = _compiled(STAMP)
