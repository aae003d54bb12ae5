"""Near-duplicates in a component of many documents.

Documents are taken in order of preference, and each is compared with the *kept* ones before it, for
nothing else can drop it (see `stages.dedup.near`). Those of earlier runs are kept in any case. A
cluster of a hundred thousand near-duplicates keeps one, so it costs a hundred thousand comparisons;
where many are kept, the index of `stages.dedup.prefixes` finds those that may be near. The outcome
is that of comparing all pairs.

A document is linked to one kept document, the most similar one, and has that link to itself: the
reducer that drops it needs no more of the component.

What remains quadratic is a component of many documents that are all kept although each shares
nearly as much with all others as the threshold asks (at 0.85, more than 0.74).

Cost: a task holds the shingles of one cell or one component, 8 bytes each (16 for a moment), and
about 6 bytes more a shingle at 0.85 for the index.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from stages.contract import Batches
from stages.dedup.arrays import Int64, are_earlier, emit, numbers
from stages.dedup.prefixes import (
    Counts,
    Float64,
    Index,
    SetArrays,
    count_shingles,
    empty_index,
    find_nearest,
    prefixes,
)
from stages.dedup.sets import EVIDENCE_MARGIN, VERIFIED, Sets, read_sets, verified_pairs


@dataclass(frozen=True)
class Sieve:
    """One cell of large components → for each document the kept one that it is most similar to, if
    that reaches `threshold` or nearly so."""

    ngram: int
    cjk: bool
    threshold: float

    schema: ClassVar[pa.Schema] = VERIFIED

    def __call__(self, batches: Batches) -> Batches:
        sets = read_sets(batches, self.ngram, self.cjk)
        nearest, similarity = sieve(sets, self.threshold)
        yield from emit(VERIFIED, links_to_kept(sets, sets.known, nearest, similarity))


def sieve(sets: Sets, threshold: float) -> tuple[Int64, Float64]:
    """For each set the kept one before it that is most similar, and how much; -1 and 0 if none is
    nearly so. It is kept unless that reaches the threshold."""
    return _sieve(sets, count_shingles(sets.hashes), threshold)[:2]


class Kept:
    """Documents that are kept, for others to be compared with."""

    def __init__(self, sets: Sets, threshold: float) -> None:
        self.sets = sets
        self._threshold = threshold
        self._counts = count_shingles(sets.hashes)
        *_, self._index = _sieve(sets, self._counts, threshold)

    def nearest(self, probed: Sets) -> tuple[Int64, Float64]:
        """As `sieve`, of the kept ones alone."""
        ends, keys = prefixes(
            probed.ends, probed.hashes, probed.components, self._counts, self._threshold
        )
        floor = _floor(self._threshold)
        return find_nearest(
            _arrays(probed),
            ends,
            keys,
            _arrays(self.sets),
            self._index,
            self._threshold,
            floor,
            False,
        )


def _sieve(sets: Sets, counts: Counts, threshold: float) -> tuple[Int64, Float64, Index]:
    ends, keys = prefixes(sets.ends, sets.hashes, sets.components, counts, threshold)
    index, arrays = empty_index(len(keys)), _arrays(sets)
    nearest, similarity = find_nearest(
        arrays, ends, keys, arrays, index, threshold, _floor(threshold), True
    )
    return nearest, similarity, index


def _arrays(sets: Sets) -> SetArrays:
    return SetArrays(sets.ends, sets.hashes, sets.components, are_earlier(sets.documents))


def _floor(threshold: float) -> float:
    return max(0.0, threshold - EVIDENCE_MARGIN)


def links_to_kept(
    probed: Sets, held: pa.Table, nearest: Int64, similarity: Float64
) -> dict[str, object]:
    """Columns of VERIFIED: each document that has one beside its kept document."""
    found = np.flatnonzero(nearest >= 0)
    columns = verified_pairs((held, nearest[found]), (probed.known, found), similarity[found])
    return columns | {"component": numbers(probed.known, "document")[found]}
