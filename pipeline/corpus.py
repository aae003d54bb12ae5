"""The tables of a corpus, and the engine's verbs over them.

A corpus stage's `run` builds a graph of lazy parts: what each would be made from is known at
once (fingerprints), but it is made only if something stale depends on it. So raising a threshold
that only the last step depends on makes the last step alone.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import version
from typing import Any

import pyarrow as pa

from pipeline.digest import fingerprint
from pipeline.executor import Resources
from pipeline.receipts import Receipt
from pipeline.runner import Plan, Runner
from pipeline.tables import TableRead
from pipeline.work.alignment import FACT_PREFIX, OWN_QUARANTINED, PREVIOUS_KEEP, Alignment
from pipeline.work.steps import PartsSource, Scratch, ShardSource, ShardStepWork, StepWork
from pipeline.work.task import Work
from schemas.verdicts import QUARANTINED, verdict_table
from stages.contract import (
    ALIVE,
    ROW,
    SHARD,
    CorpusStage,
    Output,
    Parts,
    ShardStep,
    Shuffled,
    Step,
)
from stages.errors import StageError

FACTS = ("n_bytes", "license", "language", "other", "natural_language")
"""Columns the statistics of every later table are broken down by."""


@dataclass(frozen=True)
class Table:
    """One table of a corpus: a folder of shards with receipts."""

    stage: str
    folder: str
    schema: pa.Schema
    receipts: Mapping[str, Receipt]

    def path(self, key: str) -> str:
        """Where a shard lies in the run folder."""
        return f"{self.folder}/{self.receipts[key].object}"


@dataclass
class Tables:
    """The tables of one corpus, in the order of its stages; the first is its documents."""

    corpus: str
    tables: list[Table] = field(default_factory=list)
    verdict: Table | None = None
    """The latest table with `keep`."""

    @property
    def keys(self) -> list[str]:
        return sorted(self.tables[0].receipts)

    def add(self, table: Table) -> None:
        self.tables.append(table)
        if "keep" in table.schema.names:
            self.verdict = table

    def columns(self) -> set[str]:
        """Every column a stage may read now."""
        return {name for table in self.tables for name in table.schema.names}

    def provider(self, column: str) -> Table:
        """The nearest table upstream that has the column."""
        for table in reversed(self.tables):
            if column in table.schema.names:
                return table
        raise StageError(f"no stage of {self.corpus} before this one has a column {column!r}")

    def align(
        self, key: str, columns: Sequence[str], *, verdict: bool, facts: bool
    ) -> tuple[Alignment, dict[str, Any]]:
        """The reads of one shard for these columns, and their part of the fingerprint."""
        documents = self.tables[0]
        wanted: dict[str, list[tuple[str, str]]] = {documents.folder: []}
        components: dict[str, Any] = {"shard": int(key)}

        def want(table: Table, column: str, name: str) -> None:
            wanted.setdefault(table.folder, []).append((column, name))
            components[f"{table.stage}.{column}"] = table.receipts[key].columns[column]

        for column in columns:
            if column not in (ALIVE, SHARD, ROW):
                want(self.provider(column), column, column)
        if "doc_id" not in columns:
            want(documents, "doc_id", "doc_id")
        if verdict and self.verdict is not None:
            want(self.verdict, "keep", PREVIOUS_KEEP)
        own = self.tables[-1]
        if verdict and QUARANTINED in own.schema.names:
            want(own, QUARANTINED, OWN_QUARANTINED)
        if facts:
            for column in FACTS:
                if column in self.columns():
                    want(self.provider(column), column, f"{FACT_PREFIX}{column}")
        by_folder = {table.folder: table for table in self.tables}
        reads = tuple(_read(by_folder[folder], key, pairs) for folder, pairs in wanted.items())
        return Alignment(int(key), reads), components


def _read(table: Table, key: str, pairs: Sequence[tuple[str, str]]) -> TableRead:
    """One read per column and name; a column read under two names is read twice."""
    return TableRead(table.path(key), tuple(pairs))


def library_versions(libraries: Sequence[str]) -> dict[str, str]:
    """Distribution → installed version."""
    return {name: version(name) for name in libraries}


def step_components(stage: CorpusStage, step: Step | ShardStep) -> dict[str, Any]:
    """What a step's output depends on besides its input."""
    fields = asdict(step)  # type: ignore[call-overload]
    return {
        "step": type(step).__name__,
        "version": stage.version,
        "options": json.loads(json.dumps(fields, default=repr, sort_keys=True)),
        "libraries": library_versions(stage.libraries),
    }


