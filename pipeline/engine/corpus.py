"""The engine's verbs over the tables of a corpus: see `stages.contract.Corpus`."""

import re
from collections.abc import Collection, Mapping, Sequence
from copy import copy
from functools import partial
from types import MappingProxyType
from typing import Any

from pipeline.engine.earlier.runs import EarlierRun
from pipeline.engine.executor import Resources
from pipeline.engine.lineage import Table, Tables, describe, library_versions
from pipeline.engine.parts import (
    MEMO_SUFFIX,
    Ensure,
    LazyParts,
    LazyShuffled,
    StoredArtefact,
    deciding,
    making_artefact,
    over_part,
    picking,
    reducing,
    same,
)
from pipeline.engine.plans import Plan, shard_key
from pipeline.engine.runner import Runner
from pipeline.engine.work.steps import ShardSource, StepWork, without_partition
from pipeline.storage.digest import fingerprint
from pipeline.storage.receipts import Receipt, Receipts
from pipeline.storage.statistics import statistics_of
from pipeline.storage.storage import Storage
from schemas.verdicts import verdict_table
from stages.contract import (
    ALIVE,
    Artefact,
    ArtefactStep,
    CorpusStage,
    Output,
    Parts,
    RowStep,
    ShardStep,
    Shuffled,
    Step,
)


def step_components(stage: CorpusStage, step: Any) -> dict[str, Any]:
    """What a step's output depends on besides its input."""
    return {
        "step": type(step).__name__,
        "version": stage.version,
        "options": describe(step),
        "libraries": library_versions(stage.libraries),
    }


