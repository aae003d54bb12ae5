"""Recalling the pages of each target from a crawl: the loop, then a verdict on every page.

Of the pages no target recalls, a share is kept as natural language, drawn by identity.
"""

from typing import ClassVar

from stages.contract import Artefact, Corpus, Parts
from stages.recall.budget import CountTokens, FindThresholds
from stages.recall.decide import RecallPages, to_shards
from stages.recall.loop import Loop
from stages.recall.metrics import LIBRARIES
from stages.recall.options import RecallOptions
from stages.recall.seeding import WebSeeds


class RecallStage:
    """Corpus stage `recall`."""

    name: ClassVar[str] = "recall"
    version: ClassVar[int] = 9
    libraries: ClassVar[tuple[str, ...]] = LIBRARIES
    Options: ClassVar[type[RecallOptions]] = RecallOptions

    def __init__(self, options: RecallOptions) -> None:
        self.options = options

    def run(self, corpus: Corpus) -> None:
        """Iterate, then decide."""
        options = self.options
        last = Loop(corpus, options, WebSeeds(corpus, options)).run()
        targets = tuple(options.targets)
        corpus.decide(
            RecallPages(
                targets,
                last.models.latest,
                options.threshold,
                natural_share=options.natural_share if targets else 1.0,
                seed=options.seed,
                iteration=last.number,
                budget=self._budget(corpus, last.scores),
            ),
            corpus.shuffle("to-shards", to_shards(targets), source=last.scores),
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
        counts = corpus.map_shards("count-tokens", count, source=scores)
        return corpus.artefact("budget/thresholds.json", FindThresholds(budgets), counts)
