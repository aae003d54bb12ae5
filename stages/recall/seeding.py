"""What a corpus's classifiers learn from: the part of the loop in which corpora differ.

On the web, documents of seed files against pages drawn from the crawl; on GitHub see `quality`.
"""

from functools import cached_property
from typing import Protocol

from stages.contract import Artefact, Corpus, Parts
from stages.recall.classifier.examples import SampleCrawl, TokeniseSeeds
from stages.recall.classifier.recipe import PAPER, resolve_recipe
from stages.recall.learn import TrainTarget
from stages.recall.metrics import is_made
from stages.recall.options import LoopOptions, RecallOptions
from stages.recall.places import WEB, Places
from stages.recall.sites.annotations import Annotations, read_annotations
from stages.recall.sites.decisions import SeedLimits
from stages.recall.sites.grow import GrowSeeds
from stages.recall.sites.seed_sites import (
    CountSitePages,
    DrawSites,
    SumSitePages,
    n_site_pages,
)
from stages.recall.sites.site_lists import known_sites, seed_sites

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
        self._files = any(files for _, files in options.roles())
        self._sites = seed_sites({name: one.sites for name, one in options.targets.items()})

    @property
    def drawn_share(self) -> float:
        """By the recipe: a few hundred pages, or as many as there are seeds."""
        options, n_seeds = self._options, self.n_seeds()
        wanted = options.crawl_negatives
        if resolve_recipe(options.recipe, n_seeds) is PAPER:
            wanted = max(wanted, int(n_seeds / options.trusted_share))
        return min(1.0, wanted / max(self._corpus.n_rows(), 1))

    def n_seeds(self) -> int:
        """All that seed files hold, negatives too, and the pages of seed sites."""
        supplied = self._corpus.other(SEEDS).n_rows() if self._files else 0
        counted = self._counted
        return supplied + (n_site_pages(counted) if counted and is_made(counted) else 0)

    def sources(self) -> list[Parts]:
        """Documents of the seed files, pages of seed sites, and pages drawn by identity."""
        corpus, options = self._corpus, self._options
        seeds: list[Parts] = []
        if self._files:
            step = TokeniseSeeds(options.roles(), options.tokens)
            seeds.append(corpus.other(SEEDS).map_shards("tokenise-seeds", step, reads=step.reads))
        if self._counted is not None:
            draw = DrawSites(self._counted, seed_limits(options, self.n_seeds()))
            drawn = corpus.artefact("seed-sites/drawn.arrow", draw)
            grow = GrowSeeds(drawn, options.seed, options.tokens, self.places)
            seeds.append(corpus.map_shards("take-sites", grow, reads=grow.reads))
        sample = SampleCrawl(self.drawn_share, options.seed, options.tokens)
        return [*seeds, corpus.map_shards("sample-crawl", sample, reads=sample.reads)]

    def trainer(self, target: str, accepted: Artefact | None) -> TrainTarget:
        """Pages of the positives' sites and of known ones are no candidates."""
        options = self._options
        return TrainTarget(
            target,
            options.training(),
            options.trusted_share,
            self.targets,
            known_sites(target),
            accepted,
            n_seed_sources=int(self._files) + int(self._counted is not None),
        )

    @cached_property
    def _counted(self) -> Artefact | None:
        """The pages of the crawl under seed sites; None without any."""
        if not self._sites:
            return None
        counts = self._corpus.map_shards(
            "count-site-pages", CountSitePages(self._sites), reads=CountSitePages.reads
        )
        return self._corpus.artefact("seed-sites/counted.arrow", SumSitePages(), counts)


def seed_limits(options: LoopOptions, n_seeds: int) -> SeedLimits:
    """How many pages under accepted patterns join the seeds, by the recipe."""
    small = resolve_recipe(options.recipe, n_seeds) is not PAPER
    return SeedLimits(options.grow_per_domain if small else None, options.max_examples)