class EngineCorpus:
    """The verbs of `stages.contract.Corpus`, for one stage of one corpus."""

    def __init__(
        self,
        runner: Runner,
        tables: Mapping[str, Tables],
        corpus: str,
        stage: CorpusStage,
        name: str,
        stage_name: str,
        stage_folder: str,
        resources: Resources,
        before: Mapping[str, EarlierRun] = MappingProxyType({}),
    ) -> None:
        self.runner = runner
        self.name = corpus
        self.stage_folder = stage_folder
        self._all_tables = tables
        self._tables = tables[corpus]
        self._stage = stage
        self._name = name
        self._resources = resources
        self._stage_name = stage_name
        self._scratch = f"scratch/{name}"
        self._kept: list[LazyParts] = []
        self._claimed: dict[str, Sequence[Plan]] = {}
        self._before = before
        self._elsewhere: Storage | None = None
        self.decided: Table | None = None
        self.written: dict[str, dict[str, Receipt]] = {}

    @property
    def n_shards(self) -> int:
        return 1 + max(map(int, self._tables.keys), default=-1)

    def n_rows(self) -> int:
        return sum(receipt.rows for receipt in self._tables.tables[0].receipts.values())

    def n_bytes(self) -> int:
        return statistics_of(self._tables.tables[0].receipts.values()).total().n_bytes

    def has(self, column: str) -> bool:
        return column in self._tables.columns()

    def finish(self, *, resumes: bool = False) -> None:
        """Make what the stage keeps and nothing asked for; delete the intermediates, unless the
        stage is to go on from them."""
        for parts in self._kept:
            parts.made()
        if not self.runner.dry and not resumes:
            self.runner.storage.delete_folder(self._scratch)

    def _ensure(self, name: str, folder: str) -> Ensure:
        """As the runner's, under the step's name and with the stage's resources."""
        shown = f"{self._name}.{name.rpartition('/')[2]}"
        return partial(self.runner.ensure, shown, folder, resources=self._resources)

    def _lazy_parts(
        self, name: str, step: Step | RowStep, plans: list[Plan], keep_as: str | None
    ) -> LazyParts:
        folder = self._claim(name, plans, keep_as)
        ensure = self._ensure(name, folder)
        parts = LazyParts(self.runner.storage, folder, step.schema, plans, ensure)
        if keep_as is not None:
            self._kept.append(parts)
        return parts

    def map_shards(
        self,
        name: str,
        step: Step,
        *,
        reads: Sequence[str] = (),
        source: Parts | None = None,
        everything: bool = False,
        keep_as: str | None = None,
    ) -> LazyParts:
        plans = self._plans(step, reads, source, everything, durable=keep_as is not None)
        return self._lazy_parts(name, step, plans, keep_as)

    def shuffle(
        self,
        name: str,
        step: Step,
        *,
        reads: Sequence[str] = (),
        source: Parts | None = None,
        everything: bool = False,
    ) -> LazyShuffled:
        plans = self._plans(step, reads, source, everything, partitioned=True)
        folder = self._claim(name, plans, None)
        ensure = self._ensure(name, folder)
        shuffled = LazyShuffled(
            self.runner.storage, folder, without_partition(step.schema), plans, ensure
        )
        shuffled.memo = f"{self.stage_folder}/{name}{MEMO_SUFFIX}"
        shuffled.remember = not self.runner.dry
        shuffled.adopts = self.runner.adopts
        if shuffled.remember or shuffled.adopts:
            shuffled.reads = self._tables.reads(reads)
        return shuffled

    def reduce_partitions(
        self,
        name: str,
        step: Step,
        *sources: Shuffled,
        n_partitions: int,
        keep_as: str | None = None,
    ) -> LazyParts:
        shuffled = [_lazy(source) for source in sources]
        plans = [
            Plan(
                key=shard_key(number),
                components={
                    **step_components(self._stage, step),
                    "partition": [number, n_partitions],
                    "sources": [source.fingerprint for source in shuffled],
                },
                make=reducing(step, shuffled, (number,), durable=keep_as is not None),
                extension="arrow" if keep_as is None else "parquet",
            )
            for number in range(n_partitions)
        ]
        return self._lazy_parts(name, step, plans, keep_as)

    def pick_rows(
        self,
        name: str,
        step: RowStep,
        records: Shuffled,
        *,
        reads: Sequence[str],
        shards: Collection[int] | None = None,
    ) -> LazyParts:
        shuffled = _lazy(records)
        own = step_components(self._stage, step)
        plans = []
        for key in self._tables.keys if shards is None else map(shard_key, shards):
            alignment, components = self._tables.align(key, reads, verdict=True, facts=False)
            components = {**own, **components, "records": shuffled.fingerprint}
            source = ShardSource(alignment, tuple(reads), False, self._elsewhere)
            plans.append(Plan(key, components, picking(step, source, shuffled), "arrow"))
        return self._lazy_parts(name, step, plans, None)

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
                make=reducing(step, [shuffled], output.partitions, durable=True),
            )
            folders.setdefault(folder, []).append(plan)
        for folder, plans in folders.items():
            self.written[folder] = self._ensure(_kebab(step), folder)(plans)

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
            make = deciding(step, alignment, tuple(reads), shuffled)
            plans.append(Plan(key, components, make))
        receipts = self._ensure(_kebab(step), self.stage_folder)(plans)
        schema = verdict_table(step.schema)
        self.decided = Table(self._stage_name, self.stage_folder, schema, receipts)

    def artefact(self, path: str, step: ArtefactStep, *sources: Parts) -> Artefact:
        folder, _, name = path.rpartition("/")
        return self.artefacts_in(folder, {name: step}, *sources)[0]

    def artefacts_in(
        self, folder: str, steps: Mapping[str, ArtefactStep], *sources: Parts
    ) -> tuple[Artefact, ...]:
        parts = [_lazy(source) for source in sources]
        place = f"{self.stage_folder}/{folder}".rstrip("/")
        plans = [
            Plan(
                key=name.rpartition(".")[0],
                components={
                    **step_components(self._stage, step),
                    "sources": [source.fingerprint for source in parts],
                },
                make=making_artefact(step, parts, f"{folder}/{name}"),
                extension=name.rpartition(".")[2],
            )
            for name, step in steps.items()
        ]
        first = next(iter(steps.values()))
        receipts = self._ensure(_kebab(first), place)(plans, prune=False)  # type: ignore[call-arg]
        return tuple(
            StoredArtefact(self.runner.storage, f"{place}/{receipt.object}", receipt.xxh3)
            for receipt in (receipts[plan.key] for plan in plans)
        )

    def discard(self, path: str) -> None:
        folder, _, name = path.rpartition("/")
        place, storage = f"{self.stage_folder}/{folder}".rstrip("/"), self.runner.storage
        receipts = Receipts(storage, place)
        receipt = None if self.runner.dry else receipts.load().get(name.rpartition(".")[0])
        if receipt is not None:
            receipts.discard([receipt.key])
            storage.delete(f"{place}/{receipt.object}")

    def other(self, name: str) -> "EngineCorpus":
        other = copy(self)
        other._tables = self._all_tables[name]
        other.name = name
        return other

    def earlier(self) -> dict[str, "EngineCorpus"]:
        found = {}
        for name, run in self._before.items():
            one = copy(self)
            one._tables, one._elsewhere = run.tables, run.storage
            found[name] = one
        return found

    def content(self, columns: Sequence[str]) -> str:
        return fingerprint(self._tables.reads(columns))

    def _claim(self, name: str, plans: Sequence[Plan], keep_as: str | None) -> str:
        """The folder of a step's rows. A second step may only be there if it is the same: it would
        overwrite the first one's rows before they are read."""
        folder = f"{self._scratch}/{name}" if keep_as is None else f"{self.stage_folder}/{keep_as}"
        before = self._claimed.setdefault(folder, plans)
        if before is not plans and [plan.fingerprint for plan in before] != [
            plan.fingerprint for plan in plans
        ]:
            raise ValueError(f"{self._name}: two steps would write to {folder}; name them apart")
        return folder

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
                    shard_key(index),
                    {**own, "source": parts.part_fingerprint(index)},
                    over_part(step, parts, index, partitioned, durable),
                    extension,
                )
                for index in range(parts.n_parts)
            ]
        plans = []
        verdict = not everything or ALIVE in reads
        for key in self._tables.keys:
            alignment, components = self._tables.align(key, reads, verdict=verdict, facts=False)
            shard = ShardSource(alignment, tuple(reads), everything, self._elsewhere)
            work = StepWork(step, shard, partitioned, durable)
            plans.append(Plan(key, {**own, **components}, partial(same, work), extension))
        return plans


def _lazy(parts: Parts | Shuffled) -> Any:
    """The engine's own object behind the contract's protocol."""
    assert isinstance(parts, LazyParts)
    return parts


def _kebab(step: Any) -> str:
    """The name of a step that writes where the stage says: its class's."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(step).__name__).lower()
