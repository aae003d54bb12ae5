"""What an ablation does with the documents of a run, shard by shard: samples, counts, cut rows."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from pipeline.ablation.heldout import Documents, sources_of
from schemas.identity import seeded_hash
from stages.ablation.training.data.tokenizer import TEXTS
from stages.contract import PARTITION, Batches
from stages.emit.placement import order_hash, partition_of
from stages.emit.samples import ORDER, TokenizeSamples

SAMPLE_DRAW = b"ablation-sample:"

COUNTS = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("documents", pa.int64(), nullable=False),
        pa.field("removed", pa.int64(), nullable=False),
    ]
)


@dataclass(frozen=True)
class SampleTexts:
    """A share of the documents' texts, to train a tokenizer on."""

    seed: int
    rate: float
    schema: ClassVar[pa.Schema] = TEXTS

    def __call__(self, batches: Batches) -> Batches:
        limit = int(self.rate * (1 << 64))
        for batch in batches:
            drawn = [
                seeded_hash(self.seed, SAMPLE_DRAW + doc_id) < limit
                for doc_id in batch.column("doc_id").to_pylist()
            ]
            yield batch.select(["text"]).filter(pa.array(drawn, pa.bool_()))


@dataclass(frozen=True)
class CountDocuments:
    """How many documents a variant has, and how many it lost to what is held out."""

    corpus: str
    excluded: Documents
    schema: ClassVar[pa.Schema] = COUNTS

    def __call__(self, batches: Batches) -> Batches:
        counts: dict[str, list[int]] = {}
        for batch in batches:
            removed = self.excluded.of(batch).to_pylist()
            for row, gone in zip(batch.to_pylist(), removed, strict=True):
                for source in sources_of(self.corpus, row):
                    counts.setdefault(source, [0, 0])[gone] += 1
        yield pa.RecordBatch.from_pylist(
            [
                {"source": source, "documents": kept, "removed": gone}
                for source, (kept, gone) in sorted(counts.items())
            ],
            schema=COUNTS,
        )


@dataclass(frozen=True)
class SelectSamples:
    """Samples of the documents alone, or of all others (`excluding`)."""

    tokenize: TokenizeSamples
    documents: Documents
    excluding: bool

    @property
    def schema(self) -> pa.Schema:
        return self.tokenize.schema

    def __call__(self, batches: Batches) -> Batches:
        return self.tokenize(self._selected(batches))

    def _selected(self, batches: Batches) -> Batches:
        for batch in batches:
            named = self.documents.of(batch)
            yield batch.filter(pc.invert(named) if self.excluding else named)


@dataclass(frozen=True)
class CutSamples:
    """Cuts samples longer than `max_tokens` into rows of their own, each with its own place in the
    order; 0 cuts nothing. The parts of a row are those that lie in it.

    A model that trains on 200,000 tokens would else spend them on a few dozen long files.
    """

    select: SelectSamples
    max_tokens: int

    @property
    def schema(self) -> pa.Schema:
        return self.select.schema

    def __call__(self, batches: Batches) -> Batches:
        for batch in self.select(batches):
            longest = pc.max(batch.column("n_tokens")).as_py() or 0
            yield self._cut(batch) if 0 < self.max_tokens < longest else batch

    def _cut(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        tokens = batch.column("tokens")
        rows = []
        for number, row in enumerate(batch.drop_columns(["tokens"]).to_pylist()):
            ids = tokens[number].values
            if row["n_tokens"] <= self.max_tokens:
                rows.append({**row, "tokens": ids})
                continue
            for start in range(0, row["n_tokens"], self.max_tokens):
                piece = ids.slice(start, self.max_tokens)
                rows.append({**row, **self._piece(row, start, len(piece)), "tokens": piece})
        lengths = np.array([row["n_tokens"] for row in rows], np.int64)
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)])).cast(pa.int32())
        ids = pa.concat_arrays([row.pop("tokens") for row in rows])
        columns = pa.RecordBatch.from_pylist(
            rows, schema=batch.schema.remove(batch.schema.get_field_index("tokens"))
        )
        laid_out = dict(zip(columns.schema.names, columns.columns, strict=True))
        laid_out["tokens"] = pa.ListArray.from_arrays(offsets, ids)
        return pa.RecordBatch.from_pydict(laid_out, schema=batch.schema)

    def _piece(self, row: dict[str, Any], start: int, n_tokens: int) -> dict[str, Any]:
        """What differs from the whole sample in the row of its tokens from `start` on."""
        identity = xxhash.xxh3_128_digest(row["sample_id"] + start.to_bytes(8, "big"))
        order = order_hash(self.select.tokenize.seed, identity)
        sets = self.select.tokenize.sets
        parts = []
        for part in row["parts"]:
            first = max(part["start"], start)
            last = min(part["start"] + part["n_tokens"], start + n_tokens)
            if first < last:
                parts.append({**part, "start": first - start, "n_tokens": last - first})
        return {
            PARTITION: partition_of(sets, row["source"], row["split"], order),
            ORDER: order,
            "sample_id": identity,
            "n_tokens": n_tokens,
            "parts": parts,
        }
