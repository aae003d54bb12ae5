"""What an ablation does with the documents of a run, shard by shard.

Held out are whole dedup clusters: a document that the chain kept is the name of its cluster, and
every document that repeats it carries that name, whether dedup dropped it or not. So one set of
identities decides, row by row, what must not be trained on.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from schemas.columns import DOC_ID
from schemas.identity import seeded_hash
from schemas.shards import web_set
from stages.ablation.training.data.tokenizer import TEXTS
from stages.contract import PARTITION, Artefact, Batches
from stages.emit.placement import github_sets, order_hash, partition_of
from stages.emit.samples import ORDER, TokenizeSamples

HELDOUT_DRAW, SAMPLE_DRAW = b"ablation-heldout:", b"ablation-sample:"

CANDIDATES = pa.schema(
    [
        pa.field("doc_id", DOC_ID, nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("language", pa.string()),
        pa.field("n_bytes", pa.int64(), nullable=False),
        pa.field("order", pa.uint64(), nullable=False),
    ]
)
COUNTS = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("documents", pa.int64(), nullable=False),
        pa.field("removed", pa.int64(), nullable=False),
    ]
)


def sources_of(corpus: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    """The shard sets of a document, from `kind`, `recalled` and `target` where they are known;
    `code-quality`, which holds second copies, comes last."""
    if corpus == "github":
        return github_sets(row["kind"], row.get("recalled"))
    return (web_set(row.get("target")),)


@dataclass(frozen=True)
class DrawHeldout:
    """Of the documents that the whole chain keeps: those that may be held out.

    None with a redacted span, which one variant has replaced and the other has not.
    """

    corpus: str
    seed: int
    rate: float
    document_bytes: int
    schema: ClassVar[pa.Schema] = CANDIDATES

    def __call__(self, batches: Batches) -> Batches:
        limit = int(self.rate * (1 << 64))
        language = "language" if self.corpus == "github" else "natural_language"
        for batch in batches:
            rows = []
            for row in batch.to_pylist():
                order = seeded_hash(self.seed, HELDOUT_DRAW + row["doc_id"])
                if order >= limit or not 0 < row["n_bytes"] <= self.document_bytes:
                    continue
                if not row.get("spans"):
                    source = sources_of(self.corpus, row)[0]
                    rows.append(
                        {
                            "doc_id": row["doc_id"],
                            "source": source,
                            "language": row[language],
                            "n_bytes": row["n_bytes"],
                            "order": order,
                        }
                    )
            yield pa.RecordBatch.from_pylist(rows, schema=CANDIDATES)


@dataclass(frozen=True)
class ChooseHeldout:
    """The held-out documents: `n_bytes` in equal parts of every source, and in each source of one
    language after another, so that a rare one is measured, too; in the order of the draw."""

    n_bytes: int

    def __call__(self, *sources: Batches) -> bytes:
        by_source: dict[str, dict[str | None, list[tuple[int, bytes, int]]]] = {}
        for batches in sources:
            for row in (row for batch in batches for row in batch.to_pylist()):
                languages = by_source.setdefault(row["source"], {})
                drawn = (row["order"], row["doc_id"], row["n_bytes"])
                languages.setdefault(row["language"], []).append(drawn)
        chosen: list[bytes] = []
        for languages in by_source.values():
            room = self.n_bytes // len(by_source)
            for _, doc_id, n_bytes in _in_turn(languages):
                if n_bytes <= room:
                    chosen.append(doc_id)
                    room -= n_bytes
        batch = pa.RecordBatch.from_pydict(
            {"doc_id": pa.array(sorted(chosen), DOC_ID)}, schema=pa.schema([("doc_id", DOC_ID)])
        )
        sink = io.BytesIO()
        with pa.ipc.new_file(sink, batch.schema) as writer:
            writer.write_batch(batch)
        return sink.getvalue()


def _in_turn(
    languages: dict[str | None, list[tuple[int, bytes, int]]],
) -> Iterator[tuple[int, bytes, int]]:
    """The first of every language, then the second of each."""
    ranked = [
        (rank, drawn) for rows in languages.values() for rank, drawn in enumerate(sorted(rows))
    ]
    yield from (drawn for _, drawn in sorted(ranked))


@dataclass(frozen=True)
class Heldout:
    """The held-out documents as a worker asks for them."""

    chosen: Artefact

    @cached_property
    def doc_ids(self) -> pa.Array:
        """Their identities, which are the names of their clusters."""
        table = pa.ipc.open_file(self.chosen.read()).read_all()
        return table.column("doc_id").combine_chunks()

    def clusters(self, batch: pa.RecordBatch) -> pa.Array:
        """For each row whether it belongs to a held-out document's cluster."""
        return pc.is_in(batch.column("cluster"), value_set=self.doc_ids)


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
    """How many documents a variant has, and how many it lost to the held-out clusters."""

    corpus: str
    heldout: Heldout
    schema: ClassVar[pa.Schema] = COUNTS

    def __call__(self, batches: Batches) -> Batches:
        counts: dict[str, list[int]] = {}
        for batch in batches:
            removed = self.heldout.clusters(batch).to_pylist()
            rows = batch.drop_columns(["cluster"]).to_pylist()
            for row, gone in zip(rows, removed, strict=True):
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
    """Training samples of a variant: of the held-out documents themselves (`only_heldout`), or of
    all that is in none of their clusters."""

    tokenize: TokenizeSamples
    heldout: Heldout
    only_heldout: bool

    @property
    def schema(self) -> pa.Schema:
        return self.tokenize.schema

    def __call__(self, batches: Batches) -> Batches:
        return self.tokenize(self._selected(batches))

    def _selected(self, batches: Batches) -> Batches:
        for batch in batches:
            held = self.heldout.clusters(batch)
            yield batch.filter(held if self.only_heldout else pc.invert(held))


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
