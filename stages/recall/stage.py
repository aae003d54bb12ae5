"""Recalling the pages of each target from a crawl, again and again (DeepSeekMath, arXiv 2402.03300
section 2.1; DeepSeek-Coder-V2, 2406.11931 section 2).

    seeds ─► model ─► every page's score ─► domains ─► URL patterns ─► accepted ones
      ▲                                                                     │
      └──────────────── pages under accepted patterns ◄─────────────────────┘

For each target a classifier is trained, one against the rest, on seeds and on pages drawn from the
crawl; every page is scored; patterns of the domains where much was recalled are accepted by a
person or by a rule, and their pages join the seeds. Of the pages no target recalls, a share is kept
as natural language, drawn by identity.

Beside the stage's shards each iteration leaves `iteration-K/`: `model/TARGET.arrow`, `own` (each
page's own log-odds), `centres.json`, `scores`, `domains`, `patterns`, `accepted.arrow`,
`metrics.json`. Cost per iteration: tokenising (6 MB/s a core); the look-ups run at over a hundred
million tokens a second. Memory: one model a worker; see `directories` and `patterns` for the
shuffles.
"""

import json
from typing import Any, ClassVar

from stages.contract import Artefact, Corpus, Parts, Shuffled
from stages.errors import WaitForPerson
from stages.recall.budget import CountTokens, FindThresholds
from stages.recall.classifier.centre import CountLogOdds, FindCentres
from stages.recall.classifier.model import load_model
from stages.recall.classifier.score import ScorePages
from stages.recall.decide import RecallPages, ToShards
from stages.recall.iteration import LIBRARIES, Metrics, has_grown, is_made, n_open, precision_fell
from stages.recall.options import LoopOptions, RecallOptions
from stages.recall.seeding import Seeding, WebSeeds, accept
from stages.recall.sites.annotations import Annotations
from stages.recall.sites.directories import JudgeByDirectory, SendPages, SendRecalled
from stages.recall.sites.grow import DrawScores, GrowSeeds
from stages.recall.sites.large_sites import SPLIT_PAGES, CountSites, KeepLargeSites, WriteTable
from stages.recall.sites.pattern_rules import PatternRules
from stages.recall.sites.proposals import CountNodes, ListDomains, ProposePatterns

PARTITION_PAGES = 500_000


class RecallStage:
    """Corpus stage `recall`."""

    name: ClassVar[str] = "recall"
    version: ClassVar[int] = 5
    libraries: ClassVar[tuple[str, ...]] = LIBRARIES
    Options: ClassVar[type[RecallOptions]] = RecallOptions

    def __init__(self, options: RecallOptions) -> None:
        self.options = options

    def run(self, corpus: Corpus) -> None:
        """Iterate, then decide."""
        loop = Loop(corpus, self.options, WebSeeds(corpus, self.options))
        scores, models, iteration = loop.run()
        options = self.options
        corpus.decide(
            RecallPages(
                loop.targets,
                models,
                options.threshold,
                natural_share=options.natural_share if loop.targets else 1.0,
                seed=options.seed,
                iteration=iteration,
                budget=self._budget(corpus, scores),
            ),
            corpus.shuffle(ToShards(loop.targets), source=scores),
            reads=RecallPages.reads,
        )

    def _budget(self, corpus: Corpus, scores: Parts) -> Artefact | None:
        budgets = tuple(
            (name, target.max_tokens)
            for name, target in self.options.targets.items()
            if target.max_tokens is not None
        )
        if not budgets:
            return None
        count = CountTokens(tuple(name for name, _ in budgets))
        counts = corpus.map_shards(count, source=scores)
        return corpus.artefact("budget/thresholds.json", FindThresholds(budgets), counts)


