"""Where the texts of a component meet.

A component is small, large or huge:

- of up to `few` documents every pair is compared, whatever the threshold (`stages.dedup.verify`);
- a larger one is sieved: each document is compared with the kept ones alone, at the threshold
  (`stages.dedup.sieve`);
- one of more than `task_shingles` is sieved by several tasks (`stages.dedup.huge`).

Components of the first two kinds are packed into cells of at most `cell_shingles`, or one
component; a task holds one cell.

The numbers are those of `stages.dedup.limits`. A document counts as its shingles and
`DOCUMENT_SHINGLES`, for what else is held of it.

Cost: 24 bytes a linked document in scratch; a reducer holds 24 bytes a component, whose members
stream past it.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from stages.contract import Batches, Corpus, Parts
from stages.dedup.arrays import DOCUMENT, Int64, emit, gather, numbers, partitions_for
from stages.dedup.components import connect
from stages.dedup.limits import Limits
from stages.dedup.links import LinkBuckets, SpreadBands
from stages.kernels.routes import scatter

DOCUMENT_SHINGLES = 64

SMALL, LARGE, HUGE = 0, 1, 2

MEMBERSHIPS = pa.schema(
    [
        pa.field("component", pa.int64()),
        pa.field("document", pa.int64()),  # null in a sum over members …
        pa.field("n_members", pa.int64()),
        pa.field("n_shingles", pa.int64()),
        pa.field("root_shingles", pa.int64()),  # … which leaves out the component's root
    ]
)
ARRANGED = pa.schema(
    [
        pa.field("component", pa.int64()),
        DOCUMENT,
        pa.field("kind", pa.uint8()),
        pa.field("cell", pa.uint32()),  # among those of its kind
    ]
)


def find_components(
    corpus: Corpus,
    members: Parts,
    n_documents: int,
    spread: SpreadBands,
    link: LinkBuckets,
    limits: Limits,
) -> Parts:
    """Members → those that hang together with another, each with its kind and cell."""
    bands = corpus.shuffle("spread-bands", spread, source=members)
    links = corpus.reduce_partitions("link-buckets", link, bands, n_partitions=spread.n_partitions)
    stars = connect(corpus, links, partitions_for(n_documents, limits.link_documents))
    n_partitions = partitions_for(n_documents, limits.component_documents)
    sums = corpus.shuffle("sum-components", SumComponents(n_partitions), source=stars)
    listed = corpus.shuffle("list-members", ListMembers(n_partitions), source=stars)
    arrange = Arrange(n_partitions, limits.few, limits.cell_shingles, limits.task_shingles)
    return corpus.reduce_partitions("arrange", arrange, sums, listed, n_partitions=n_partitions)


@dataclass(frozen=True)
class SumComponents:
    """Stars → how many documents and shingles hang on each root in a batch, by component."""

    n_partitions: int

    schema: ClassVar[pa.Schema] = MEMBERSHIPS

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            order = np.argsort(numbers(batch, "root"), kind="stable")
            roots = numbers(batch, "root")[order]
            starts = np.flatnonzero(np.r_[True, roots[1:] != roots[:-1]])
            shingles, root_shingles = (
                numbers(batch, f"{end}_shingles")[order].astype(np.int64)
                for end in ("node", "root")
            )
            components = roots[starts]
            yield from emit(
                self.schema,
                {
                    "component": components,
                    "document": pa.nulls(len(starts), pa.int64()),
                    "n_members": np.diff(np.r_[starts, len(roots)]),
                    "n_shingles": np.add.reduceat(shingles, starts),
                    "root_shingles": root_shingles[starts],
                    "partition": scatter(components, self.n_partitions),
                },
            )


@dataclass(frozen=True)
class ListMembers:
    """Stars → every document but the roots, by component."""

    n_partitions: int

    schema: ClassVar[pa.Schema] = MEMBERSHIPS

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            nothing = pa.nulls(batch.num_rows, pa.int64())
            yield from emit(
                self.schema,
                {
                    "component": batch["root"],
                    "document": batch["node"],
                    "n_members": nothing,
                    "n_shingles": nothing,
                    "root_shingles": nothing,
                    "partition": scatter(numbers(batch, "root"), self.n_partitions),
                },
            )


@dataclass(frozen=True)
class Arrange:
    """The sums of a partition's components, then their members → each with its kind and cell."""

    n_partitions: int
    few: int
    cell_shingles: int
    task_shingles: int

    schema: ClassVar[pa.Schema] = ARRANGED

    def __call__(self, batches: Batches) -> Batches:
        sums: list[pa.RecordBatch] = []
        decided: tuple[Int64, Int64, Int64] | None = None
        for batch in batches:
            is_sum = batch["document"].is_null()
            sums.append(batch.filter(is_sum))
            members = batch.filter(pc.invert(is_sum))
            if members.num_rows == 0:
                continue
            if decided is None:
                decided = self._decide(sums)
                yield from _arranged(decided[0], *decided)
            components, kind, cell = decided
            of = numbers(members, "component")
            place = np.searchsorted(components, of)
            yield from _arranged(of, numbers(members, "document"), kind[place], cell[place])

    def _decide(self, sums: list[pa.RecordBatch]) -> tuple[Int64, Int64, Int64]:
        """Each component, ascending, with its kind and cell."""
        table = gather(sums, MEMBERSHIPS)
        components, first, place = np.unique(
            numbers(table, "component"), return_index=True, return_inverse=True
        )
        n_members = np.bincount(place, numbers(table, "n_members")).astype(np.int64) + 1
        n_shingles = np.bincount(place, numbers(table, "n_shingles")).astype(np.int64)
        n_shingles += numbers(table, "root_shingles")[first] + DOCUMENT_SHINGLES * n_members
        kind = np.where(n_members <= self.few, SMALL, LARGE)
        kind[n_shingles > self.task_shingles] = HUGE
        # Of a huge one the number of its cells: its documents are spread over them.
        cell = 2 + 2 * n_shingles // self.task_shingles
        # No two partitions may name one cell.
        partition = scatter(components[:1], self.n_partitions).astype(np.int64)
        for one in (SMALL, LARGE):
            chosen = kind == one
            filled = fill_cells(n_shingles[chosen], self.cell_shingles)
            cell[chosen] = filled * self.n_partitions + partition
        return components, kind, cell


def _arranged(components: Int64, documents: Int64, kind: Int64, cell: Int64) -> Batches:
    columns = {"component": components, "document": documents}
    cell = np.where(kind == HUGE, scatter(documents, 1 << 32) % np.maximum(cell, 1), cell)
    yield from emit(
        ARRANGED, columns | {"kind": kind.astype(np.uint8), "cell": cell.astype(np.uint32)}
    )


# sizes int64[n] -> int64[n]: ascending numbers of cells, each of which holds at most `cell_size` or
# one thing. The test compares it with that sentence.
@njit(cache=True, nogil=True)
def fill_cells(sizes: Int64, cell_size: int) -> Int64:
    """Next fit."""
    cells = np.empty(sizes.shape[0], np.int64)
    cell = np.int64(0)
    filled = np.int64(0)
    for place in range(sizes.shape[0]):
        if filled > 0 and filled + sizes[place] > cell_size:
            cell += 1
            filled = np.int64(0)
        cells[place] = cell
        filled += sizes[place]
    return cells
