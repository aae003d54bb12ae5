"""Texts that arrived somewhere, as sets of shingle hashes side by side.

Cost: 8 bytes a shingle, 16 while they are put in order; 40 bytes a document.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from stages.dedup.arrays import (
    DOC_ID,
    DOCUMENT,
    RANK_HIGH,
    RANK_LOW,
    Int64,
    digest_array,
    digests,
    gather,
    numbers,
)
from stages.kernels.arrow import utf8_buffers
from stages.kernels.shingles import Hashes, distinct_shingles

VERIFIED = pa.schema(
    [
        pa.field("component", pa.int64()),
        pa.field("left", pa.int64()),
        pa.field("right", pa.int64()),
        pa.field("left_id", pa.binary(16)),
        pa.field("right_id", pa.binary(16)),
        pa.field("left_high", pa.uint64()),
        pa.field("left_low", pa.uint64()),
        pa.field("right_high", pa.uint64()),
        pa.field("right_low", pa.uint64()),
        pa.field("similarity", pa.float64()),
        pa.field("same_url", pa.bool_()),
    ]
)
"""Compared pairs, the preferred document on the left."""

EVIDENCE_MARGIN = 0.15
"""How far below the threshold a rejected pair may be and still be written down."""

_KNOWN = pa.schema(
    [
        pa.field("component", pa.int64()),
        DOCUMENT,
        DOC_ID,
        RANK_HIGH,
        RANK_LOW,
        pa.field("url", pa.uint64()),
    ]
)


@dataclass(frozen=True)
class Sets:
    """Documents by component and preference; set i is `hashes[ends[i]:ends[i + 1]]`, ascending."""

    known: pa.Table
    ends: Int64
    hashes: Hashes

    @property
    def components(self) -> Int64:
        """int64[n]."""
        component: Int64 = numbers(self.known, "component")
        return component

    @property
    def documents(self) -> Int64:
        """int64[n]."""
        document: Int64 = numbers(self.known, "document")
        return document


def read_sets(batches: Iterable[pa.RecordBatch], ngram: int, cjk: bool) -> Sets:
    """The sets of all texts of the batches (columns of `stages.dedup.texts.TEXTS`)."""
    known: list[pa.RecordBatch] = []
    pieces: list[Hashes] = []
    for batch in batches:
        known.append(batch.select(_KNOWN.names))
        ends, hashes = distinct_shingles(*utf8_buffers(batch["text"]), ngram, cjk)
        pieces += [np.sort(hashes[start:end]) for start, end in pairwise(ends.tolist())]
    table = gather(known, _KNOWN)
    keys = [numbers(table, name) for name in ("rank_low", "rank_high", "component")]
    order = np.lexsort((digests(table, "doc_id"), *keys))
    lengths = [len(pieces[row]) for row in order.tolist()]
    hashes = np.empty(sum(lengths), np.uint64)
    ends = np.cumsum([0, *lengths])
    for place, row in enumerate(order.tolist()):
        hashes[ends[place] : ends[place + 1]] = pieces[row]
    return Sets(table.take(pa.array(order)), ends, hashes)


def verified_pairs(
    left: tuple[pa.Table, Int64], right: tuple[pa.Table, Int64], similarity: npt.NDArray[np.float64]
) -> dict[str, object]:
    """The columns of VERIFIED for rows of two tables of what is known; all but the component."""
    columns: dict[str, object] = {"similarity": similarity}
    urls = []
    for side, (known, rows) in (("left", left), ("right", right)):
        columns[side] = numbers(known, "document")[rows]
        columns[f"{side}_id"] = digest_array(digests(known, "doc_id")[rows])
        columns[f"{side}_high"] = numbers(known, "rank_high")[rows]
        columns[f"{side}_low"] = numbers(known, "rank_low")[rows]
        urls.append(numbers(known, "url")[rows])
    return columns | {"same_url": urls[0] == urls[1]}


# two ascending uint64 arrays of distinct values -> float64. Replaces len(a & b) / len(a | b) where
# that is at least `floor`; the test compares them.
@njit(cache=True, nogil=True)
def similarity_from(left: Hashes, right: Hashes, floor: float) -> float:
    """Exact Jaccard similarity, or -1 as soon as it must be below `floor`."""
    n_left = left.shape[0]
    n_right = right.shape[0]
    needed = floor / (1.0 + floor) * (n_left + n_right) - 1e-6
    spare_left = n_left - needed
    spare_right = n_right - needed
    shared = 0
    i = 0
    j = 0
    while i < n_left and j < n_right:
        a = left[i]
        b = right[j]
        if a == b:
            shared += 1
            i += 1
            j += 1
        elif a < b:
            i += 1
            if i - shared > spare_left:
                return -1.0
        else:
            j += 1
            if j - shared > spare_right:
                return -1.0
    union = n_left + n_right - shared
    similarity = shared / union if union else 1.0
    return similarity if similarity >= floor else -1.0
