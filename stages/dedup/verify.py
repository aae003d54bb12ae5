"""The exact similarity of every candidate pair.

Texts travel once to each cell in which they have a pair (see `stages.dedup.arrange`): every shard
routes its texts to the task that knows which of them are wanted, and the wanted ones go on to
their cells. There they become sorted sets of 64-bit shingle hashes, and a pair costs one merge.

Cost: a copy of the living texts in scratch, and one of the candidates' texts; a verifier works at
200 MB/s of text and 400 million hashes a second of merging. The result is 100 bytes a pair.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from stages.contract import ROW, SHARD, Batches
from stages.dedup.arrays import (
    DOC_ID,
    DOCUMENT,
    RANK_HIGH,
    RANK_LOW,
    ROW_BITS,
    ROW_MASK,
    Int64,
    digest_array,
    digests,
    document_numbers,
    emit,
    gather,
    numbers,
)
from stages.dedup.preference import COLUMNS, ranks
from stages.errors import StageError
from stages.kernels.arrow import utf8_buffers
from stages.kernels.shingles import Hashes, distinct_shingles, jaccard

BATCH_BYTES = 1 << 24
"""Text in a batch on its way to a cell, or one document if that is longer."""

TEXTS = pa.schema(
    [
        pa.field("cell", pa.uint32()),  # null in a shard's own texts
        DOCUMENT,
        DOC_ID,
        RANK_HIGH,
        RANK_LOW,
        pa.field("text", pa.large_string()),  # null in the rows that ask for a text
    ]
)
CELLS = pa.schema(
    [
        pa.field("component", pa.int64()),  # the pairs of a cell come first …
        pa.field("left", pa.int64()),
        pa.field("right", pa.int64()),
        pa.field("same_url", pa.bool_()),
        *list(TEXTS)[1:],  # … then its texts; the other columns are null
    ]
)
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


@dataclass(frozen=True)
class AskForTexts:
    """Arranged pairs → (document, cell), routed to the document's shard."""

    schema: ClassVar[pa.Schema] = TEXTS

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            documents = np.concatenate([numbers(batch, "left"), numbers(batch, "right")])
            cells = np.tile(numbers(batch, "cell"), 2)
            order = np.lexsort((cells, documents))
            documents, cells = _without_repeats(documents[order], cells[order])
            columns = {
                "cell": cells,
                "document": documents,
                "partition": (documents >> ROW_BITS).astype(np.uint32),
            }
            yield from _with_nulls(self.schema, columns, len(documents))


@dataclass(frozen=True)
class SendTexts:
    """Shards → their texts, routed to the task of the shard."""

    order: str

    schema: ClassVar[pa.Schema] = TEXTS

    def columns_read(self) -> tuple[str, ...]:
        """What the step asks for."""
        return (SHARD, ROW, *COLUMNS[self.order], "text")

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            if batch.num_rows == 0:
                continue
            high, low = ranks(batch, self.order)
            shards = numbers(batch, SHARD).astype(np.int64)
            yield from emit(
                self.schema,
                {
                    "cell": pa.nulls(batch.num_rows, pa.uint32()),
                    "document": document_numbers(shards, numbers(batch, ROW).astype(np.int64)),
                    "doc_id": batch["doc_id"],
                    "rank_high": high,
                    "rank_low": low,
                    "text": batch["text"].cast(pa.large_string()),
                    "partition": shards.astype(np.uint32),
                },
            )


@dataclass(frozen=True)
class AnswerWithTexts:
    """The requests to one shard, then its texts → a text for each request."""

    schema: ClassVar[pa.Schema] = TEXTS

    def __call__(self, batches: Batches) -> Batches:
        requests: list[pa.RecordBatch] = []
        documents = cells = np.zeros(0, np.int64)
        sorted_yet = False
        for batch in batches:
            asked = batch["cell"].is_valid()
            requests.append(batch.filter(asked).select(["cell", "document"]))
            texts = batch.filter(pc.invert(asked))
            if texts.num_rows == 0:
                continue
            if not sorted_yet:
                documents, cells = _distinct_requests(requests)
                sorted_yet = True
            yield from self._answer(texts, documents, cells)

    def _answer(self, texts: pa.RecordBatch, documents: Int64, cells: Int64) -> Batches:
        held = numbers(texts, "document")
        first = np.searchsorted(documents, held, side="left")
        counts = np.searchsorted(documents, held, side="right") - first
        rows = np.repeat(np.arange(len(held)), counts)
        if len(rows) == 0:
            return
        within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        asked = pa.array(cells[first[rows] + within], pa.uint32())
        lengths = pc.binary_length(texts["text"]).to_numpy(zero_copy_only=False)[rows]
        piece = np.cumsum(lengths) // BATCH_BYTES
        for start, end in pairwise([*np.flatnonzero(np.diff(piece, prepend=-1)), len(rows)]):
            answer = texts.take(pa.array(rows[start:end]))
            columns = {name: answer[name] for name in TEXTS.names}
            yield from emit(TEXTS, columns | {"cell": asked[start:end]})


