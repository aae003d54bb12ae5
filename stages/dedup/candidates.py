"""Candidate pairs: documents that share a band of their signatures, or the key of their URL.

Inside a bucket (the documents with one band hash, or one key) of up to 512 members every pair is a
candidate. A larger bucket would be quadratic: there each member is paired with the most preferred
ones, which are the likeliest survivors (128 Ki pairs a bucket, but never fewer than 32 of them: 128
in a bucket of 1,024, 32 from 4,096 on), and with the 16 before it by number of shingles, since
near-duplicates are nearly equally long. Two near-duplicates that only ever meet in such buckets,
without one being among the preferred or near in length, are missed; pairs that the rule skips in
one bucket usually meet in another of the 25.

A pair whose shingle counts alone bound the similarity below the threshold is dropped here, with
certainty and without reading a text.

Cost: 36 bytes a band and document in scratch (900 bytes a document), 24 bytes a pair.
"""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from stages.contract import Batches
from stages.dedup.arrays import (
    DOCUMENT,
    RANK_HIGH,
    RANK_LOW,
    Int64,
    digests,
    emit,
    gather,
    numbers,
)
from stages.kernels.routes import scatter

FULL_BUCKET = 512
BUCKET_PAIRS = 1 << 17
MIN_HUBS = 32
NEIGHBOURS = 16

BAND_ROWS = 1 << 21
"""Rows of bands, and of pairs, that a reducer holds at a time: 75 MB."""

Int32: TypeAlias = npt.NDArray[np.int32]

