"""Recall at the size of a crawl: domains and URL patterns of 40 million synthetic page scores.

    python benchmarks/recall_scale.py [PAGES] [DOMAINS] [LARGEST] [ITERATIONS]

Runs the recall stage itself through the real engine (runner, receipts, shuffles on a local disk,
two Ray workers). Two things are synthetic: the documents, which have an address and no text, and
what a classifier would say of them (`Classified`, `Trained`). All that follows is what a run does:
large sites, directories, domains, patterns, metrics, acceptance, verdicts; with a second iteration
also the pages the first one recalled.

Sizes of domains are skewed as those of the web are: every domain has a page, most of the others
lie in few. The first has the share LARGEST of all pages (0.04 by default: more than a task should
hold, so it is split by its directories; try 0.9). Every tenth domain holds hits, in one of its four
folders. So the domains, the target's domains, the accepted patterns and the recalled pages are
known by counting, and compared with what the run wrote.

Printed per step: tasks, rows, seconds, CPU, the most memory a worker and the driver held in that
step, and the bytes of its scratch or table.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.engine.corpus import EngineCorpus
from pipeline.engine.executor import Executor, Resources
from pipeline.engine.lineage import Table, Tables
from pipeline.engine.ray_executor import RayExecutor
from pipeline.engine.runner import Monitor, Plan, PlanSequence, Runner
from pipeline.engine.work.task import Context, Limits, Outcome, Quarantine, Result
from pipeline.storage.storage import LocalStorage
from pipeline.storage.tables import BATCH_ROWS, write_parquet
from schemas.columns import DOC_ID
from stages.contract import Batches
from stages.kernels.fasttext import Collapsed
from stages.recall.classifier.calibrate import Calibration, HeldOut
from stages.recall.classifier.evidence import MARKUP, PageEvidence
from stages.recall.classifier.learn import TrainTarget
from stages.recall.classifier.model import TrainedModel
from stages.recall.classifier.score import ScorePages, logit_schema
from stages.recall.options import RecallOptions
from stages.recall.stage import RecallStage

PAGES, DOMAINS, LARGEST = 40_000_000, 2_000_000, 0.04
SHARD_PAGES = 50_000
"""Pages of a shard: those of a WARC file or two."""
FOLDERS = 4
TARGET = "code"
PAGE_TOKENS = 1000
LOG_ODDS = 4.0
"""What the synthetic classifier says of a hit; of others, the negative of it."""
MEMORY_BYTES = 1 << 30
"""A worker that ever holds more than this fails the benchmark."""
MIB = 1 << 20

Numbers = npt.NDArray[np.int64]
DOCUMENTS = pa.schema(
    [
        pa.field("doc_id", DOC_ID),
        pa.field("domain", pa.string()),
        pa.field("url", pa.string()),
        pa.field("text", pa.large_string()),
        *(pa.field(name, pa.int32()) for name in MARKUP),
    ]
)


@dataclass(frozen=True)
class Crawl:
    """Which page lies where."""

    n_pages: int
    n_domains: int
    largest: float

    @property
    def n_shards(self) -> int:
        return -(-self.n_pages // SHARD_PAGES)

    def pages(self, shard: int) -> Numbers:
        """The numbers of a shard's pages."""
        return np.arange(shard * SHARD_PAGES, min((shard + 1) * SHARD_PAGES, self.n_pages))

    def places(self, pages: Numbers) -> tuple[Numbers, Numbers]:
        """Each page's domain and folder. The first pages are one of each domain; of the rest the
        first domain has its share, and the density of the others falls with the number's power of
        two thirds."""
        one, other = _uniform(pages, 1), _uniform(pages, 2)
        drawn = 1 + ((self.n_domains - 1) * other**3).astype(np.int64)
        domain = np.where(one < self.largest, 0, drawn)
        domain = np.where(pages < self.n_domains, pages, domain)
        return domain, (_uniform(pages, 3) * FOLDERS).astype(np.int64)

    def documents(self, pages: Numbers) -> pa.RecordBatch:
        """Their identities and addresses, of about 60 bytes."""
        domain, folder = self.places(pages)
        names = pc.binary_join_element_wise("site-", _text(domain), ".org", "")
        urls = pc.binary_join_element_wise(
            "https://www.",
            names,
            "/d",
            _text(folder),
            "/reference/2024/page-",
            _text(pages),
            ".html",
            "",
        )
        identity = np.ascontiguousarray(np.stack([_mixed(pages, 4), pages.view(np.uint64)], axis=1))
        doc_ids = pa.FixedSizeBinaryArray.from_buffers(
            DOC_ID, len(pages), [None, pa.py_buffer(identity)]
        )
        nothing = (pa.nulls(len(pages), column.type) for column in list(DOCUMENTS)[3:])
        return pa.record_batch([doc_ids, names, urls, *nothing], schema=DOCUMENTS)

    def expected(self, options: RecallOptions) -> dict[str, int]:
        """What the run must find, counted per domain and folder."""
        counts = np.zeros((self.n_domains, FOLDERS), np.int64)
        for shard in range(self.n_shards):
            domain, folder = self.places(self.pages(shard))
            np.add.at(counts, (domain, folder), 1)
        n_pages = counts.sum(axis=1)
        n_hits = np.where(np.arange(self.n_domains) % 10 == 0, counts[:, 0], 0)
        is_target = n_hits > options.domain_share * n_pages
        enough = is_target & (n_pages >= options.pattern_pages)
        host = enough & (n_hits > options.pattern_share * n_pages)
        folder = is_target & (n_hits >= options.pattern_pages) & (n_hits < n_pages)
        return {
            "pages": int(n_pages.sum()),
            "recalled": int(n_hits.sum()),
            "domains": int(np.count_nonzero(n_pages)),
            "target_domains": int(is_target.sum()),
            "patterns": int(enough.sum() + folder.sum()),
            "accepted": int(host.sum() + folder.sum()),
        }


