"""Recall at the size of a crawl: domains and URL patterns of 40 million synthetic page scores.

    python -m benchmarks.recall_scale [PAGES] [DOMAINS] [LARGEST] [ITERATIONS]

Runs the recall stage itself through the real engine (runner, receipts, shuffles on a local disk,
two Ray workers). Two things are synthetic: the documents, which have an address and no text, and
what a classifier would say of them (`Classified`, `Trained`). All that follows is what a run does:
large sites, directories, domains, patterns, metrics, acceptance, verdicts; with a second iteration
also the pages the first one recalled.

The crawl (`recall_at_scale/crawl.py`) is skewed as the web is, and its first domain has the share
LARGEST of all pages (0.04 by default: more than a task should hold, so it is split by its
directories; try 0.9). What the run must find is known by counting, and compared with what it wrote.

Printed per step: tasks, rows, seconds, CPU, the most memory a worker and the driver held in that
step, and the bytes of its scratch or table.
"""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.recall_at_scale.crawl import DOCUMENTS, Crawl
from benchmarks.recall_at_scale.meter import MIB, Meter
from pipeline.engine.corpus import EngineCorpus
from pipeline.engine.executor import Executor, Resources
from pipeline.engine.lineage import Table, Tables
from pipeline.engine.plans import Plan, PlanSequence
from pipeline.engine.ray.executor import RayExecutor
from pipeline.engine.runner import Monitor, Runner
from pipeline.engine.work.task import Context, Limits, Quarantine, Result
from pipeline.storage.storage import LocalStorage
from pipeline.storage.tables import BATCH_ROWS, write_parquet
from stages.contract import Batches
from stages.kernels.fasttext.scoring import Collapsed
from stages.recall.classifier.calibrate import Calibration, HeldOut
from stages.recall.classifier.evidence import PageEvidence
from stages.recall.classifier.model import TrainedModel
from stages.recall.classifier.score import ScorePages, logit_schema
from stages.recall.learn import TrainTarget
from stages.recall.options import RecallOptions
from stages.recall.stage import RecallStage

PAGES, DOMAINS, LARGEST = 40_000_000, 2_000_000, 0.04
TARGET = "code"
PAGE_TOKENS = 1000
LOG_ODDS = 4.0
"""What the synthetic classifier says of a hit; of others, the negative of it."""
MEMORY_BYTES = 1 << 30
"""A worker that ever holds more than this fails the benchmark."""


@dataclass(frozen=True)
class MakePages:
    """Writes one shard of documents."""

    crawl: Crawl
    shard: int

    def run(self, context: Context, quarantine: Quarantine) -> Result:
        rows = self.crawl.documents(self.crawl.pages(self.shard))
        with write_parquet(context.storage, context.temporary, DOCUMENTS) as (table, written):
            for start in range(0, len(rows), BATCH_ROWS):
                table.write(rows.slice(start, BATCH_ROWS))
        return Result(written, records=len(rows))


@dataclass(frozen=True)
class Classified:
    """Stands for `ScorePages`: hits are the pages of the first folder of every tenth domain."""

    schema: ClassVar[pa.Schema] = logit_schema((TARGET,))
    reads: ClassVar[list[str]] = schema.names[:-2]

    def __call__(self, batches: Batches) -> Batches:
        """Read places and addresses, yield log-odds."""
        for batch in batches:
            tenth = pc.match_substring_regex(batch.column("domain"), r"^site-\d*0\.org$")
            hit = pc.and_(tenth, pc.match_substring(batch.column("url"), ".org/d0/"))
            logits = pc.if_else(hit, LOG_ODDS, -LOG_ODDS)
            places = (batch.column(name) for name in self.reads)
            n_tokens = pa.array(np.full(len(batch), PAGE_TOKENS, np.int32))
            yield pa.record_batch([*places, n_tokens, logits], schema=self.schema)


@dataclass(frozen=True)
class Trained:
    """Stands for `TrainTarget`: a model whose threshold is one half."""

    iteration: str

    def __call__(self, *sources: Batches) -> bytes:
        """The model file."""
        none = np.zeros((1, 1), np.float32)
        table = Collapsed(("n", "p"), 3, np.zeros(0, np.uint32), none[:, 0:0], none[0], none)
        even = Calibration(1.0, 0.5)
        page = PageEvidence((1.0, 1.0, 1.0, 0.0, 0.0), 0.0, even, background=-1.0)
        return TrainedModel(table, even, HeldOut(1, 1, 1.0, 1.0), "small", page).to_bytes()


