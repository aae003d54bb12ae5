"""Which documents hang together by links, found without any task that holds them all.

Links are contracted to stars in rounds (Kiveris, Lattanzi, Mirrokni, Rastogi, Vassilvitskii,
"Connected components in MapReduce and beyond", 2014). In a round every document first hands its
larger neighbours to the least document it knows (large star), then, sorted to the larger end of
each link, whatever meets in a partition is joined to its least member (small star, and a union-find
over the partition besides). When a round finds nothing but stars, a component is its least number.

A document has a link for each partition of bands that linked it, twelve or so in a large corpus. A
small star goes before the rounds, so that these travel once, in one direction, and rounds turn
about one link a document.

Two rounds are common; a chain of n documents takes about log2(n). Up to `Limits.link_documents`
documents one task contracts all in one step.

Cost: 25 bytes a link and step in scratch; there are as many links as documents that are linked,
except at first (up to one for each band). A reducer holds about 100 bytes a link.
"""

from dataclasses import dataclass
from itertools import count
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from stages.contract import Batches, Corpus, Parts
from stages.dedup.arrays import Int64, emit, gather, numbers
from stages.kernels.routes import ByHash, Route, scatter

Int32 = npt.NDArray[np.int32]

LINKS = pa.schema(
    [
        pa.field("node", pa.int64()),
        pa.field("root", pa.int64()),  # less than node
        pa.field("node_shingles", pa.int32()),
        pa.field("root_shingles", pa.int32()),
        pa.field("open", pa.bool_()),  # whether what it was made of was no star
    ]
)


def connect(corpus: Corpus, links: Parts, n_partitions: int) -> Parts:
    """Links → stars of the same components, each document that is no root once."""
    by_node = Route(LINKS, ByHash(("node",), n_partitions))
    routed = corpus.shuffle("route-links", by_node, source=links)
    links = corpus.reduce_partitions("join-links", SmallStar(), routed, n_partitions=n_partitions)
    if n_partitions == 1:
        return links
    for number in count(1):
        place = f"contraction-{number}"
        turned = corpus.shuffle(f"{place}/turn-links", TurnLinks(n_partitions), source=links)
        larger = corpus.reduce_partitions(
            f"{place}/join-larger", LargeStar(), turned, n_partitions=n_partitions
        )
        routed = corpus.shuffle(f"{place}/route-links", by_node, source=larger)
        links = corpus.reduce_partitions(
            f"{place}/join-smaller", SmallStar(), routed, n_partitions=n_partitions
        )
        if not corpus.shuffle(f"{place}/open-links", OpenLinks(), source=links).sizes():
            break
    return links


@dataclass(frozen=True)
class TurnLinks:
    """Links → each in both directions, routed by what stands in `node`."""

    n_partitions: int

    schema: ClassVar[pa.Schema] = LINKS

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            for here, there in (("node", "root"), ("root", "node")):
                yield from emit(
                    LINKS,
                    {
                        "node": batch[here],
                        "root": batch[there],
                        "node_shingles": batch[f"{here}_shingles"],
                        "root_shingles": batch[f"{there}_shingles"],
                        "open": batch["open"],
                        "partition": scatter(numbers(batch, here), self.n_partitions),
                    },
                )


@dataclass(frozen=True)
class LargeStar:
    """Documents with all their neighbours → links from the larger ones to the least of all."""

    schema: ClassVar[pa.Schema] = LINKS

    def __call__(self, batches: Batches) -> Batches:
        table = gather(batches, LINKS)
        here, there = numbers(table, "node"), numbers(table, "root")
        if len(here) == 0:
            return
        order = np.lexsort((there, here))
        here, there = here[order], there[order]
        here_sizes = numbers(table, "node_shingles")[order]
        there_sizes = numbers(table, "root_shingles")[order]
        starts = np.flatnonzero(np.r_[True, here[1:] != here[:-1]])
        group = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(here)]))
        has_less = there[starts] < here[starts]
        least = np.where(has_less, there[starts], here[starts])[group]
        least_sizes = np.where(has_less, there_sizes[starts], here_sizes[starts])[group]
        larger = there > here
        # Whoever has both lesser and larger neighbours is in the middle of something.
        yield from emit(
            LINKS,
            {
                "node": there[larger],
                "root": least[larger],
                "node_shingles": there_sizes[larger],
                "root_shingles": least_sizes[larger],
                "open": has_less[group][larger],
            },
        )


@dataclass(frozen=True)
class SmallStar:
    """Links, sorted to their larger ends → a star for all that meet in the partition."""

    schema: ClassVar[pa.Schema] = LINKS

    def __call__(self, batches: Batches) -> Batches:
        table = gather(batches, LINKS)
        columns = [numbers(table, name) for name in LINKS.names[:4]]
        nodes, roots = columns[0], columns[1]
        order = np.argsort(nodes)
        nodes_in_order, roots_in_order = nodes[order], roots[order]
        twice = (nodes_in_order[1:] == nodes_in_order[:-1]) & (
            roots_in_order[1:] != roots_in_order[:-1]
        )
        is_open = bool(twice.any()) or bool(numbers(table, "open").any())
        yield from forest(*columns, is_open=is_open)


@dataclass(frozen=True)
class OpenLinks:
    """Links → the first of each part that says that the contraction goes on."""

    schema: ClassVar[pa.Schema] = LINKS

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            if numbers(batch, "open").any():
                columns: dict[str, Any] = {name: batch[name][:1] for name in LINKS.names}
                yield from emit(LINKS, columns | {"partition": np.zeros(1, np.uint32)})
                return


def forest(
    nodes: Int64, roots: Int64, node_sizes: Int32, root_sizes: Int32, *, is_open: bool = False
) -> Batches:
    """Links of the same components: from each document to the least that it reaches."""
    ends = np.concatenate([nodes, roots])
    order = np.argsort(ends)  # as `np.unique` would, but not by its stable sort, which takes thrice
    begins = begins_of(ends[order])
    place = np.empty(len(ends), np.int64)
    place[order] = np.cumsum(begins) - 1
    first = order[begins]
    documents, sizes = ends[first], np.concatenate([node_sizes, root_sizes])[first]
    component = connected_components(len(documents), place[: len(nodes)], place[len(nodes) :])
    others = np.flatnonzero(component != np.arange(len(documents)))
    yield from emit(
        LINKS,
        {
            "node": documents[others],
            "root": documents[component[others]],
            "node_shingles": sizes[others],
            "root_shingles": sizes[component[others]],
            "open": np.full(len(others), is_open),
        },
    )


def begins_of(ascending: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Where a value stands for the first time."""
    begins = np.ones(len(ascending), np.bool_)
    begins[1:] = ascending[1:] != ascending[:-1]
    return begins


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
