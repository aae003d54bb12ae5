"""Recalling code of high quality from GitHub: the loop over files of repositories
(DeepSeek-Coder-V2, arXiv 2406.11931 section 2: two iterations, seeds "such as those containing
detailed descriptions").

Positives are source files that a rule picks by their comments (`seeds/github-quality.toml`), or
that the user supplies; candidates for negatives are other source files, drawn by identity. A
repository holds both, so none is avoided. Nothing is dropped: `recalled` says which documents are
emitted once more as `code-quality`.
"""

import logging
from functools import cached_property
from typing import ClassVar

from schemas.tokens import TOKENS
from stages.contract import Artefact, Corpus, Parts
from stages.recall.classifier.examples import TokeniseSeeds
from stages.recall.classifier.model import NOTHING, load_learned
from stages.recall.decide import RecallPages, to_shards
from stages.recall.learn import TrainTarget
from stages.recall.loop import Loop
from stages.recall.metrics import LIBRARIES, is_made
from stages.recall.options import BPE, QUALITY, QualityOptions
from stages.recall.places import GITHUB
from stages.recall.quality.example_files import (
    DrawExamples,
    PickSeeds,
    TokeniseExamples,
    n_picked,
)
from stages.recall.quality.rule import quality_rule
from stages.recall.seeding import SEEDS
from stages.recall.sites.annotations import Annotations

log = logging.getLogger("sluice")

DRAWN_PER_EXAMPLE = 4
"""Candidate negatives are among so many times as many files as there can be examples."""


class QualityStage:
    """Corpus stage `recall` of GitHub."""

    name: ClassVar[str] = "recall"
    version: ClassVar[int] = 5
    libraries: ClassVar[tuple[str, ...]] = LIBRARIES
    Options: ClassVar[type[QualityOptions]] = QualityOptions

    def __init__(self, options: QualityOptions) -> None:
        self.options = options

    def run(self, corpus: Corpus) -> None:
        """Iterate, then mark what was recalled."""
        options = self.options
        seeding = QualitySeeds(corpus, options)
        last = Loop(corpus, options, seeding).run()
        _warn_of_nothing(last.models.latest[0])
        corpus.decide(
            RecallPages(
                seeding.targets,
                last.models.latest,
                options.threshold,
                natural_share=0.0,
                seed=options.seed,
                iteration=last.number,
                drops=False,
            ),
            corpus.shuffle("to-shards", to_shards(seeding.targets), source=last.scores),
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
        """Documents of the seed files; files that were picked, and others."""
        examples, tokens = self._examples, self._options.tokens
        stored = tokens == BPE and self._corpus.has(TOKENS)
        own = TokeniseExamples(examples, tokens, stored)
        files = self._corpus.map_shards("tokenise-examples", own, reads=own.reads)
        if not self._options.seeds:
            return [files]
        step = TokeniseSeeds(self._options.roles(), tokens)
        seeds = self._corpus.other(SEEDS).map_shards("tokenise-seeds", step, reads=step.reads)
        return [seeds, files]

    def trainer(self, target: str, accepted: Artefact | None) -> TrainTarget:
        """A repository's files are positives or negatives one by one."""
        options = self._options
        return TrainTarget(
            target,
            options.training(),
            options.trusted_share,
            self.targets,
            accepted=accepted,
            n_seed_sources=1 if options.seeds else 0,
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
        picked = corpus.map_shards("pick-seeds", pick, reads=PickSeeds.reads, everything=True)
        return corpus.artefact("seeds/examples.arrow", draw, picked)


def _warn_of_nothing(artefact: Artefact) -> None:
    if not is_made(artefact):
        return
    model = load_learned(artefact.read())
    if model.recipe == NOTHING:
        log.warning(
            "github.recall: %d seeds and %d other files are too few to learn from, so nothing is "
            "marked as of high quality; add repositories, or `github.recall.seeds`",
            model.held_out.n_positives,
            model.held_out.n_negatives,
        )