@dataclass(frozen=True)
class Verify:
    """One cell → the exact similarity of its pairs, the preferred document on the left."""

    ngram: int
    cjk: bool

    schema: ClassVar[pa.Schema] = VERIFIED

    def __call__(self, batches: Batches) -> Batches:
        pairs: list[pa.RecordBatch] = []
        known: list[pa.RecordBatch] = []
        shingles: list[Hashes] = []
        for batch in batches:
            is_pair = batch["left"].is_valid()
            pairs.append(batch.filter(is_pair).select(_PAIR.names))
            texts = batch.filter(pc.invert(is_pair))
            if texts.num_rows == 0:
                continue
            known.append(texts.select(_KNOWN.names))
            ends, hashes = distinct_shingles(*utf8_buffers(texts["text"]), self.ngram, self.cjk)
            for start, end in pairwise(ends.tolist()):
                shingles.append(np.sort(hashes[start:end]))
        if shingles:
            yield from _compare(gather(pairs, _PAIR), gather(known, _KNOWN), shingles)


_PAIR = pa.schema([CELLS.field(name) for name in ("component", "left", "right", "same_url")])
_KNOWN = pa.schema([DOCUMENT, DOC_ID, RANK_HIGH, RANK_LOW])


def _compare(pairs: pa.Table, known: pa.Table, shingles: list[Hashes]) -> Batches:
    documents = numbers(known, "document")
    by_document = np.argsort(documents)
    left, right = (
        _places(documents, by_document, numbers(pairs, name)) for name in ("left", "right")
    )
    doc_ids = digests(known, "doc_id")
    high, low = numbers(known, "rank_high"), numbers(known, "rank_low")
    preferred = np.empty(len(documents), np.int64)
    preferred[np.lexsort((doc_ids, low, high))] = np.arange(len(documents))
    swap = preferred[left] > preferred[right]
    left, right = np.where(swap, right, left), np.where(swap, left, right)
    ends = np.cumsum([0, *map(len, shingles)])
    similarity = pair_similarities(ends, np.concatenate(shingles), left, right)
    columns = {
        "component": pairs["component"],
        "similarity": similarity,
        "same_url": pairs["same_url"],
    }
    for side, rows in (("left", left), ("right", right)):
        columns[side] = documents[rows]
        columns[f"{side}_id"] = digest_array(doc_ids[rows])
        columns[f"{side}_high"] = high[rows]
        columns[f"{side}_low"] = low[rows]
    yield from emit(VERIFIED, columns)


def _places(documents: Int64, by_document: Int64, wanted: Int64) -> Int64:
    """The rows of `documents` (in ascending order through `by_document`) that hold `wanted`."""
    place = np.searchsorted(documents, wanted, sorter=by_document)
    rows = by_document[np.minimum(place, len(documents) - 1)]
    missing = wanted[documents[rows] != wanted]
    if len(missing):
        shard, row = int(missing[0]) >> ROW_BITS, int(missing[0]) & ROW_MASK
        raise StageError(
            f"dedup: the text of shard {shard}, row {row} did not reach the task that verifies"
            " its pairs; run the stage again without its scratch folder"
        )
    return rows


# ends int64[sets + 1], hashes uint64 (each set ascending), left and right int64[pairs] -> float64.
@njit(cache=True, nogil=True)
def pair_similarities(
    ends: Int64, hashes: Hashes, left: Int64, right: Int64
) -> npt.NDArray[np.float64]:
    """Exact Jaccard of each pair of sets."""
    similarity = np.empty(left.shape[0], np.float64)
    for pair in range(left.shape[0]):
        one, other = left[pair], right[pair]
        similarity[pair] = jaccard(
            hashes[ends[one] : ends[one + 1]], hashes[ends[other] : ends[other + 1]]
        )
    return similarity


def _distinct_requests(requests: list[pa.RecordBatch]) -> tuple[Int64, Int64]:
    table = pa.Table.from_batches(requests).combine_chunks()
    documents, cells = numbers(table, "document"), numbers(table, "cell").astype(np.int64)
    order = np.lexsort((cells, documents))
    return _without_repeats(documents[order], cells[order])


def _without_repeats(documents: Int64, cells: Int64) -> tuple[Int64, Int64]:
    first = np.ones(len(documents), np.bool_)
    first[1:] = (documents[1:] != documents[:-1]) | (cells[1:] != cells[:-1])
    return documents[first], cells[first]


def _with_nulls(schema: pa.Schema, columns: Mapping[str, Any], n_rows: int) -> Batches:
    nulls = {field.name: pa.nulls(n_rows, field.type) for field in schema}
    yield from emit(schema, nulls | dict(columns))
