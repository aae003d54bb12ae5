"""Recalling code of high quality from GitHub: the loop of `stage`, over files of repositories
(DeepSeek-Coder-V2, arXiv 2406.11931 section 2: two iterations, seeds "such as those containing
detailed descriptions").

Positives are source files that a rule picks by their comments (`seeds/github-quality.toml`), or
that the user supplies; candidates for negatives are other source files, drawn by identity. A
repository holds both, so none is avoided. Nothing is dropped: `recalled` says which documents are
emitted once more as `code-quality`.

A repository lies in one shard whole, so whether it has a README and tests is worked out there:
about 300 bytes per document of a shard are held.
"""

import io
import logging
import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.columns import DOC_ID
from schemas.quality import QUALITY_MEASURES
from stages.contract import ALIVE, Artefact, Batches, Corpus, Parts
from stages.kernels.identity import seeded_hashes
from stages.recall.annotations import Annotations
from stages.recall.decide import RecallPages, ToShards
from stages.recall.examples import EXAMPLE, SampleCrawl, TokeniseSeeds, drawn_rows
from stages.recall.iteration import LIBRARIES, is_made
from stages.recall.learn import TrainTarget
from stages.recall.model import NOTHING, load_model
from stages.recall.options import QUALITY, QualityOptions
from stages.recall.places import GITHUB, JUDGED_KIND
from stages.recall.quality_rule import QualityRule, quality_rule
from stages.recall.seeding import SEEDS
from stages.recall.stage import Loop
from stages.recall.tokens import tokenise

log = logging.getLogger("sluice")

PICKED, HASH = "picked", "hash"
DRAWN_PER_EXAMPLE = 4
"""Candidate negatives are among so many times as many files as there can be examples."""


class QualityStage:
    """Corpus stage `recall` of GitHub."""

    name: ClassVar[str] = "recall"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = LIBRARIES
    Options: ClassVar[type[QualityOptions]] = QualityOptions

    def __init__(self, options: QualityOptions) -> None:
        self.options = options

    def run(self, corpus: Corpus) -> None:
        """Iterate, then mark what was recalled."""
        options = self.options
        loop = Loop(corpus, options, QualitySeeds(corpus, options))
        scores, models, iteration = loop.run()
        _warn_of_nothing(models[0])
        corpus.decide(
            RecallPages(
                loop.targets,
                models,
                options.threshold,
                natural_share=0.0,
                seed=options.seed,
                iteration=iteration,
                drops=False,
            ),
            corpus.shuffle(ToShards(loop.targets), source=scores),
            reads=RecallPages.reads,
        )


class QualitySeeds:
    """`Seeding` of GitHub."""

    targets = (QUALITY,)
    places = GITHUB
    annotations = Annotations()
    decisions_file = None

    def __init__(self, corpus: Corpus, options: QualityOptions) -> None:
        self._corpus = corpus
        self._options = options
        wanted = DRAWN_PER_EXAMPLE * options.max_examples
        self.drawn_share = min(1.0, wanted / max(corpus.n_rows(), 1))

    def n_seeds(self) -> int:
        """Files that the rule picked and that were drawn, and those of seed files."""
        return self._n_given() + (n_picked(self._examples) if is_made(self._examples) else 0)

    def sources(self) -> list[Parts]:
        """Files that were picked, documents of the seed files, other files."""
        examples, tokens = self._examples, self._options.tokens
        picked, others = TokenisePicked(examples, tokens), TokeniseOthers(examples, tokens)
        seeds: list[Parts] = [self._corpus.map_shards(picked, reads=picked.reads)]
        if self._options.seeds:
            step = TokeniseSeeds(self._options.roles(), tokens)
            seeds.append(self._corpus.other(SEEDS).map_shards(step, reads=step.reads))
        return [*seeds, self._corpus.map_shards(others, reads=others.reads)]

    def trainer(self, target: str, accepted: Artefact | None) -> TrainTarget:
        """A repository's files are positives or negatives one by one."""
        options = self._options
        return TrainTarget(
            target,
            options.training(),
            options.trusted_share,
            self.targets,
            accepted=accepted,
            n_seed_sources=2 if options.seeds else 1,
            avoids_sites=False,
            may_lack=True,
        )

    def _n_given(self) -> int:
        return self._corpus.other(SEEDS).n_rows() if self._options.seeds else 0

    @cached_property
    def _examples(self) -> Artefact:
        options, corpus = self._options, self._corpus
        rule = quality_rule() if options.quality else None
        pick = PickSeeds(rule, self.drawn_share, options.seed)
        draw = DrawExamples(
            options.max_examples,
            options.crawl_negatives,
            self._n_given(),
            options.trusted_share,
            options.seed,
        )
        picked = corpus.map_shards(pick, reads=PickSeeds.reads, everything=True)
        return corpus.artefact("seeds/examples.arrow", draw, picked)