class LazyParts:
    """Objects of one step: their fingerprints now, the objects when they are needed."""

    def __init__(
        self, corpus: "EngineCorpus", name: str, folder: str, step: Step, plans: list[Plan]
    ) -> None:
        self._corpus = corpus
        self._name = name
        self.folder = folder
        self.schema = step.schema
        self._plans = plans
        self._receipts: dict[str, Receipt] | None = None

    @property
    def n_parts(self) -> int:
        return len(self._plans)

    @property
    def fingerprint(self) -> str:
        """Of all parts together."""
        return fingerprint([plan.fingerprint for plan in self._plans])

    def part_fingerprint(self, index: int) -> str:
        return self._plans[index].fingerprint

    def made(self) -> dict[str, Receipt]:
        """Key → receipt, after making what is stale."""
        if self._receipts is None:
            self._receipts = self._corpus.ensure(self._name, self.folder, self._plans)
        return self._receipts

    def scratch(self) -> list[Scratch]:
        """The objects, in order."""
        receipts = self.made()
        return [Scratch(f"{self.folder}/{receipts[plan.key].object}") for plan in self._plans]

    def read(self) -> Iterator[pa.RecordBatch]:
        """All batches in order."""
        for part in self.scratch():
            yield from part.read(self._corpus.runner.storage)


class LazyShuffled(LazyParts):
    """Partition-sorted objects."""

    def sizes(self) -> dict[int, tuple[int, int]]:
        """Partition → (rows, bytes), remembered beside the stage so that deleting scratch data
        costs nothing as long as nothing changed."""
        memo = f"{self._corpus.stage_folder}/{self._name}.sizes.json"
        storage = self._corpus.runner.storage
        if storage.exists(memo):
            content = json.loads(storage.read_bytes(memo))
            if content["fingerprint"] == self.fingerprint:
                return {int(p): (rows, size) for p, (rows, size) in content["sizes"].items()}
        sizes: dict[int, tuple[int, int]] = {}
        for receipt in self.made().values():
            for partition, (rows, size, _) in receipt.summary.get("partitions", {}).items():
                before = sizes.get(int(partition), (0, 0))
                sizes[int(partition)] = (before[0] + rows, before[1] + size)
        sizes = dict(sorted(sizes.items()))
        if not self._corpus.runner.dry:
            content = {"fingerprint": self.fingerprint, "sizes": sizes}
            storage.write(memo, json.dumps(content).encode())
        return sizes

    def partition(self, numbers: Sequence[int]) -> list[Scratch]:
        """Where the rows of these partitions lie: partition by partition, in map order."""
        receipts = self.made()
        found = []
        for number in numbers:
            for plan in self._plans:
                receipt = receipts[plan.key]
                entry = receipt.summary.get("partitions", {}).get(str(number))
                if entry is not None:
                    found.append(Scratch(f"{self.folder}/{receipt.object}", tuple(entry[2])))
        return found


