"""The loop: train, score, find sites, take their pages as seeds, again (DeepSeekMath, arXiv
2402.03300 section 2.1; DeepSeek-Coder-V2, 2406.11931 section 2).

    seeds ─► model ─► every page's score ─► domains ─► URL patterns ─► accepted ones
      ▲                                                                     │
      └──────────────── pages under accepted patterns ◄─────────────────────┘

For each target a classifier is trained, one against the rest, on seeds and on pages drawn from the
crawl; every page is scored; patterns of the domains where much was recalled are accepted by a
person or by a rule, and their pages join the seeds.

An iteration is a value. One that is not accepted is dropped, and the one before it stands with all
that it found. Each leaves `iteration-K/` beside the stage's shards: `model/TARGET.arrow`, `own`
(each page's own log-odds), `centres.json`, `scores`, `domains`, `patterns`, `accepted.arrow`,
`metrics.json`. Cost per iteration: reading the stored tokens, or splitting every text; the look-ups
run at over a hundred million tokens a second. Memory: one model a worker; see `directories` and
`proposals` for the shuffles.
"""

from dataclasses import replace

from schemas.tokens import TOKENS
from stages.contract import Artefact, Corpus, Parts, Shuffled
from stages.errors import WaitForPerson
from stages.recall.classifier.model import load_learned
from stages.recall.classifier.score import ScorePages
from stages.recall.found import SumDomains, SumPatterns
from stages.recall.iteration import Iteration, Models
from stages.recall.metrics import Metrics, has_grown, is_made, n_open, precision_fell
from stages.recall.options import BPE, LoopOptions
from stages.recall.seeding import Seeding, seed_limits
from stages.recall.sites.annotations import Annotations
from stages.recall.sites.centre import CountLogOdds, FindCentres
from stages.recall.sites.decisions import Accept, WeighDecisions
from stages.recall.sites.directories import JudgeByDirectory, SendPages, SendRecalled
from stages.recall.sites.grow import DrawScores, GrowSeeds
from stages.recall.sites.large_sites import SPLIT_PAGES, CountSites, KeepLargeSites, WriteSites
from stages.recall.sites.nodes import CountNodes
from stages.recall.sites.pattern_rules import PatternRules
from stages.recall.sites.proposals import ListDomains, ProposePatterns
from stages.recall.sureness import say_certainty

PARTITION_PAGES = 500_000

METRICS = "metrics.json"


