"""One pass over the chain of stages: what each is made from, in order.

The same pass makes what is missing (`run`) and says what it would make (`plan`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any

from pipeline.configuration import Config
from pipeline.configuration.names import DECIDE, MEASURE, StepName
from pipeline.configuration.registry import (
    CORPORA,
    DEDUP,
    DOCUMENTS,
    EMIT,
    EVENTS,
    GITHUB,
    INTERNAL,
    SEEDS,
    Stage,
    stage_of,
)
from pipeline.configuration.settings import StageResources
from pipeline.engine.chain import chain_of, recall_options
from pipeline.engine.corpus import EngineCorpus
from pipeline.engine.discussions import SOURCE, Discussions
from pipeline.engine.earlier.runs import EarlierRun, earlier_runs
from pipeline.engine.executor import Resources
from pipeline.engine.intake.empty_inputs import require_documents
from pipeline.engine.intake.identities import Identities
from pipeline.engine.intake.run_inputs import known_inputs
from pipeline.engine.intake.seed_files import require_seeds, seed_files
from pipeline.engine.leaving import Leaving
from pipeline.engine.lineage import Table, Tables, stage_components
from pipeline.engine.parts import NotMade
from pipeline.engine.plans import Plan, PlanItem, PlanSequence, shard_key
from pipeline.engine.runner import Admit, Counted, Runner
from pipeline.engine.selection import Selection
from pipeline.engine.work.map import DecideWork, MapWork, measure_table
from pipeline.engine.work.named_files import with_absolute_paths
from pipeline.engine.work.source import SourceWork
from pipeline.engine.work.task import StageRef
from pipeline.storage.intake.inputs import InputSpec, is_hour
from pipeline.storage.manifest import SHARDS, emitted_before
from pipeline.storage.receipts import Receipt, Receipts
from pipeline.storage.removals import Removals
from pipeline.storage.statistics import statistics_of
from schemas.shards import corpus_of, shard_sets
from schemas.verdicts import verdict_table
from stages.contract import Filter, Options
from stages.errors import WaitForPerson


@dataclass
class Session:
    """Runs the chain over one run folder."""

    config: Config
    runner: Runner
    inputs: dict[str, list[InputSpec]]
    stages: Sequence[str] = ()
    """What `--stage` names; nothing means everything."""
    removals: Removals = field(default_factory=Removals)
    """What is to be taken out."""
    leaving: Sequence[Leaving] = ()
    """What of an earlier run goes, before anything is made."""
    left: list[str] = field(default_factory=list)
    """What was said of it."""
    tables: dict[str, Tables] = field(default_factory=dict)
    shards: dict[str, dict[str, Receipt]] = field(default_factory=dict)
    """Shard folder → its receipts, once emitted."""
    emitted: list[str] = field(default_factory=list)
    """The corpora whose shards were written, be it none."""
    earlier: dict[str, dict[str, EarlierRun]] = field(default_factory=dict)
    """Corpus → the runs that its documents are compared with."""

    def run(self) -> None:
        """Everything selected, corpus after corpus."""
        corpora = [corpus for corpus in CORPORA if self.inputs.get(corpus)]
        chains = {
            corpus: chain_of(corpus, self.config, removes=bool(self.removals)) for corpus in corpora
        }
        selection = Selection.parse(self.stages, chains)
        wanted = {corpus: selection.last(corpus, names) for corpus, names in chains.items()}
        if SEEDS in chains and selection.recalls(chains):
            wanted[SEEDS] = len(chains[SEEDS]) - 1, DECIDE
        if EVENTS in chains and wanted[GITHUB][0] >= 0:
            wanted[EVENTS] = len(chains[EVENTS]) - 1, DECIDE
        asked = {corpus: names[: wanted[corpus][0] + 1] for corpus, names in chains.items()}
        monitor = self.runner.monitor
        self.earlier = {
            corpus: earlier_runs(self.config, corpus, self.runner.storage)
            for corpus, names in asked.items()
            if DEDUP in names
        }
        for one in self.leaving:
            if one.is_there(self.runner.storage):
                self.left.append(str(one))
                monitor.flagged(str(one))
            one.remove(self.runner.storage)
        monitor.stages([_full(corpus, name) for corpus, names in asked.items() for name in names])
        for corpus, names in asked.items():
            last, part = wanted[corpus]
            tables = self.tables[corpus] = Tables(corpus)
            for index, name in enumerate(names):
                monitor.stage_started(_full(corpus, name))
                try:
                    only_measure = index == last and part == MEASURE
                    self.run_stage(tables, name, only_measure=only_measure)
                except NotMade:
                    self._note_unknown(tables, names[index:])
                    break
                monitor.stage_ended(_full(corpus, name), partial(self._count, tables, name))
            if corpus == SEEDS and last > 0 and not self.runner.dry:
                self._require_seeds(tables)

    def _count(self, tables: Tables, name: str) -> Counted:
        """The documents that reached a stage, and how many it kept; of an emit the samples."""
        if name == EMIT:
            own = (made for path, made in self.shards.items() if _is_of(path, tables.corpus))
            return Counted(sum(one.rows for shards in own for one in shards.values()), None)
        table = tables.tables[-1]
        statistics = statistics_of(table.receipts.values())
        kept = statistics.total(kept=True).documents if "keep" in table.schema.names else None
        return Counted(statistics.total().documents, kept)

    def _require_seeds(self, tables: Tables) -> None:
        documents, dedup = (table.receipts for table in (tables.tables[0], tables.tables[-1]))
        files = seed_files(self.runner.storage, documents.values(), dedup)
        require_seeds(files, recall_options(self.config))

    def _note_unknown(self, tables: Tables, names: Sequence[str]) -> None:
        """Of a dry run: these stages wait for what the first of them makes."""
        keys = sorted({shard_key(spec.shard) for spec in self.inputs[tables.corpus]})
        first = StepName(tables.corpus, names[0])
        for name in names:
            step = StepName(tables.corpus, name)
            reasons = {f"{first} is to be made": len(keys)}
            self.runner.items.append(PlanItem(str(step), len(keys), len(keys), reasons, list(keys)))

    def run_stage(self, tables: Tables, name: str, *, only_measure: bool = False) -> None:
        """One stage of a corpus, whose tables so far are in `tables`."""
        if name == DOCUMENTS:
            self._documents(tables)
            return
        stage = stage_of(name, tables.corpus)
        if stage.map is not None:
            self._map(tables, stage, stage.target(stage.map), only_measure=only_measure)
        if stage.corpus is not None and not only_measure:
            self._corpus(tables, stage, stage.target(stage.corpus))

    def _ref(
        self, name: StepName, target: str, filled: Mapping[str, Any] = MappingProxyType({})
    ) -> StageRef:
        options = self.config.options(name, Options)
        return StageRef(target, with_absolute_paths(options.model_copy(update=filled)))

    def _resources(self, name: StepName) -> Resources:
        engine = self.config.engine
        whole = StepName(None, EMIT) if name.stage == EMIT else name.whole
        asked = engine.resources.get(str(whole), StageResources())
        return Resources(asked.cpus, asked.memory_bytes or engine.task_memory_bytes)

    def _documents(self, tables: Tables) -> None:
        corpus = tables.corpus
        name = StepName(corpus, DOCUMENTS)
        ref = self._ref(name, CORPORA[corpus].source)
        source = ref.load()
        known = Receipts(self.runner.storage, name.folder)
        current = known.load()
        specs = self.inputs[corpus]
        discussions = None
        if corpus == GITHUB and EVENTS in self.tables:
            resources = self._resources(name)
            of = StageRef(SOURCE, ref.options)
            discussions = Discussions(self.runner, self.tables, of, resources)
            specs = discussions.describe([spec for spec in specs if not is_hour(spec)])
        shards: dict[int, list[InputSpec]] = {}
        for spec in specs:
            shards.setdefault(spec.shard, []).append(spec)
        plans = []
        for shard, specs in sorted(shards.items()):
            key = shard_key(shard)
            components = {
                **stage_components(source),
                "options": ref.options_json(getattr(source, "read_with", None)),
                "metadata": [[spec.name, list(spec.metadata)] for spec in specs if spec.metadata],
                "inputs": known_inputs(specs, current.get(key)),
            }
            work = SourceWork(ref, tuple(spec.absolute() for spec in specs))
            plans.append(Plan(key, components, lambda work=work: work))  # type: ignore[misc]
        if discussions is not None:
            plans += discussions.plans()
        identities = Identities(GITHUB if corpus == EVENTS else corpus)
        receipts = self._ensure(name, plans, known, identities.admit)
        identities.require_distinct(receipts.values())
        if discussions is not None:
            discussions.finish()
        if corpus not in INTERNAL and not self.runner.dry:
            require_documents(corpus, receipts)
        tables.add(Table(str(name), name.folder, source.schema, receipts))

    def _ensure(
        self,
        name: StepName,
        plans: Sequence[Plan],
        known: Receipts | None = None,
        admit: Admit | None = None,
    ) -> dict[str, Receipt]:
        resources = self._resources(name)
        return self.runner.ensure(
            str(name), name.folder, plans, resources, known=known, admit=admit
        )

    def _map(self, tables: Tables, entry: Stage, target: str, *, only_measure: bool) -> None:
        name = StepName(tables.corpus, entry.name)
        ref = self._ref(name, target, self._filled(tables, entry))
        stage = ref.load()
        judges = isinstance(stage, Filter) or entry.corpus is not None
        columns = [
            column
            for column in stage.reads
            if column in tables.columns() or column not in stage.optional
        ]
        options = ref.options_json(getattr(stage, "measured_with", None))
        common = stage_components(stage)
        everything = entry.measures_everything

        def plan(key: str) -> Plan:
            alignment, components = tables.align(
                key, columns, verdict=not everything, facts=not judges
            )
            work = MapWork(ref, alignment, tuple(columns), judges, everything)
            return Plan(key, {**common, "options": options, **components}, lambda: work)

        plans = PlanSequence(tables.keys, plan)
        if not judges:
            receipts = self._ensure(name, plans)
            tables.add(Table(str(name), name.folder, verdict_table(stage.schema), receipts))
            return
        if stage.schema.names:
            measure = replace(name, half=MEASURE)
            receipts = self._ensure(measure, plans)
            table = Table(str(measure), measure.folder, measure_table(stage.schema), receipts)
            tables.add(table)
        if isinstance(stage, Filter) and not only_measure:
            self._decide(tables, name, ref, common)

    def _decide(
        self, tables: Tables, name: StepName, ref: StageRef, common: dict[str, Any]
    ) -> None:
        stage = ref.load()
        optional = set(stage.optional)
        columns = [c for c in stage.decides_on if c in tables.columns() or c not in optional]
        wanted = [*stage.schema.names, *columns]
        options = ref.options_json()

        def plan(key: str) -> Plan:
            alignment, components = tables.align(key, wanted, verdict=True, facts=True)
            work = DecideWork(ref, alignment, tuple(columns))
            return Plan(key, {**common, "options": options, **components}, lambda: work)

        receipts = self._ensure(replace(name, half=DECIDE), PlanSequence(tables.keys, plan))
        tables.add(Table(str(name), name.folder, verdict_table(stage.schema), receipts))

    def _corpus(self, tables: Tables, entry: Stage, target: str) -> None:
        name = StepName(tables.corpus, entry.name)
        emits = entry.name == EMIT
        step = str(name) if emits else str(replace(name, half=DECIDE))
        stage = self._ref(name, target, self._filled(tables, entry)).load()
        corpus = EngineCorpus(
            self.runner,
            self.tables,
            tables.corpus,
            stage,
            step,
            EMIT if emits else str(name),
            name.folder,
            self._resources(name),
            self.earlier.get(tables.corpus, {}) if entry.name == DEDUP else {},
        )
        try:
            stage.run(corpus)
        except WaitForPerson:
            corpus.finish(resumes=True)
            raise
        if corpus.decided is not None:
            tables.add(corpus.decided)
        if emits:
            self._prune(name, corpus)
            self.emitted.append(corpus.name)
            self.shards.update(corpus.written)
        corpus.finish()

    def _filled(self, tables: Tables, entry: Stage) -> dict[str, Any]:
        """The options of a stage that are no settings."""
        if not entry.filled:
            return {}
        values = {
            "columns": tuple(sorted(tables.columns())),
            "targets": self._targets(),
            **self.removals.filled(),
        }
        return {option: values[option] for option in entry.filled}

    def _targets(self) -> tuple[str, ...]:
        return tuple(sorted(recall_options(self.config).targets))

    def _prune(self, name: StepName, corpus: EngineCorpus) -> None:
        """Remove the shard sets of this corpus that an earlier run wrote and this one did not."""
        sets = {*shard_sets(corpus.name, self._targets()), *emitted_before(self.runner.storage)}
        step = replace(name, task="prune")
        for shard_set in sorted(one for one in sets if corpus_of(one) == corpus.name):
            folder = f"{SHARDS}/{shard_set}"
            if folder not in corpus.written:
                self.runner.ensure(str(step), folder, [], self._resources(name))


def _full(corpus: str, name: str) -> str:
    return str(StepName(corpus, name))


def _is_of(shard_set: str, corpus: str) -> bool:
    return corpus_of(shard_set.rpartition("/")[2]) == corpus
