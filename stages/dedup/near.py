"""Which near-duplicate is dropped, and for whom.

Documents of a connected component are taken in order of preference. One is dropped if a verified
pair at the threshold or above links it to a document already *kept*, and it is written down as
the duplicate of the most similar of those (the preferred one on a tie); otherwise it is kept. So
in a chain A~B~C with A and C apart, B goes and C stays. The reason is `url` if the two are captures
of one URL (as `stages.kernels.urls.url_key` has it), else `near`.

Cost: 100 bytes a pair above the threshold in the reducer that holds its component.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from stages.contract import Batches
from stages.dedup.arrays import (
    DROPS,
    Int64,
    digest_array,
    digests,
    emit,
    gather,
    numbers,
    runs_of,
)
from stages.dedup.sets import VERIFIED
from stages.kernels.routes import scatter

EVIDENCE = pa.schema(
    [
        pa.field("left", pa.binary(16)),
        pa.field("right", pa.binary(16)),
        pa.field("similarity", pa.float64()),
        pa.field("accepted", pa.bool_()),
        pa.field("left_run", pa.string()),  # null: this one
    ]
)


@dataclass(frozen=True)
class KeepEvidence:
    """Verified pairs → the record of them, or of the share `rate`, drawn by identity."""

    threshold: float
    rate: float
    against: tuple[str, ...]

    schema: ClassVar[pa.Schema] = EVIDENCE

    def __call__(self, batches: Batches) -> Batches:
        names = pa.array([None, *self.against], pa.string())
        for batch in batches:
            similarity = batch["similarity"]
            record = pa.record_batch(
                [
                    batch["left_id"],
                    batch["right_id"],
                    similarity,
                    pc.greater_equal(similarity, self.threshold),
                    names.take(pa.array(runs_of(numbers(batch, "left")))),
                ],
                schema=EVIDENCE,
            )
            if self.rate < 1.0:
                words = [
                    np.ascontiguousarray(digests(record, side)).view(np.uint64)[::2]
                    for side in ("left", "right")
                ]
                drawn = scatter(words[0] ^ words[1], _DRAWS) < self.rate * _DRAWS
                record = record.filter(pa.array(drawn))
            yield record


_DRAWS = 1 << 24


@dataclass(frozen=True)
class DropNear:
    """Whole components → the documents dropped in them."""

    threshold: float

    schema: ClassVar[pa.Schema] = DROPS

    def __call__(self, batches: Batches) -> Batches:
        near = (
            batch.filter(pc.greater_equal(batch["similarity"], self.threshold)) for batch in batches
        )
        table = gather(near, VERIFIED)
        n_pairs = table.num_rows
        both = [
            np.concatenate([numbers(table, f"left{end}"), numbers(table, f"right{end}")])
            for end in ("_low", "_high", "")
        ]
        doc_ids = np.concatenate([digests(table, "left_id"), digests(table, "right_id")])
        order = np.lexsort((doc_ids, both[0], both[1]))
        documents, doc_ids = both[2][order], doc_ids[order]
        begins = np.ones(len(order), np.bool_)
        begins[1:] = documents[1:] != documents[:-1]
        node = np.empty(len(order), np.int64)
        node[order] = np.cumsum(begins) - 1
        documents, doc_ids = documents[begins], doc_ids[begins]
        similarity = numbers(table, "similarity")
        kept_for, best = drop_greedily(len(documents), node[:n_pairs], node[n_pairs:], similarity)
        dropped = np.flatnonzero(kept_for >= 0)
        same_url = _are_among(
            (dropped, kept_for[dropped]),
            (node[:n_pairs], node[n_pairs:]),
            numbers(table, "same_url"),
        )
        yield from emit(
            DROPS,
            {
                "document": documents[dropped],
                "root": documents[dropped],
                "reason": np.where(same_url, "url", "near"),
                "duplicate_of": digest_array(doc_ids[kept_for[dropped]]),
                "similarity": best[dropped],
                "run": runs_of(documents[kept_for[dropped]]),
            },
        )


def _are_among(
    pairs: tuple[Int64, Int64], known: tuple[Int64, Int64], chosen: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Whether each pair, in either order, is one of the chosen ones."""
    keys = np.minimum(*known)[chosen] << 32 | np.maximum(*known)[chosen]
    return np.isin(np.minimum(*pairs) << 32 | np.maximum(*pairs), keys)


# left, right int64[pairs]: ranks of documents, 0 the most preferred; similarity float64[pairs] ->
# kept_for int64[n] (-1 when kept), best float64[n]. The test compares it with the sentence above.
@njit(cache=True, nogil=True)
def drop_greedily(
    n_documents: int, left: Int64, right: Int64, similarity: npt.NDArray[np.float64]
) -> tuple[Int64, npt.NDArray[np.float64]]:
    """Decide documents in order of preference."""
    starts = np.zeros(n_documents + 1, np.int64)
    for pair in range(left.shape[0]):
        starts[max(left[pair], right[pair]) + 1] += 1
    starts = np.cumsum(starts)
    place = starts.copy()
    by_lesser = np.empty(left.shape[0], np.int64)
    for pair in range(left.shape[0]):
        lesser = max(left[pair], right[pair])
        by_lesser[place[lesser]] = pair
        place[lesser] += 1
    kept_for = np.full(n_documents, -1, np.int64)
    best = np.zeros(n_documents, np.float64)
    for document in range(n_documents):
        for slot in range(starts[document], starts[document + 1]):
            pair = by_lesser[slot]
            other = min(left[pair], right[pair])
            if kept_for[other] >= 0:
                continue
            nearer = similarity[pair] > best[document]
            preferred = similarity[pair] == best[document] and other < kept_for[document]
            if kept_for[document] < 0 or nearer or preferred:
                kept_for[document] = other
                best[document] = similarity[pair]
    return kept_for, best