class ClassifiedCorpus(EngineCorpus):
    """The engine's verbs; training and scoring are replaced, nothing else."""

    def artefacts_in(self, folder: str, steps: Any, *sources: Any) -> Any:
        if all(isinstance(step, TrainTarget) for step in steps.values()):
            return super().artefacts_in(
                folder, {name: Trained(f"{folder}/{name}") for name in steps}
            )
        return super().artefacts_in(folder, steps, *sources)

    def map_shards(self, name: str, step: Any, *, reads: Any = (), **options: Any) -> Any:
        if isinstance(step, ScorePages):
            return super().map_shards(name, Classified(), reads=Classified.reads, **options)
        return super().map_shards(name, step, reads=reads, **options)


def recall(
    root: Path, crawl: Crawl, executor: Executor, monitor: Monitor, options: RecallOptions
) -> dict[str, int]:
    """Run the stage over the crawl; what it found, read from what it wrote."""
    storage = LocalStorage(root)
    runner = Runner(storage, executor, monitor, 1, Limits(60.0), 0.01)
    resources = Resources(1.0, 0)
    keys = [f"{number:05d}" for number in range(crawl.n_shards)]

    def plan(key: str) -> Plan:
        components = {"pages": crawl.n_pages, "domains": crawl.n_domains, "shard": int(key)}
        return Plan(key, components, lambda: MakePages(crawl, int(key)))

    documents = runner.ensure("web.documents", "web/documents", PlanSequence(keys, plan), resources)
    web, seeds = Tables("web"), Tables("seeds")
    web.add(Table("web.documents", "web/documents", DOCUMENTS, documents))
    seeds.add(Table("seeds.documents", "seeds/documents", DOCUMENTS, {}))
    corpus = ClassifiedCorpus(
        runner,
        {"web": web, "seeds": seeds},
        "web",
        RecallStage(options),
        "web.recall.decide",
        "web.recall",
        "web/recall",
        resources,
    )
    RecallStage(options).run(corpus)
    corpus.finish()
    return found(root, options.iterations)


def found(root: Path, iteration: int) -> dict[str, int]:
    """The counts of `Crawl.expected`, from the tables of an iteration and the verdicts."""
    folder = root / "web" / "recall" / f"iteration-{iteration}"
    domains = [pq.read_table(path) for path in sorted((folder / "domains").glob("*.parquet"))]
    patterns = [pq.read_table(path) for path in sorted((folder / "patterns").glob("*.parquet"))]
    verdicts = (root / "web" / "recall").glob("*.parquet")
    lists = [pq.read_table(path, columns=["recalled"])["recalled"] for path in sorted(verdicts)]
    names = {name for table in domains for name in table["domain"].to_pylist()}
    assert len(names) == sum(map(len, domains)), "a domain is listed twice"
    return {
        "pages": sum(_sum(table["n_pages"]) for table in domains),
        "recalled": sum(_sum(pc.list_value_length(one)) for one in lists),
        "domains": len(names),
        "target_domains": sum(_sum(table[f"is_{TARGET}"]) for table in domains),
        "patterns": sum(map(len, patterns)),
        "accepted": sum(_sum(table["accepted"]) for table in patterns),
    }


def _sum(column: Any) -> int:
    return pc.sum(column).as_py() or 0


def options_of(iterations: int) -> RecallOptions:
    """The defaults, with one target."""
    return RecallOptions(targets={TARGET: {"seeds": ["seeds.jsonl"]}}, iterations=iterations)


def main() -> None:
    """All of it in a temporary folder."""
    given = [float(argument) for argument in sys.argv[1:]]
    n_pages, n_domains, largest, iterations = (
        *given,
        *(PAGES, DOMAINS, LARGEST, 1)[len(given) :],
    )
    crawl, options = Crawl(int(n_pages), int(n_domains), largest), options_of(int(iterations))
    print(
        f"{crawl.n_pages:,} pages in {crawl.n_shards:,} shards, {crawl.n_domains:,} domains, the "
        f"largest with {largest:.0%}; two Ray workers\n\n"
        "step                  tasks         rows  seconds      CPU   rows/s CPU  worker   driver"
        "        MB\n"
        "                                                                              MiB      MiB"
        "   written"
    )
    meter = Meter()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "run")
        with RayExecutor(LocalStorage(root), 3, None, 2) as executor:
            result = recall(root, crawl, executor, meter, options)
    expected = crawl.expected(options)
    print()
    for name, number in expected.items():
        print(f"{name:<16} {result[name]:>12,} found {number:>12,} expected")
    assert result == expected
    scratch = sum(cost.written for cost in meter.costs)
    peak = max(cost.worker_bytes for cost in meter.costs)
    seconds, cpu = (sum(getattr(c, n) for c in meter.costs) for n in ("seconds", "cpu_seconds"))
    print(
        f"\n{seconds:,.0f} s, {cpu:,.0f} s CPU in workers; {scratch / 1e9:.1f} GB written; "
        f"a worker held {peak / MIB:,.0f} MiB at most"
    )
    assert peak <= MEMORY_BYTES, "memory is not bounded"


if __name__ == "__main__":
    main()
