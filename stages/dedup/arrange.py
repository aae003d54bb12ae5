"""Where candidate pairs meet their texts.

Verification needs both texts of a pair in one place, and a candidate may have thousands of
partners. So candidates are lined up by connected component and number of shingles, and the line
is cut into blocks of at most 4 M shingles; a cell is a pair of blocks that some candidate pair
connects. A small component lies in one block and each of its texts travels once; the blocks of a
giant one connect only to near blocks, since near-duplicates are nearly equally long. A verifier
holds one cell: two blocks of 8-byte hashes, 64 MB, plus the longest document.

Cost: one task holds every distinct candidate pair, about 80 bytes each at the peak (25 M pairs in
2 GB); it takes about 1 s for a million pairs.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from stages.contract import Batches
from stages.dedup.arrays import Int64, emit, gather, numbers
from stages.dedup.candidates import PAIRS

BLOCK_SHINGLES = 1 << 22

ARRANGED = pa.schema(
    [
        pa.field("cell", pa.uint32()),
        pa.field("component", pa.int64()),
        pa.field("left", pa.int64()),
        pa.field("right", pa.int64()),
        pa.field("same_url", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class Arrange:
    """All distinct candidate pairs → each with its component and its cell, by cell."""

    block_shingles: int = BLOCK_SHINGLES

    schema: ClassVar[pa.Schema] = ARRANGED

    def __call__(self, batches: Batches) -> Batches:
        table = gather(batches, PAIRS)
        left, right = numbers(table, "left"), numbers(table, "right")
        nodes, index = np.unique(np.concatenate([left, right]), return_inverse=True)
        one, other = index[: len(left)], index[len(left) :]
        sizes = np.zeros(len(nodes), np.int64)
        sizes[one] = numbers(table, "left_shingles")
        sizes[other] = numbers(table, "right_shingles")
        component = connected_components(len(nodes), one, other)
        block = cut_into_blocks(component, sizes, self.block_shingles)
        first = np.minimum(block[one], block[other])
        second = np.maximum(block[one], block[other])
        _, cell = np.unique(first << 32 | second, return_inverse=True)
        order = np.argsort(cell, kind="stable")
        yield from emit(
            ARRANGED,
            {
                "cell": cell[order].astype(np.uint32),
                "component": component[one][order],
                "left": left[order],
                "right": right[order],
                "same_url": numbers(table, "same_url")[order],
            },
        )


def cut_into_blocks(component: Int64, sizes: Int64, block_shingles: int) -> Int64:
    """The block of each document: documents follow one another by component and size, a component
    starts a new block when it does not fit what is left, a larger one is cut."""
    order = np.lexsort((sizes, component))
    block = np.empty(len(order), np.int64)
    block[order] = _fill_blocks(component[order], sizes[order], block_shingles)
    return block


# one, other int64[pairs] -> int64[n_nodes]: the least node of each node's component. Replaces
# a recursive union-find; the test compares it with breadth-first search.
@njit(cache=True, nogil=True)
def connected_components(n_nodes: int, one: Int64, other: Int64) -> Int64:
    """Iterative union by least root, with path halving."""
    parent = np.arange(n_nodes)
    for pair in range(one.shape[0]):
        a = one[pair]
        b = other[pair]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        if a < b:
            parent[b] = a
        else:
            parent[a] = b
    for node in range(n_nodes):  # parents are never greater, so one pass in order suffices
        parent[node] = parent[parent[node]]
    return parent


# component, sizes int64[n], sorted by component -> block int64[n], ascending.
@njit(cache=True, nogil=True)
def _fill_blocks(component: Int64, sizes: Int64, block_shingles: int) -> npt.NDArray[np.int64]:
    n_nodes = component.shape[0]
    block = np.empty(n_nodes, np.int64)
    current = 0
    filled = 0
    start = 0
    while start < n_nodes:
        end = start
        total = 0
        while end < n_nodes and component[end] == component[start]:
            total += sizes[end]
            end += 1
        if filled > 0 and filled + total > block_shingles:
            current += 1
            filled = 0
        for node in range(start, end):
            if filled > 0 and filled + sizes[node] > block_shingles:
                current += 1
                filled = 0
            block[node] = current
            filled += sizes[node]
        start = end
    return block
