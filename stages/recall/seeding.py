"""What a corpus's classifiers learn from: the part of the loop in which corpora differ.

On the web, documents of seed files against pages drawn from the crawl; on GitHub see `quality`.
"""

from typing import Protocol

from stages.contract import Artefact, Corpus, Parts
from stages.recall.annotations import Annotations, read_annotations
from stages.recall.examples import SampleCrawl, TokeniseSeeds, known_sites
from stages.recall.learn import TrainTarget
from stages.recall.options import RecallOptions
from stages.recall.places import WEB, Places
from stages.recall.train import PAPER, resolve_recipe

SEEDS = "seeds"


class Seeding(Protocol):
    """Targets, their first examples, and what is known about patterns beforehand."""

    @property
    def targets(self) -> tuple[str, ...]:
        """One classifier each."""
        ...

    @property
    def places(self) -> Places:
        """Where the corpus's documents lie."""
        ...

    @property
    def annotations(self) -> Annotations:
        """A person's decisions on patterns."""
        ...

    @property
    def decisions_file(self) -> str | None:
        """The file in which a person is to answer every pattern; None: a rule decides."""
        ...

    @property
    def drawn_share(self) -> float:
        """The share of the documents among which the candidate negatives are."""
        ...

    def n_seeds(self) -> int:
        """Seed documents of all targets."""
        ...

    def sources(self) -> list[Parts]:
        """The first sources of `trainer`'s step: seeds (rows of `TokeniseSeeds.schema`), then
        candidate negatives (`SampleCrawl.schema`)."""
        ...

    def trainer(self, target: str, accepted: Artefact | None) -> TrainTarget:
        """The step that trains one target's model."""
        ...


class WebSeeds:
    """`Seeding` of the web."""

    places = WEB

    def __init__(self, corpus: Corpus, options: RecallOptions) -> None:
        self._corpus = corpus
        self._options = options
        self.targets = tuple(options.targets)
        self.annotations = read_annotations(options.annotations)
        waits = options.annotate == "person"
        self.decisions_file = options.annotations[0] if waits else None

    @property
    def drawn_share(self) -> float:
        """By the recipe: a few hundred pages, or as many as there are seeds."""
        options, n_seeds = self._options, self.n_seeds()
        wanted = options.crawl_negatives
        if resolve_recipe(options.recipe, n_seeds) is PAPER:
            wanted = max(wanted, int(n_seeds / options.trusted_share))
        return min(1.0, wanted / max(self._corpus.n_rows(), 1))

    def n_seeds(self) -> int:
        """All that seed files hold, negatives too."""
        return self._corpus.other(SEEDS).n_rows()

    def sources(self) -> list[Parts]:
        """Documents of the seed files, and pages drawn by identity."""
        seeds = TokeniseSeeds(self._options.roles(), self._options.tokens)
        sample = SampleCrawl(self.drawn_share, self._options.seed, self._options.tokens)
        return [
            self._corpus.other(SEEDS).map_shards(seeds, reads=seeds.reads),
            self._corpus.map_shards(sample, reads=sample.reads),
        ]

    def trainer(self, target: str, accepted: Artefact | None) -> TrainTarget:
        """Pages of the positives' sites and of known ones are no candidates."""
        options = self._options
        return TrainTarget(
            target,
            options.training(),
            options.trusted_share,
            self.targets,
            tuple(known_sites(target)),
            accepted,
        )