BANDS = pa.schema(
    [
        pa.field("band", pa.uint64()),
        DOCUMENT,
        pa.field("n_shingles", pa.int32()),
        RANK_HIGH,
        RANK_LOW,
        pa.field("same_url", pa.bool_()),  # whether the band is the key of a URL
    ]
)
PAIRS = pa.schema(
    [
        pa.field("left", pa.int64()),
        pa.field("right", pa.int64()),
        pa.field("left_shingles", pa.int32()),
        pa.field("right_shingles", pa.int32()),
        pa.field("same_url", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class SpreadBands:
    """Members → a row for each band of each living document, and one for the key of its URL, routed
    by band hash. `near` and `by_url` say which of them count."""

    n_partitions: int
    near: bool
    by_url: bool

    schema: ClassVar[pa.Schema] = BANDS

    def __call__(self, batches: Batches) -> Batches:
        for whole in batches:
            batch = whole.filter(whole["reason"].is_null())
            if batch.num_rows == 0:
                continue
            if self.near:
                yield from self._spread(batch, batch["bands"].flatten().to_numpy(), same_url=False)
            if self.by_url:
                keys = np.ascontiguousarray(digests(batch, "url_hash")).view(np.uint64)[::2]
                yield from self._spread(batch, keys, same_url=True)

    def _spread(
        self, batch: pa.RecordBatch, bands: npt.NDArray[np.uint64], *, same_url: bool
    ) -> Batches:
        n_each = len(bands) // batch.num_rows
        sizes = np.minimum(numbers(batch, "n_shingles"), np.iinfo(np.int32).max)
        yield from emit(
            self.schema,
            {
                "band": bands,
                "document": np.repeat(numbers(batch, "document"), n_each),
                "n_shingles": np.repeat(sizes.astype(np.int32), n_each),
                "rank_high": np.repeat(numbers(batch, "rank_high"), n_each),
                "rank_low": np.repeat(numbers(batch, "rank_low"), n_each),
                "same_url": np.full(len(bands), same_url),
                "partition": scatter(bands, self.n_partitions),
            },
        )


@dataclass(frozen=True)
class PairBuckets:
    """One partition of bands → candidate pairs, a pair once for each bucket it meets in."""

    threshold: float

    schema: ClassVar[pa.Schema] = PAIRS

    def __call__(self, batches: Batches) -> Batches:
        table = gather(batches, BANDS)
        bands = numbers(table, "band")
        order = np.lexsort((numbers(table, "rank_low"), numbers(table, "rank_high"), bands))
        bands, same_url = bands[order], numbers(table, "same_url")[order]
        documents = numbers(table, "document")[order]
        sizes = numbers(table, "n_shingles")[order]
        starts = np.flatnonzero(np.r_[True, bands[1:] != bands[:-1], True][: len(bands) + 1])
        left, right = pair_buckets(starts.astype(np.int64), sizes, self.threshold)
        swap = documents[left] > documents[right]
        left, right = np.where(swap, right, left), np.where(swap, left, right)
        yield from emit(
            PAIRS,
            {
                "left": documents[left],
                "right": documents[right],
                "left_shingles": sizes[left],
                "right_shingles": sizes[right],
                "same_url": same_url[left] & same_url[right],
            },
        )


@dataclass(frozen=True)
class DistinctPairs:
    """One partition of candidate pairs → each once, in order."""

    schema: ClassVar[pa.Schema] = PAIRS

    def __call__(self, batches: Batches) -> Batches:
        table = gather(batches, PAIRS)
        left, right = numbers(table, "left"), numbers(table, "right")
        # Of the buckets that a pair meets in, a URL's comes first.
        order = np.lexsort((~numbers(table, "same_url"), right, left))
        left, right = left[order], right[order]
        first = np.ones(len(order), np.bool_)
        first[1:] = (left[1:] != left[:-1]) | (right[1:] != right[:-1])
        kept = pa.array(order[first])
        yield from table.take(kept).combine_chunks().to_batches(max_chunksize=BAND_ROWS)


def pair_buckets(starts: Int64, sizes: Int32, threshold: float) -> tuple[Int64, Int64]:
    """Pairs of row numbers of the bands table, which is sorted by band and preference: bucket i
    is `starts[i]:starts[i + 1]`."""
    by_size = _full_buckets_by_size(starts, sizes)
    n_pairs = _count_or_write(starts, sizes, by_size, threshold, _NOTHING, _NOTHING)
    left, right = np.empty(n_pairs, np.int64), np.empty(n_pairs, np.int64)
    _count_or_write(starts, sizes, by_size, threshold, left, right)
    return left, right


def _full_buckets_by_size(starts: Int64, sizes: Int32) -> Int64:
    """The row numbers of the buckets that hold too much for every pair, each from its smallest set
    to its largest; other buckets' places hold nothing. Sorted here: there are few such buckets,
    and Numba takes seconds to compile a stable sort."""
    full = np.flatnonzero(np.diff(starts) > FULL_BUCKET).tolist()
    by_size = np.zeros(len(sizes) if full else 0, np.int64)
    for bucket in full:
        rows = slice(int(starts[bucket]), int(starts[bucket + 1]))
        by_size[rows] = rows.start + np.argsort(sizes[rows], kind="stable")
    return by_size


_NOTHING = np.empty(0, np.int64)


# starts int64[buckets + 1], sizes int32[rows], by_size of `_full_buckets_by_size` -> number of
# pairs; they are written when left and right (int64) have room.
# tests/stages/dedup/test_steps.py compares it with the plain rule.
@njit(cache=True, nogil=True)
def _count_or_write(
    starts: Int64, sizes: Int32, by_size: Int64, threshold: float, left: Int64, right: Int64
) -> int:
    count = 0
    for bucket in range(starts.shape[0] - 1):
        start = starts[bucket]
        end = starts[bucket + 1]
        size = end - start
        hubs = size if size <= FULL_BUCKET else max(MIN_HUBS, BUCKET_PAIRS // size)
        for member in range(start + 1, end):
            for hub in range(start, min(member, start + hubs)):
                if _may_reach(sizes[hub], sizes[member], threshold):
                    if count < left.shape[0]:
                        left[count] = hub
                        right[count] = member
                    count += 1
        if size <= FULL_BUCKET:
            continue
        for place in range(1, size):
            for before in range(max(0, place - NEIGHBOURS), place):
                one = by_size[start + before]
                other = by_size[start + place]
                hub_pair = min(one, other) < start + hubs
                if not hub_pair and _may_reach(sizes[one], sizes[other], threshold):
                    if count < left.shape[0]:
                        left[count] = one
                        right[count] = other
                    count += 1
    return count


@njit(cache=True, nogil=True)
def _may_reach(one: int, other: int, threshold: float) -> bool:
    """Jaccard is at most the smaller size over the larger."""
    return min(one, other) / max(one, other) >= threshold