def _mixed(numbers: Numbers, salt: int) -> npt.NDArray[np.uint64]:
    """SplitMix64 of each number."""
    value = (numbers.astype(np.uint64) << np.uint64(3)) + np.uint64(salt)
    value *= np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def _uniform(numbers: Numbers, salt: int) -> npt.NDArray[np.float64]:
    """A number from 0 to below 1 for each, the same every time."""
    return (_mixed(numbers, salt) >> np.uint64(11)).astype(np.float64) / 2.0**53


def _text(numbers: Numbers) -> pa.Array:
    return pa.array(numbers).cast(pa.string())


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

    def artefact(self, path: str, step: Any, *sources: Any) -> Any:
        if isinstance(step, TrainTarget):
            return super().artefact(path, Trained(path))
        return super().artefact(path, step, *sources)

    def map_shards(self, step: Any, *, reads: Any = (), **options: Any) -> Any:
        if isinstance(step, ScorePages):
            return super().map_shards(Classified(), reads=Classified.reads, **options)
        return super().map_shards(step, reads=reads, **options)


@dataclass
class StepCost:
    """What one step took."""

    step: str
    tasks: int = 0
    rows: int = 0
    written: int = 0
    cpu_seconds: float = 0.0
    seconds: float = 0.0
    worker_bytes: int = 0
    """The most any worker held during the step."""
    driver_bytes: int = 0


@dataclass
class Meter(Monitor):
    """Measures each step. Peaks are the kernel's (`VmHWM`), set back as a step begins."""

    costs: list[StepCost] = field(default_factory=list)
    show: bool = True

    def step_started(self, step: str, n_tasks: int, n_stale: int) -> None:
        for process in (os.getpid(), *_descendants()):
            _reset_peak(process)
        self.costs.append(StepCost(step))
        self._started = time.monotonic()

    def task_done(self, step: str, key: str, outcome: Outcome) -> None:
        cost = self.costs[-1]
        cost.tasks += 1
        cost.rows += outcome.result.records
        cost.written += outcome.result.written.size
        cost.cpu_seconds += outcome.cpu_seconds
        cost.worker_bytes = max(cost.worker_bytes, outcome.peak_bytes or 0)

    def step_ended(self, step: str) -> None:
        cost = self.costs[-1]
        cost.seconds = time.monotonic() - self._started
        cost.driver_bytes = _peak()
        if self.show:
            print(
                f"{cost.step.rpartition('.')[2]:<20} {cost.tasks:>6,} {cost.rows:>12,} "
                f"{cost.seconds:>8.1f} {cost.cpu_seconds:>8.1f} "
                f"{cost.rows / max(cost.cpu_seconds, 1e-9):>12,.0f} "
                f"{cost.worker_bytes / MIB:>8,.0f} {cost.driver_bytes / MIB:>8,.0f} "
                f"{cost.written / 1e6:>9,.0f}",
                flush=True,
            )


def _descendants() -> Iterator[int]:
    """The processes this one started, directly or not."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        parents[int(status.parent.name)] = int(fields[1])
    for process in parents:
        above = process
        while above in parents and above != os.getpid():
            above = parents[above]
        if above == os.getpid() and process != above:
            yield process


def _reset_peak(process: int) -> None:
    try:
        Path(f"/proc/{process}/clear_refs").write_text("5")
    except OSError:  # it has ended
        return


def _peak() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


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