class Loop:
    """The iterations of one run."""

    def __init__(self, corpus: Corpus, options: LoopOptions, seeding: Seeding) -> None:
        self.corpus = corpus
        self.options = options
        self.seeding = seeding
        self.targets = seeding.targets
        self.n_partitions = 1 + corpus.n_rows() // PARTITION_PAGES
        self.annotations = seeding.annotations
        self.large = self._large_sites()

    def run(self) -> tuple[Parts, tuple[Artefact, ...], int]:
        """The last accepted iteration's scores, latest models and number."""
        models: tuple[tuple[Artefact, ...], ...] = tuple(() for _ in self.targets)
        latest: tuple[Artefact, ...] = ()
        scores: Parts | None = None
        own: Parts | None = None
        before: Parts | None = None
        described: Artefact | None = None
        metrics: dict[str, Any] = {}
        accepted: Artefact | None = None
        iteration = 0
        for number in range(1, 1 + (self.options.iterations if self.targets else 1)):
            trained = self._train(number, scores, accepted)
            rejected = self._rejected(latest, trained)
            if self.targets and len(rejected) == len(self.targets):
                self._metrics(number, trained, latest, rejected, described)
                break
            standing = (scores, own, before, models, latest, iteration)
            iteration = number
            models = tuple(
                old if target in rejected else (*old, new)
                for target, old, new in zip(self.targets, models, trained, strict=True)
            )
            latest = tuple(of_target[-1] for of_target in models)
            before = scores
            score = ScorePages(self.targets, models, self.seeding.places)
            own = self.corpus.map_shards(
                score,
                reads=score.reads,
                keep_as=f"iteration-{number}/own",
            )
            annotations = self.annotations.until(number - 1)
            scores = self._judge(
                own, before, models, number, annotations, f"iteration-{number}/scores"
            )
            domains, patterns = self._patterns(number, scores, latest)
            if not self.targets:
                break
            described = self._metrics(
                number, trained, latest, rejected, described, domains, patterns
            )
            accepted = self.corpus.artefact(
                f"iteration-{number}/accepted.arrow",
                accept(self.options, self.seeding.n_seeds()),
                patterns,
            )
            if is_made(described):
                last, metrics = metrics, json.loads(described.read())
                if not metrics["accepted"]:
                    scores, own, before, models, latest, iteration = standing
                    break
                self._ask(number, metrics)
                if last and not has_grown(last, metrics, self.options.min_growth):
                    break
        assert scores is not None
        assert own is not None
        if self.annotations.until(iteration) != self.annotations.until(iteration - 1):
            final = self.annotations.until(iteration)
            scores = self._judge(own, before, models, iteration, final, "scores")
        return scores, latest, iteration

    def _large_sites(self) -> Artefact | None:
        corpus = self.corpus
        if corpus.n_rows() < SPLIT_PAGES or not self.targets:
            return None
        count = CountSites(self.n_partitions, self.seeding.places)
        counts = corpus.shuffle(count, reads=count.reads)
        large = corpus.reduce_partitions(
            KeepLargeSites(SPLIT_PAGES), counts, n_partitions=self.n_partitions
        )
        return corpus.artefact("sites/large.arrow", WriteTable(), large)

    def _train(
        self, number: int, scores: Parts | None, accepted: Artefact | None
    ) -> tuple[Artefact, ...]:
        if not self.targets:
            return ()
        options, corpus, seeding = self.options, self.corpus, self.seeding
        sources = seeding.sources()
        if accepted is not None and scores is not None:
            grow = GrowSeeds(accepted, options.seed, options.tokens, seeding.places)
            draw = DrawScores(self.targets, seeding.drawn_share, options.seed)
            grown = corpus.map_shards(grow, reads=grow.reads)
            sources += [grown, corpus.map_shards(draw, source=scores)]
        return tuple(
            corpus.artefact(
                f"iteration-{number}/model/{target}.arrow",
                seeding.trainer(target, accepted),
                *sources,
            )
            for target in self.targets
        )

    def _rejected(
        self, models: tuple[Artefact, ...], trained: tuple[Artefact, ...]
    ) -> tuple[str, ...]:
        """Targets whose new model is less precise than the one before."""
        return tuple(
            target
            for target, old, new in zip(self.targets, models, trained, strict=False)
            if is_made(old)
            and is_made(new)
            and precision_fell(load_model(old.read()).held_out, load_model(new.read()).held_out)
        )

    def _judge(
        self,
        own: Parts,
        before: Parts | None,
        models: tuple[tuple[Artefact, ...], ...],
        number: int,
        annotations: Annotations,
        keep_as: str,
    ) -> Parts:
        options, corpus = self.options, self.corpus
        route = (self.targets, self.n_partitions, self.large)
        sources = [corpus.shuffle(SendPages(*route), source=own)]
        mixing = (options.directory_weight, options.pattern_depth)
        centres = self._centres(number, CountLogOdds(self.targets, models, *mixing), sources[0])
        if before is not None:
            sources.append(corpus.shuffle(SendRecalled(*route), source=before))
        step = JudgeByDirectory(self.targets, models, centres, *mixing, annotations, number)
        return corpus.reduce_partitions(
            step, *sources, n_partitions=self.n_partitions, keep_as=keep_as
        )

    def _centres(self, number: int, count: CountLogOdds, pages: Shuffled) -> Artefact | None:
        if not self.targets:
            return None
        counts = self.corpus.reduce_partitions(count, pages, n_partitions=self.n_partitions)
        path = f"iteration-{number}/centres.json"
        return self.corpus.artefact(path, FindCentres(self.targets), counts)

    def _patterns(
        self, number: int, scores: Parts, models: tuple[Artefact, ...]
    ) -> tuple[Parts, Parts]:
        options, corpus, n_partitions = self.options, self.corpus, self.n_partitions
        rules = PatternRules(
            options.domain_share,
            options.domain_pages,
            options.domain_bound,
            options.pattern_share,
            options.pattern_pages,
            by_rule=not self.seeding.decisions_file,
        )
        nodes = corpus.shuffle(
            CountNodes(self.targets, models, options.pattern_depth, n_partitions, self.large),
            source=scores,
        )
        domains = corpus.reduce_partitions(
            ListDomains(self.targets, rules),
            nodes,
            n_partitions=n_partitions,
            keep_as=f"iteration-{number}/domains",
        )
        patterns = corpus.reduce_partitions(
            ProposePatterns(rules, self.annotations.until(number)),
            nodes,
            n_partitions=n_partitions,
            keep_as=f"iteration-{number}/patterns",
        )
        return domains, patterns

    def _metrics(
        self,
        number: int,
        trained: tuple[Artefact, ...],
        used: tuple[Artefact, ...],
        rejected: tuple[str, ...],
        before: Artefact | None,
        *sources: Parts,
    ) -> Artefact:
        options = self.options
        training = options.training().model_dump()
        min_growth = None if self.seeding.decisions_file else options.min_growth
        step = Metrics(number, self.targets, trained, used, rejected, training, before, min_growth)
        return self.corpus.artefact(f"iteration-{number}/metrics.json", step, *sources)

    def _ask(self, number: int, metrics: dict[str, Any]) -> None:
        if self.seeding.decisions_file and n_open(metrics):
            raise WaitForPerson(
                f"recall: {n_open(metrics)} URL patterns of iteration {number} wait for a yes or "
                f"no in {self.seeding.decisions_file}"
            )