class EngineCorpus:
    """The verbs of `stages.contract.Corpus`, for one stage of one corpus."""

    def __init__(
        self,
        runner: Runner,
        tables: Tables,
        stage: CorpusStage,
        name: str,
        stage_name: str,
        stage_folder: str,
        resources: Resources,
    ) -> None:
        self.runner = runner
        self.name = tables.corpus
        self.stage_folder = stage_folder
        self._tables = tables
        self._stage = stage
        self._name = name
        self._resources = resources
        self._stage_name = stage_name
        self.decided: Table | None = None
        self.written: dict[str, dict[str, Receipt]] = {}

    @property
    def n_shards(self) -> int:
        return len(self._tables.keys)

    def n_rows(self) -> int:
        return sum(receipt.rows for receipt in self._tables.tables[0].receipts.values())

    def n_bytes(self) -> int:
        documents = self._tables.tables[0].receipts.values()
        return sum(
            row[4]
            for receipt in documents
            for row in receipt.summary.get("statistics", {}).get("cube", [])
        )

    def ensure(self, name: str, folder: str, plans: Sequence[Plan]) -> dict[str, Receipt]:
        """As the runner's, under this stage's name and with its resources."""
        return self.runner.ensure(name, folder, plans, self._resources)

    def map_shards(
        self,
        step: Step,
        *,
        reads: Sequence[str] = (),
        source: Parts | None = None,
        everything: bool = False,
        keep_as: str | None = None,
    ) -> LazyParts:
        plans = self._plans(step, reads, source, everything, durable=keep_as is not None)
        return LazyParts(self, self._step_name(step), self._folder(step, keep_as), step, plans)

    def shuffle(
        self,
        step: Step,
        *,
        reads: Sequence[str] = (),
        source: Parts | None = None,
        everything: bool = False,
    ) -> LazyShuffled:
        plans = self._plans(step, reads, source, everything, partitioned=True)
        return LazyShuffled(self, self._step_name(step), self._folder(step, None), step, plans)

    def reduce_partitions(
        self,
        step: Step,
        *sources: Shuffled,
        n_partitions: int,
        keep_as: str | None = None,
    ) -> LazyParts:
        shuffled = [_lazy(source) for source in sources]
        plans = [
            Plan(
                key=f"{number:05d}",
                components={
                    **step_components(self._stage, step),
                    "partition": [number, n_partitions],
                    "sources": [source.fingerprint for source in shuffled],
                },
                make=_reduce(step, shuffled, (number,), durable=keep_as is not None),
                extension="arrow" if keep_as is None else "parquet",
            )
            for number in range(n_partitions)
        ]
        return LazyParts(self, self._step_name(step), self._folder(step, keep_as), step, plans)

    def write(self, step: Step, source: Shuffled, outputs: Sequence[Output]) -> None:
        shuffled = _lazy(source)
        folders: dict[str, list[Plan]] = {}
        for output in outputs:
            folder, _, name = output.path.rpartition("/")
            plan = Plan(
                key=name.removesuffix(".parquet"),
                components={
                    **step_components(self._stage, step),
                    "partitions": list(output.partitions),
                    "sources": [shuffled.fingerprint],
                },
                make=_reduce(step, [shuffled], output.partitions, durable=True),
            )
            folders.setdefault(folder, []).append(plan)
        for folder, plans in folders.items():
            self.written[folder] = self.ensure(self._step_name(step), folder, plans)

    def decide(self, step: ShardStep, records: Shuffled, *, reads: Sequence[str] = ()) -> None:
        shuffled = _lazy(records)
        plans = []
        for key in self._tables.keys:
            alignment, components = self._tables.align(key, reads, verdict=True, facts=True)
            components = {
                **step_components(self._stage, step),
                **components,
                "records": shuffled.fingerprint,
            }
            make = _decision(step, alignment, tuple(reads), shuffled)
            plans.append(Plan(key, components, make))
        receipts = self.ensure(self._step_name(step), self.stage_folder, plans)
        schema = verdict_table(step.schema)
        self.decided = Table(self._stage_name, self.stage_folder, schema, receipts)

    def _step_name(self, step: Step | ShardStep) -> str:
        return f"{self._name}.{_kebab(type(step).__name__)}"

    def _folder(self, step: Step, keep_as: str | None) -> str:
        if keep_as is not None:
            return f"{self.stage_folder}/{keep_as}"
        return f"{self.scratch}/{_kebab(type(step).__name__)}"

    @property
    def scratch(self) -> str:
        """Where intermediates lie: deletable once the stage is committed."""
        return f"scratch/{self._name}"

    def _plans(
        self,
        step: Step,
        reads: Sequence[str],
        source: Parts | None,
        everything: bool,
        *,
        partitioned: bool = False,
        durable: bool = False,
    ) -> list[Plan]:
        own = step_components(self._stage, step)
        extension = "parquet" if durable else "arrow"
        if source is not None:
            parts = _lazy(source)
            return [
                Plan(
                    f"{index:05d}",
                    {**own, "source": parts.part_fingerprint(index)},
                    _over_part(step, parts, index, partitioned, durable),
                    extension,
                )
                for index in range(parts.n_parts)
            ]
        plans = []
        verdict = not everything or ALIVE in reads
        for key in self._tables.keys:
            alignment, components = self._tables.align(key, reads, verdict=verdict, facts=False)
            shard = ShardSource(alignment, tuple(reads), everything)
            work = StepWork(step, shard, partitioned, durable)
            plans.append(Plan(key, {**own, **components}, partial(_same, work), extension))
        return plans


def _same(work: Work) -> Work:
    return work


def _reduce(
    step: Step, sources: Sequence[LazyShuffled], partitions: tuple[int, ...], durable: bool
) -> Callable[[], Work]:
    def make() -> Work:
        parts = [part for source in sources for part in source.partition(partitions)]
        return StepWork(step, PartsSource(tuple(parts)), durable=durable)

    return make


def _over_part(
    step: Step, parts: LazyParts, index: int, partitioned: bool, durable: bool
) -> Callable[[], Work]:
    def make() -> Work:
        return StepWork(step, PartsSource((parts.scratch()[index],)), partitioned, durable)

    return make


def _decision(
    step: ShardStep, alignment: Alignment, columns: tuple[str, ...], records: LazyShuffled
) -> Callable[[], Work]:
    def make() -> Work:
        parts = tuple(records.partition([alignment.shard]))
        return ShardStepWork(step, alignment, columns, parts, records.schema)

    return make


def _lazy(parts: Parts | Shuffled) -> Any:
    """The engine's own object behind the contract's protocol."""
    assert isinstance(parts, LazyParts)
    return parts


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