class Loop:
    """The iterations of one run."""

    def __init__(self, corpus: Corpus, options: LoopOptions, seeding: Seeding) -> None:
        self.corpus = corpus
        self.options = options
        self.seeding = seeding
        self.targets = seeding.targets
        self.n_partitions = 1 + corpus.n_rows() // PARTITION_PAGES
        self.large = self._large_sites()

    def run(self) -> Iteration:
        """The last iteration that was accepted, which the first always is."""
        last: Iteration | None = None
        for number in range(1, 1 + (self.options.iterations if self.targets else 1)):
            models = self._train(number, last)
            if models.are_all_rejected:
                self._describe(number, models, last)
                break
            iteration = self._recall(number, models, last)
            if not iteration.accept():
                break
            last = iteration
            if not self._goes_on(last):
                break
        assert last is not None
        # What describes an iteration is how readers know of it; a longer loop before had more.
        self.corpus.discard(_of(number + 1, METRICS))
        say_certainty(self.corpus.name, last.found())
        return self._with_answers(last)

    def _train(self, number: int, last: Iteration | None) -> Models:
        """One model a target, from the seeds and the pages under the last accepted patterns."""
        corpus, options, seeding = self.corpus, self.options, self.seeding
        if not self.targets:
            return Models((), ())
        sources = seeding.sources()
        accepted = last.decisions if last else None
        if last is not None and accepted is not None:
            grow = GrowSeeds(accepted, options.seed, options.tokens, seeding.places)
            draw = DrawScores(accepted, self.targets, seeding.drawn_share, options.seed)
            grown = corpus.map_shards(_of(number, "grow-seeds"), grow, reads=grow.reads)
            drawn = corpus.map_shards(_of(number, "draw-scores"), draw, source=last.scores)
            sources += [grown, drawn]
        trainers = {f"{target}.arrow": seeding.trainer(target, accepted) for target in self.targets}
        trained = corpus.artefacts_in(_of(number, "model"), trainers, *sources)
        if last is None:
            return Models(trained, tuple((one,) for one in trained))
        rejected = tuple(
            target
            for target, old, new in zip(self.targets, last.models.latest, trained, strict=True)
            if _is_less_precise(new, old)
        )
        used = tuple(
            old if target in rejected else (*old, new)
            for target, old, new in zip(self.targets, last.models.used, trained, strict=True)
        )
        return Models(trained, used, rejected)

    def _recall(self, number: int, models: Models, last: Iteration | None) -> Iteration:
        """Score every page, find the targets' domains, propose patterns and decide on them."""
        corpus, seeding = self.corpus, self.seeding
        stored = self.options.tokens == BPE and corpus.has(TOKENS)
        score = ScorePages(self.targets, models.used, seeding.places, stored)
        own = corpus.map_shards("score-pages", score, reads=score.reads, keep_as=_of(number, "own"))
        answers = seeding.annotations.until(number - 1)
        scores = self._judge(own, models, number, last, answers, _of(number, "scores"))
        domains, patterns = self._patterns(number, models, scores)
        if not self.targets:
            return Iteration(number, models, own, scores, last)
        found = (
            corpus.map_shards(_of(number, name), step, source=source)
            for name, step, source in (
                ("sum-domains", SumDomains(self.targets), domains),
                ("sum-patterns", SumPatterns(), patterns),
            )
        )
        metrics = self._describe(number, models, last, *found)
        limits = seed_limits(self.options, seeding.n_seeds())
        weigh = WeighDecisions(limits)
        weighed = corpus.map_shards(_of(number, "weigh-decisions"), weigh, source=patterns)
        decisions = corpus.artefact(_of(number, "accepted.arrow"), Accept(limits), weighed)
        return Iteration(number, models, own, scores, last, metrics, decisions)

    def _goes_on(self, iteration: Iteration) -> bool:
        """Whether another iteration is worth it; WaitForPerson while patterns are open."""
        found = iteration.found()
        if found is None:
            return True
        file = self.seeding.decisions_file
        if file and n_open(found):
            raise WaitForPerson(
                f"recall: {n_open(found)} URL patterns of iteration {iteration.number} wait for a "
                f"yes or no in {file}"
            )
        before = iteration.before.found() if iteration.before else None
        return before is None or has_grown(before, found, self.options.min_growth)

    def _with_answers(self, last: Iteration) -> Iteration:
        """The iteration as a person's answers to its own patterns leave it."""
        answers = self.seeding.annotations.until(last.number)
        before = self.seeding.annotations.until(last.number - 1)
        if answers.decisions == before.decisions:
            return last
        scores = self._judge(last.own, last.models, last.number, last.before, answers, "scores")
        return replace(last, scores=scores)

    def _judge(
        self,
        own: Parts,
        models: Models,
        number: int,
        last: Iteration | None,
        answers: Annotations,
        keep_as: str,
    ) -> Parts:
        """Each page's probabilities, from its own log-odds and those of its directory."""
        options, corpus = self.options, self.corpus
        route = (self.targets, self.n_partitions, self.large)
        mixing = (options.directory_weight, options.pattern_depth)
        sources = [corpus.shuffle(_of(number, "send-pages"), SendPages(*route), source=own)]
        centres = self._centres(
            number, CountLogOdds(self.targets, models.used, *mixing), sources[0]
        )
        if last is not None:
            name = _of(number, "send-recalled")
            sources.append(corpus.shuffle(name, SendRecalled(*route), source=last.scores))
        step = JudgeByDirectory(self.targets, models.used, centres, *mixing, answers, number)
        return corpus.reduce_partitions(
            "judge-by-directory", step, *sources, n_partitions=self.n_partitions, keep_as=keep_as
        )

    def _centres(self, number: int, count: CountLogOdds, pages: Shuffled) -> Artefact | None:
        if not self.targets:
            return None
        name = _of(number, "count-log-odds")
        counts = self.corpus.reduce_partitions(name, count, pages, n_partitions=self.n_partitions)
        path = _of(number, "centres.json")
        return self.corpus.artefact(path, FindCentres(self.targets), counts)

    def _patterns(self, number: int, models: Models, scores: Parts) -> tuple[Parts, Parts]:
        """The domains that were counted, and the patterns proposed with what was decided."""
        options, corpus, n_partitions = self.options, self.corpus, self.n_partitions
        rules = PatternRules(
            options.domain_share,
            options.pattern_share,
            options.pattern_pages,
            by_rule=not self.seeding.decisions_file,
        )
        count = CountNodes(
            self.targets, models.latest, options.pattern_depth, n_partitions, self.large
        )
        nodes = corpus.shuffle(_of(number, "count-nodes"), count, source=scores)
        domains = corpus.reduce_partitions(
            "list-domains",
            ListDomains(self.targets, rules),
            nodes,
            n_partitions=n_partitions,
            keep_as=_of(number, "domains"),
        )
        patterns = corpus.reduce_partitions(
            "propose-patterns",
            ProposePatterns(rules, self.seeding.annotations.until(number)),
            nodes,
            n_partitions=n_partitions,
            keep_as=_of(number, "patterns"),
        )
        return domains, patterns

    def _describe(
        self, number: int, models: Models, last: Iteration | None, *found: Parts
    ) -> Artefact:
        """`metrics.json`, without what was found if every model was rejected."""
        options = self.options
        step = Metrics(
            number,
            self.targets,
            models.trained,
            models.latest,
            models.rejected,
            options.training().model_dump(),
            last.metrics if last else None,
            None if self.seeding.decisions_file else options.min_growth,
        )
        return self.corpus.artefact(_of(number, METRICS), step, *found)

    def _large_sites(self) -> Artefact | None:
        """The sites that are split over partitions; a crawl below their size has none."""
        corpus = self.corpus
        if corpus.n_rows() < SPLIT_PAGES or not self.targets:
            return None
        count = CountSites(self.n_partitions, self.seeding.places)
        counts = corpus.shuffle("count-sites", count, reads=count.reads)
        large = corpus.reduce_partitions(
            "keep-large-sites", KeepLargeSites(SPLIT_PAGES), counts, n_partitions=self.n_partitions
        )
        return corpus.artefact("sites/large.arrow", WriteSites(), large)


def _of(number: int, name: str) -> str:
    """What belongs to one iteration."""
    return f"iteration-{number}/{name}"


def _is_less_precise(new: Artefact, old: Artefact) -> bool:
    """Whether a model's held-out precision fell; unknown while a run is only planned."""
    if not is_made(old) or not is_made(new):
        return False
    return precision_fell(load_learned(old.read()).held_out, load_learned(new.read()).held_out)
