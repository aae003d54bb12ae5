"""What an ablation does with the documents of a run, shard by shard.

Held out are whole dedup clusters: a document that the chain kept is the name of its cluster, and
every document that repeats it carries that name, whether dedup dropped it or not. So one set of
identities decides, row by row, what must not be trained on.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from schemas.columns import DOC_ID
from schemas.identity import seeded_hash
from schemas.shards import web_set
from stages.ablation.tokenizer import TEXTS
from stages.contract import Artefact, Batches
from stages.emit.placement import github_sets
from stages.emit.samples import TokenizeSamples

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


def source_of(corpus: str, kind: str, target: str | None) -> str:
    """The shard set of a document, `code-quality` (which holds second copies) apart."""
    return github_sets(kind, None)[0] if corpus == "github" else web_set(target)


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
                    source = source_of(self.corpus, row["kind"], row.get("target"))
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
            targets = batch.column("target").to_pylist() if "target" in batch.schema.names else ()
            kinds = batch.column("kind").to_pylist()
            for row, (kind, gone) in enumerate(zip(kinds, removed, strict=True)):
                source = source_of(self.corpus, kind, targets[row] if targets else None)
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
