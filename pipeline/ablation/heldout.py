"""Which documents of a run are held out, and which must not be trained on.

Held out are whole dedup clusters: a document that the chain kept is the name of its cluster, and
every document that repeats it carries that name, whether dedup dropped it or not. Where the draw is
by repository, all files of a drawn one are held out with them, and on the web all pages of a
domain. The identities of all these documents decide, row by row, what must not be trained on, in
this run and in another one of the same inputs.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.ablation.corpora import CLUSTER
from pipeline.ablation.options import AblationOptions, Unit
from pipeline.engine.corpus import EngineCorpus
from pipeline.engine.parts import LazyParts
from schemas.columns import DOC_ID
from schemas.identity import seeded_hash
from schemas.shards import web_set
from stages.contract import Artefact, ArtefactStep, Batches
from stages.emit.placement import github_sets
from stages.errors import ConfigError

HELDOUT_DRAW = b"ablation-heldout:"
DRAWN = 60_000
"""Documents of a corpus from which the held-out ones are chosen, about."""

GROUP = {"github": "repo", "web": "domain"}
"""What a `repository` is, by corpus: the column that names it."""

IDENTITIES = pa.schema([pa.field("doc_id", DOC_ID, nullable=False)])
CANDIDATES = pa.schema(
    [
        pa.field("doc_id", DOC_ID, nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("language", pa.string()),
        pa.field("n_bytes", pa.int64(), nullable=False),
        pa.field("order", pa.uint64(), nullable=False),
    ]
)


def sources_of(corpus: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    """The shard sets of a document, from `kind`, `recalled` and `target` where they are known;
    `code-quality`, which holds second copies, comes last."""
    if corpus == "github":
        return github_sets(row["kind"], row.get("recalled"))
    return (web_set(row.get("target")),)


@dataclass(frozen=True)
class Draw:
    """A share `rate` of the documents of a corpus, or of its repositories and domains."""

    corpus: str
    unit: Unit
    seed: int
    rate: float

    @property
    def reads(self) -> str:
        """The column that is drawn by."""
        return "doc_id" if self.unit == "document" else GROUP[self.corpus]

    def takes(self, row: Mapping[str, Any]) -> bool:
        """Whether the row's document is drawn."""
        key = row[self.reads]
        key = key.encode() if isinstance(key, str) else key
        return seeded_hash(self.seed, HELDOUT_DRAW + key) < int(self.rate * (1 << 64))


@dataclass(frozen=True)
class DrawHeldout:
    """Of the documents that the whole chain keeps: those that may be held out.

    None with a redacted span, which one variant has replaced and the other has not.
    """

    draw: Draw
    document_bytes: int
    schema: ClassVar[pa.Schema] = CANDIDATES

    def __call__(self, batches: Batches) -> Batches:
        draw = self.draw
        language = "language" if draw.corpus == "github" else "natural_language"
        for batch in batches:
            rows = []
            for row in batch.to_pylist():
                if not draw.takes(row) or not 0 < row["n_bytes"] <= self.document_bytes:
                    continue
                if not row.get("spans"):
                    source = sources_of(draw.corpus, row)[0]
                    rows.append(
                        {
                            "doc_id": row["doc_id"],
                            "source": source,
                            "language": row[language],
                            "n_bytes": row["n_bytes"],
                            "order": seeded_hash(draw.seed, HELDOUT_DRAW + row["doc_id"]),
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
        return _identities(chosen)


def _in_turn(
    languages: dict[str | None, list[tuple[int, bytes, int]]],
) -> Iterator[tuple[int, bytes, int]]:
    """The first of every language, then the second of each."""
    ranked = [
        (rank, drawn) for rows in languages.values() for rank, drawn in enumerate(sorted(rows))
    ]
    yield from (drawn for _, drawn in sorted(ranked))


def _identities(doc_ids: Iterable[bytes]) -> bytes:
    batch = pa.RecordBatch.from_pydict({"doc_id": sorted(doc_ids)}, schema=IDENTITIES)
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


@dataclass(frozen=True)
class Documents:
    """A set of documents as a worker asks for it."""

    identities: Artefact

    @cached_property
    def doc_ids(self) -> pa.Array:
        """Their identities."""
        table = pa.ipc.open_file(self.identities.read()).read_all()
        return table.column("doc_id").combine_chunks()

    def of(self, batch: pa.RecordBatch, column: str = "doc_id") -> pa.Array:
        """For each row whether the document that the column names is one of them."""
        return pc.is_in(batch.column(column), value_set=self.doc_ids)


@dataclass(frozen=True)
class FindExcluded:
    """What must not be trained on: the dedup clusters of the held-out documents and, where whole
    repositories were drawn, all that they have."""

    draw: Draw
    heldout: Documents
    schema: ClassVar[pa.Schema] = IDENTITIES

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            excluded = self.heldout.of(batch, CLUSTER)
            if self.draw.unit != "document":
                drawn = [
                    self.draw.takes(row) for row in batch.select([self.draw.reads]).to_pylist()
                ]
                excluded = pc.or_(excluded, pa.array(drawn, pa.bool_()))
            yield batch.select(["doc_id"]).filter(excluded)


@dataclass(frozen=True)
class JoinIdentities:
    """The identities of all parts, sorted."""

    def __call__(self, *sources: Batches) -> bytes:
        columns = [batch.column("doc_id") for batches in sources for batch in batches]
        return _identities(doc_id for column in columns for doc_id in column.to_pylist())


def choose_heldout(engines: Sequence[EngineCorpus], options: AblationOptions) -> Documents:
    """Of the documents of all corpora those that are held out; ConfigError where there is none."""
    drawn: list[LazyParts] = []
    for engine in engines:
        draw = _draw(engine, options)
        step = DrawHeldout(draw, options.heldout_document_bytes)
        language = "language" if engine.name == "github" else "natural_language"
        wanted = ["doc_id", "kind", "n_bytes", language, "target", "spans", draw.reads]
        reads = [name for name in dict.fromkeys(wanted) if engine.has(name)]
        drawn.append(engine.map_shards("draw-heldout", step, reads=reads))
    heldout = _joined(engines, "chosen.arrow", ChooseHeldout(options.heldout_bytes), drawn)
    if not len(heldout.doc_ids):
        raise ConfigError(
            f"heldout_rate = {options.heldout_rate}: no document of the run is held out; raise it, "
            "or heldout_document_bytes"
        )
    return heldout


def find_excluded(
    engines: Sequence[EngineCorpus], heldout: Documents, options: AblationOptions
) -> Documents:
    """What must not be trained on, among all that rules alone keep: so with the duplicates that
    dedup dropped."""
    found: list[LazyParts] = []
    for engine in engines:
        draw = _draw(engine, options)
        reads = list(dict.fromkeys(["doc_id", CLUSTER, draw.reads]))
        found.append(engine.map_shards("find-excluded", FindExcluded(draw, heldout), reads=reads))
    return _joined(engines, "excluded.arrow", JoinIdentities(), found)


def _draw(engine: EngineCorpus, options: AblationOptions) -> Draw:
    rate = min(options.heldout_rate, DRAWN / max(engine.n_rows(), 1))
    return Draw(engine.name, options.heldout_unit, options.seed, rate)


def _joined(
    engines: Sequence[EngineCorpus], name: str, step: ArtefactStep, parts: Sequence[LazyParts]
) -> Documents:
    made = engines[0].artefact(name, step, *parts)
    for engine in engines:
        engine.finish()
    return Documents(made)
