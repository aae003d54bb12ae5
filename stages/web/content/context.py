"""What the first forest said of a block's neighbours, containers and likes, for the second."""

import numpy as np
from numba import njit

from stages.web.content.count import ELEMENT, FIRST_NODE, N_WORDS
from stages.web.content.describe import N_CONTAINERS, N_FEATURES
from stages.web.content.forest import Matrix, Vector
from stages.web.content.parts import Numbers

NEIGHBOURS = 3
NEAR, FAR = 5, 15
"""Blocks to either side whose mean is taken."""


@njit(cache=True, nogil=True)
def context(
    rows: Matrix, said: Vector, blocks: Numbers, end: Numbers, larger: Numbers, groups: Numbers
) -> None:
    """Fills the columns of `rows` from N_FEATURES on. `blocks`, `end` (of nodes), `larger` and
    `groups`: see `scan`, `tree.build` and `describe`."""
    n = len(rows)
    words = np.zeros((n + 1, 2))
    likes = np.zeros((4 * n + 64, 2))
    for index in range(n):
        count = np.float64(blocks[index, N_WORDS])
        words[index + 1, 0] = words[index, 0] + count * said[index]
        words[index + 1, 1] = words[index, 1] + count
        likes[groups[index], 0] += count * said[index]
        likes[groups[index], 1] += count
    for index in range(n):
        row = rows[index]
        row[N_FEATURES] = said[index]
        at = N_FEATURES + 1
        for step in range(-NEIGHBOURS, NEIGHBOURS + 1):
            if step != 0:
                row[at] = said[index + step] if 0 <= index + step < n else 0
                at += 1
        element = blocks[index, ELEMENT]
        for _ in range(N_CONTAINERS):
            element = larger[element]
            row[at] = _mean(words, _first(blocks, element), _first(blocks, end[element]))
            at += 1
        row[at] = words[n, 0] / max(words[n, 1], 1)
        row[at + 1] = words[index, 0] / max(words[n, 0], 1e-9)
        row[at + 2] = likes[groups[index], 0] / max(likes[groups[index], 1], 1e-9)
        row[at + 3] = _mean(words, max(index - NEAR, 0), min(index + NEAR + 1, n))
        row[at + 4] = _mean(words, max(index - FAR, 0), min(index + FAR + 1, n))


# The mean by words of what was said of blocks [first, stop).
@njit(cache=True, nogil=True)
def _mean(words: Matrix, first: int, stop: int) -> float:
    return (words[stop, 0] - words[first, 0] + 0.001) / (words[stop, 1] - words[first, 1] + 0.01)


# The first block that begins at `node` or behind it.
@njit(cache=True, nogil=True)
def _first(blocks: Numbers, node: int) -> int:
    low, high = 0, len(blocks)
    while low < high:
        middle = (low + high) // 2
        if blocks[middle, FIRST_NODE] < node:
            low = middle + 1
        else:
            high = middle
    return low
