"""Links between documents that share a band of their signatures, or the key of their URL.

A bucket (the documents with one band hash, or one key) says that its members may be near-duplicates
of one another. It is written down as a star: each member and the one with the least number, so a
bucket of a million costs a million links and not half a billion pairs. Who hangs together by links
is then compared exactly (`stages.dedup.components`, `verify`, `sieve`), whichever bands agreed.
Documents of earlier runs are not compared with one another, so a star has one of this run in it.

Jaccard is at most the smaller number of shingles over the larger. So a bucket in order of these
numbers falls apart where two that follow one another are further apart than the threshold: nobody
on one side is a near-duplicate of anybody on the other.

Cost: 20 bytes a band and document in scratch (500 bytes a document); a reducer holds one partition,
about 150 MB. Its links are a forest: fewer than documents that share anything, 25 bytes each.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.contract import Batches
from stages.dedup.arrays import DOCUMENT, are_earlier, digests, emit, gather, numbers
from stages.dedup.components import LINKS, begins_of, forest
from stages.kernels.routes import scatter

BANDS = pa.schema([pa.field("band", pa.uint64()), DOCUMENT, pa.field("n_shingles", pa.int32())])


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
                yield from self._spread(batch, batch["bands"].flatten().to_numpy())
            if self.by_url:
                keys = np.ascontiguousarray(digests(batch, "url_hash")).view(np.uint64)[::2]
                yield from self._spread(batch, keys)

    def _spread(self, batch: pa.RecordBatch, bands: npt.NDArray[np.uint64]) -> Batches:
        n_each = len(bands) // batch.num_rows
        sizes = np.minimum(numbers(batch, "n_shingles"), np.iinfo(np.int32).max)
        yield from emit(
            self.schema,
            {
                "band": bands,
                "document": np.repeat(numbers(batch, "document"), n_each),
                "n_shingles": np.repeat(sizes.astype(np.int32), n_each),
                "partition": scatter(bands, self.n_partitions),
            },
        )


@dataclass(frozen=True)
class LinkBuckets:
    """One partition of bands → links that connect whom its buckets connect."""

    threshold: float

    schema: ClassVar[pa.Schema] = LINKS

    def __call__(self, batches: Batches) -> Batches:
        table = gather(batches, BANDS)
        bands = numbers(table, "band")
        by_band = np.argsort(bands)
        ordered = bands[by_band]
        begins = begins_of(ordered)
        is_shared = ~(begins & np.r_[begins[1:], True][: len(bands)])
        shared = by_band[is_shared]
        sizes, documents = numbers(table, "n_shingles"), numbers(table, "document")
        # By band, then size: one sort of one number, as the sort of several keys takes thrice.
        bucket = np.cumsum(begins)[is_shared].astype(np.uint64)
        shared = shared[np.argsort(bucket << np.uint64(32) | sizes[shared].astype(np.uint64))]
        bands, sizes, documents = bands[shared], sizes[shared], documents[shared]
        if len(bands) == 0:
            return
        apart = (bands[1:] != bands[:-1]) | (sizes[:-1] / sizes[1:] < self.threshold)
        starts = np.flatnonzero(np.r_[True, apart])
        least = np.minimum.reduceat(documents, starts)
        star = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(bands)]))
        linked = (documents != least[star]) & ~are_earlier(least)[star]
        # The least one of a star has a row of its own there, so its size is known.
        rows = np.flatnonzero(documents == least[star])
        root_sizes = np.empty(len(starts), sizes.dtype)
        root_sizes[star[rows]] = sizes[rows]
        yield from forest(
            documents[linked], least[star][linked], sizes[linked], root_sizes[star][linked]
        )
