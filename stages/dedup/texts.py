"""How the texts that are compared come to those that compare them.

The task of a shard is told which of its texts are wanted, reads the row groups that have one, and
sends them on to the cells of their components. Repositories, whose texts are put together in no
shard (`stages.dedup.repositories`), route all of them to the task that knows which are wanted.

Cost: two copies of the linked documents' texts in scratch; of repositories, one more of all.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.contract import ROW, SHARD, Batches
from stages.dedup.arrays import (
    DOC_ID,
    DOCUMENT,
    RANK_HIGH,
    RANK_LOW,
    ROW_BITS,
    ROW_MASK,
    SHARD_MASK,
    Int64,
    document_numbers,
    emit,
    gather,
    numbers,
    runs_of,
)
from stages.dedup.preference import COLUMNS, ranks
from stages.dedup.twins import url_words

BATCH_BYTES = 1 << 24
"""Text in a batch on its way to a cell, or one document if that is longer."""

TEXTS = pa.schema(
    [
        pa.field("component", pa.int64()),  # null in a shard's own texts, as are …
        pa.field("kind", pa.uint8()),
        pa.field("cell", pa.uint32()),  # … these two
        DOCUMENT,
        DOC_ID,
        RANK_HIGH,
        RANK_LOW,
        pa.field("url", pa.uint64()),  # equal for captures of one URL, if these count
        pa.field("text", pa.large_string()),  # null in the rows that ask for a text
    ]
)
_REQUEST = ("component", "kind", "cell", "document")


@dataclass(frozen=True)
class AskForTexts:
    """Arranged documents → a request for each of one run, routed to the document's shard."""

    run: int = 0

    schema: ClassVar[pa.Schema] = TEXTS

    def __call__(self, batches: Batches) -> Batches:
        for whole in batches:
            batch = whole.filter(pa.array(runs_of(numbers(whole, "document")) == self.run))
            columns = {field.name: pa.nulls(batch.num_rows, field.type) for field in TEXTS}
            columns |= {name: batch[name] for name in _REQUEST}
            shards = (numbers(batch, "document") >> ROW_BITS & SHARD_MASK).astype(np.uint32)
            yield from emit(TEXTS, columns | {"partition": shards})


@dataclass(frozen=True)
class SendTexts:
    """Rows of a run with their texts → the same as TEXTS, routed to the task of their shard."""

    order: str
    by_url: bool
    run: int = 0

    schema: ClassVar[pa.Schema] = TEXTS

    def columns_read(self) -> tuple[str, ...]:
        """What the step asks for."""
        return (SHARD, ROW, *COLUMNS[self.order], *(("url",) if self.by_url else ()), "text")

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            if batch.num_rows == 0:
                continue
            high, low = ranks(batch, self.order, self.run)
            shards = numbers(batch, SHARD).astype(np.int64)
            rows = numbers(batch, ROW).astype(np.int64)
            documents = document_numbers(shards, rows, self.run)
            columns = {name: pa.nulls(batch.num_rows, TEXTS.field(name).type) for name in _REQUEST}
            yield from emit(
                self.schema,
                {
                    **columns,
                    "document": documents,
                    "doc_id": batch["doc_id"],
                    "rank_high": high,
                    "rank_low": low,
                    "url": url_words(batch, self.run)
                    if self.by_url
                    else documents.astype(np.uint64),
                    "text": batch["text"].cast(pa.large_string()),
                    "partition": shards.astype(np.uint32),
                },
            )


@dataclass(frozen=True)
class AnswerWithTexts:
    """The requests to one shard, then its texts → a text for each request."""

    schema: ClassVar[pa.Schema] = TEXTS

    def __call__(self, batches: Batches) -> Batches:
        asked: list[pa.RecordBatch] = []
        requests: pa.Table | None = None
        documents = np.zeros(0, np.int64)
        for batch in batches:
            is_text = batch["text"].is_valid()
            asked.append(batch.filter(pc.invert(is_text)))
            texts = batch.filter(is_text)
            if texts.num_rows == 0:
                continue
            if requests is None:
                requests = gather(asked, TEXTS).select(_REQUEST).sort_by("document")
                documents = numbers(requests, "document")
            yield from _answer(texts, requests, documents)


@dataclass(frozen=True)
class PickTexts:
    """The rows that were asked for of one shard → a text for each request."""

    send: SendTexts

    schema: ClassVar[pa.Schema] = TEXTS

    def rows(self, records: pa.Table) -> Int64:
        """Which these are."""
        rows: Int64 = numbers(records, "document") & ROW_MASK
        return rows

    def __call__(self, batches: Batches, records: pa.Table) -> Batches:
        requests = records.select(_REQUEST).sort_by("document").combine_chunks()
        documents = numbers(requests, "document")
        for texts in self.send(batches):
            yield from _answer(texts, requests, documents)


def _answer(texts: pa.RecordBatch, requests: pa.Table, documents: Int64) -> Batches:
    held = numbers(texts, "document")
    place = np.searchsorted(documents, held)
    found = place < len(documents)
    found[found] = documents[place[found]] == held[found]
    rows = np.flatnonzero(found)
    if len(rows) == 0:
        return
    lengths = pc.binary_length(texts["text"]).to_numpy(zero_copy_only=False)[rows]
    piece = np.cumsum(lengths) // BATCH_BYTES
    for start, end in pairwise([*np.flatnonzero(np.diff(piece, prepend=-1)), len(rows)]):
        first, length = int(rows[start]), int(end - start)
        follow_one_another = rows[end - 1] - first == length - 1
        answer = (
            texts.slice(first, length)
            if follow_one_another
            else texts.take(pa.array(rows[start:end]))
        )
        request = requests.take(pa.array(place[rows[start:end]]))
        columns = {name: answer[name] for name in TEXTS.names}
        yield from emit(TEXTS, columns | {name: request[name] for name in _REQUEST})


@dataclass(frozen=True)
class ToCells:
    """Texts → those of one kind of component, routed to their cells."""

    kind: int

    schema: ClassVar[pa.Schema] = TEXTS

    def __call__(self, batches: Batches) -> Batches:
        for whole in batches:
            chosen = pc.equal(whole["kind"], self.kind)
            if not chosen.true_count:
                continue
            batch = whole if chosen.true_count == len(chosen) else whole.filter(chosen)
            columns = {name: batch[name] for name in TEXTS.names}
            yield from emit(TEXTS, columns | {"partition": batch["cell"]})