@dataclass(frozen=True)
class PickSeeds:
    """The living source files of a shard: whether the rule picks them as seeds, and of the others
    a share."""

    rule: QualityRule | None
    share: float
    seed: int

    reads: ClassVar = (
        ALIVE,
        "doc_id",
        "kind",
        "repo",
        "path",
        "language",
        *QUALITY_MEASURES.names,
    )
    schema: ClassVar[pa.Schema] = pa.schema([pa.field("doc_id", DOC_ID), (PICKED, pa.bool_())])

    def __call__(self, batches: Batches) -> Batches:
        """Read `reads` of all rows (a README that was dropped is one all the same), yield
        `schema`."""
        described: set[str] = set()
        tested: set[str] = set()
        files: list[tuple[bytes, str | None]] = []
        for batch in batches:
            columns = (batch.column(name).to_pylist() for name in self.reads)
            for alive, doc_id, kind, repo, path, language, *measures in zip(*columns, strict=True):
                if self.rule is not None:
                    if repo not in described and self.rule.is_readme(path):
                        described.add(repo)
                    if repo not in tested and self.rule.is_test(path):
                        tested.add(repo)
                if alive and kind == JUDGED_KIND:
                    fits = self.rule is not None and self.rule.picks(path, language, *measures)
                    files.append((doc_id, repo if fits else None))
        sound = described & tested
        picked = pa.array([repo in sound for _, repo in files], pa.bool_())
        doc_ids = pa.array([doc_id for doc_id, _ in files], DOC_ID)
        rows = pa.record_batch([doc_ids, picked], schema=self.schema)
        yield rows.filter(pc.or_(picked, drawn_rows(doc_ids, self.share, self.seed)))


@dataclass(frozen=True)
class DrawExamples:
    """Which files are examples (Arrow IPC, `PickSeeds.schema`): at most `max_examples` of those
    picked, and so many of the others that their trusted share is as many, but at least
    `min_candidates`. The smallest hashes of identities are drawn. Memory: 60 bytes an example."""

    max_examples: int
    min_candidates: int
    n_given: int
    """Positives from seed files."""
    trusted_share: float
    seed: int

    def __call__(self, *sources: Batches) -> bytes:
        """Read the batches of `PickSeeds`."""
        picked = _Smallest(self.max_examples)
        others = _Smallest(self._n_candidates(self.max_examples))
        for source in sources:
            for batch in source:
                rows = batch.append_column(HASH, pa.array(self._hashes(batch)))
                picked.add(rows.filter(rows.column(PICKED)))
                others.add(rows.filter(pc.invert(rows.column(PICKED))))
        positives = picked.table(self.max_examples)
        n_positives = min(len(positives) + self.n_given, self.max_examples)
        candidates = others.table(self._n_candidates(n_positives))
        chosen = pa.concat_tables([positives, candidates]).sort_by(HASH).drop_columns([HASH])
        sink = io.BytesIO()
        with pa.ipc.new_file(sink, PickSeeds.schema) as writer:
            writer.write_table(chosen.combine_chunks())
        return sink.getvalue()

    def _hashes(self, batch: pa.RecordBatch) -> npt.NDArray[np.uint64]:
        return seeded_hashes(self.seed, batch.column("doc_id"))

    def _n_candidates(self, n_positives: int) -> int:
        return max(self.min_candidates, math.ceil(n_positives / self.trusted_share))


class _Smallest:
    """The rows of the smallest hashes so far, at most twice as many as are wanted."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        fields = [*PickSeeds.schema, pa.field(HASH, pa.uint64())]
        self._rows = pa.schema(fields).empty_table()

    def add(self, rows: pa.RecordBatch) -> None:
        """Take these into account."""
        self._rows = pa.concat_tables([self._rows, pa.Table.from_batches([rows])])
        if len(self._rows) > 2 * self._wanted:
            self._rows = self.table(self._wanted)

    def table(self, n: int) -> pa.Table:
        """Those of the `n` smallest."""
        return self._rows.sort_by(HASH).slice(0, n).combine_chunks()


@dataclass(frozen=True)
class _TokeniseExamples:
    """Files of `DrawExamples` as token ids."""

    examples: Artefact
    tokens: str

    reads: ClassVar = ("doc_id", *GITHUB.columns, "text")
    picked: ClassVar[bool]
    schema: ClassVar[pa.Schema]

    def __call__(self, batches: Batches) -> Batches:
        """Read `reads`, yield `schema`."""
        chosen = _read_examples(self.examples)
        wanted = chosen.filter(pc.equal(chosen[PICKED], self.picked))["doc_id"]
        for batch in batches:
            own = batch.filter(pc.is_in(batch.column("doc_id"), wanted.combine_chunks()))
            if not len(own):
                continue
            pages = GITHUB.pages(own)
            columns = {name: pages.column(name) for name in ("doc_id", "url", *EXAMPLE[:-1])}
            columns["role"] = pa.array([QUALITY] * len(pages), pa.string())
            columns[EXAMPLE[-1]] = tokenise(pages.column("text"), self.tokens)
            yield pa.record_batch([columns[name] for name in self.schema.names], self.schema)


@dataclass(frozen=True)
class TokenisePicked(_TokeniseExamples):
    """Those that the rule picked, as seeds of the target."""

    picked = True
    schema = TokeniseSeeds.schema


@dataclass(frozen=True)
class TokeniseOthers(_TokeniseExamples):
    """The others, as candidate negatives."""

    picked = False
    schema = SampleCrawl.schema


def n_picked(examples: Artefact) -> int:
    """Seeds among the examples."""
    return pc.sum(_read_examples(examples)[PICKED]).as_py() or 0


def _read_examples(artefact: Artefact) -> pa.Table:
    with pa.ipc.open_file(pa.BufferReader(artefact.read())) as reader:
        return reader.read_all()


def _warn_of_nothing(artefact: Artefact) -> None:
    if not is_made(artefact):
        return
    model = load_model(artefact.read())
    if model.recipe == NOTHING:
        log.warning(
            "github.recall: %d seeds and %d other files are too few to learn from, so nothing is "
            "marked as of high quality; add repositories, or `github.recall.seeds`",
            model.held_out.n_positives,
            model.held_out.n_negatives,
        )
