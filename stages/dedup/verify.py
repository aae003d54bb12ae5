"""The exact similarity of all pairs of a small component.

What is verified down to 0.85 serves every threshold from there to 1.

Cost: a verifier holds one cell (64 MB of hashes, twice for a moment) and at most 16 pairs a
document; it works at 200 MB/s of text and 400 million hashes a second of merging. The result is 100
bytes a pair.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from stages.contract import Batches
from stages.dedup.arrays import Int64, are_earlier, emit
from stages.dedup.sets import (
    EVIDENCE_MARGIN,
    VERIFIED,
    read_sets,
    similarity_from,
    verified_pairs,
)
from stages.kernels.shingles import Hashes


@dataclass(frozen=True)
class Verify:
    """One cell of small components → the pairs that are similar to at least `threshold`, and those
    that are nearly so."""

    ngram: int
    cjk: bool
    threshold: float

    schema: ClassVar[pa.Schema] = VERIFIED

    def __call__(self, batches: Batches) -> Batches:
        sets = read_sets(batches, self.ngram, self.cjk)
        components = sets.components
        if len(components) == 0:
            return
        starts = np.flatnonzero(np.r_[True, components[1:] != components[:-1], True])
        n_members = np.diff(starts)
        n_pairs = int(np.sum(n_members * (n_members - 1) // 2))
        floor = max(0.0, self.threshold - EVIDENCE_MARGIN)
        left, right, similarity = compare_all(starts, sets.ends, sets.hashes, floor, n_pairs)
        # The left one is preferred: where the right one is of an earlier run, both are.
        own = ~are_earlier(sets.documents)[right]
        left, right, similarity = left[own], right[own], similarity[own]
        columns = verified_pairs((sets.known, left), (sets.known, right), similarity)
        yield from emit(VERIFIED, columns | {"component": components[left]})


# starts int64[components + 1]: which sets are whose; ends int64[sets + 1], hashes uint64 ->
# left, right int64[pairs], similarity float64[pairs]. The test compares it with brute force.
@njit(cache=True, nogil=True)
def compare_all(
    starts: Int64, ends: Int64, hashes: Hashes, floor: float, n_pairs: int
) -> tuple[Int64, Int64, npt.NDArray[np.float64]]:
    """The pairs of one component each that are similar to `floor` or more; `n_pairs` is how many
    there are in all."""
    left = np.empty(n_pairs, np.int64)
    right = np.empty(n_pairs, np.int64)
    similarity = np.empty(n_pairs, np.float64)
    count = 0
    for component in range(starts.shape[0] - 1):
        for one in range(starts[component], starts[component + 1]):
            for other in range(one + 1, starts[component + 1]):
                found = similarity_from(
                    hashes[ends[one] : ends[one + 1]], hashes[ends[other] : ends[other + 1]], floor
                )
                if found >= 0:
                    left[count] = one
                    right[count] = other
                    similarity[count] = found
                    count += 1
    return left[:count], right[:count], similarity[:count]
