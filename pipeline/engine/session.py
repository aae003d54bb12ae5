"""One pass over the chain of stages: what each is made from, in order.

The same pass makes what is missing (`run`) and says what it would make (`plan`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.configuration import Config
from pipeline.configuration.settings import StageResources
from pipeline.engine.chain import (
    DOCUMENTS,
    EMIT,
    RECALL,
    SEEDS,
    Implementation,
    chain_of,
    implementation_of,
)
from pipeline.engine.corpus import EngineCorpus
from pipeline.engine.executor import Resources
from pipeline.engine.identities import Identities
from pipeline.engine.lineage import Table, Tables, stage_components
from pipeline.engine.parts import NotMade
from pipeline.engine.runner import Plan, PlanItem, Runner
from pipeline.engine.seed_files import require_seeds, seed_files
from pipeline.engine.work.map import DecideWork, MapWork, measure_table
from pipeline.engine.work.source import SourceWork
from pipeline.engine.work.task import StageRef, Work
from pipeline.storage.inputs import InputSpec, content_digest
from pipeline.storage.manifest import emitted_before
from pipeline.storage.receipts import Receipt, Receipts
from schemas.quarantine import UNREADABLE
from schemas.shards import corpus_of, shard_sets
from schemas.verdicts import verdict_table
from stages.contract import Filter
from stages.errors import ConfigError, WaitForPerson
from stages.recall.options import RecallOptions

MEASURE, DECIDE = "measure", "decide"
PATH_OPTIONS = frozenset({"annotations", "benchmarks", "tokenizer"})
"""Options that may name files: relative to the driver's working directory, which is not a
worker's."""


@dataclass(frozen=True)
class Selection:
    """Which steps a command asked for; nothing asked for means everything."""

    steps: tuple[str, ...] = ()

    def last(self, corpus: str, names: Sequence[str]) -> tuple[int, str]:
        """The last stage of the corpus to run (its index, -1 for none) and its last part."""
        if not self.steps or any(step.partition(".")[0] == EMIT for step in self.steps):
            return len(names) - 1, DECIDE
        last, part = -1, DECIDE
        for step in self.steps:
            owner, _, rest = step.partition(".")
            name, _, half = rest.partition(".")
            if owner == corpus and names.index(name) >= last:
                last, part = names.index(name), half or DECIDE
        return last, part

    def check(self, chains: dict[str, list[str]]) -> None:
        """ConfigError for a step that no corpus has."""
        for step in self.steps:
            corpus, _, rest = step.partition(".")
            name, _, half = rest.partition(".")
            known = corpus == EMIT or name in chains.get(corpus, [])
            if not known or half not in ("", MEASURE, DECIDE):
                stages = [f"{c}.{n}" for c, names in chains.items() for n in names if n != EMIT]
                raise ConfigError(f"--stage {step!r}: not one of {', '.join([*stages, EMIT])}")


@dataclass
class Session:
    """Runs the chain over one run folder."""

    config: Config
    runner: Runner
    inputs: dict[str, list[InputSpec]]
    selection: Selection
    tables: dict[str, Tables] = field(default_factory=dict)
    shards: dict[str, dict[str, Receipt]] = field(default_factory=dict)
    """Shard folder → its receipts, once emitted."""

    def run(self) -> None:
        """Everything selected, corpus after corpus."""
        corpora = [corpus for corpus in DOCUMENTS if self.inputs.get(corpus)]
        chains = {corpus: chain_of(corpus, self.config) for corpus in corpora}
        self.selection.check(chains)
        for corpus, names in chains.items():
            last, part = self.selection.last(corpus, names)
            if corpus == SEEDS and self._recalls(chains):
                last, part = len(names) - 1, DECIDE
            tables = self.tables[corpus] = Tables(corpus)
            for index, name in enumerate(names[: last + 1]):
                only_measure = index == last and part == MEASURE
                try:
                    self.run_stage(tables, name, only_measure=only_measure)
                except NotMade:
                    self._note_unknown(tables, names[index : last + 1])
                    break
            if corpus == SEEDS and last > 0 and not self.runner.dry:
                self._require_seeds(tables)

    def _require_seeds(self, tables: Tables) -> None:
        documents, dedup = (table.receipts for table in (tables.tables[0], tables.tables[-1]))
        files = seed_files(self.runner.storage, documents.values(), dedup)
        require_seeds(files, RecallOptions(**self.config.options("web.recall")))

    def _note_unknown(self, tables: Tables, names: Sequence[str]) -> None:
        """Of a dry run: these stages wait for what the first of them makes."""
        n_shards = len(tables.keys)
        first = f"{tables.corpus}.{names[0]}"
        for name in names:
            step = f"{EMIT}.{tables.corpus}" if name == EMIT else f"{tables.corpus}.{name}"
            reasons = {f"{first} is to be made": n_shards}
            self.runner.items.append(PlanItem(step, n_shards, n_shards, reasons))

    def _recalls(self, chains: dict[str, list[str]]) -> bool:
        """Whether a recall, which needs the seeds, is to run."""
        return any(
            RECALL in names and self.selection.last(corpus, names)[0] >= names.index(RECALL)
            for corpus, names in chains.items()
        )

    def run_stage(self, tables: Tables, name: str, *, only_measure: bool = False) -> None:
        """One stage of a corpus, whose tables so far are in `tables`."""
        if name == "documents":
            self._documents(tables)
            return
        classes = implementation_of(tables.corpus, name)
        if classes.map is not None:
            self._map(tables, name, classes, only_measure=only_measure)
        if classes.corpus is not None and not only_measure:
            self._corpus(tables, name, classes.corpus)

    def _ref(self, stage: str, target: str, extra: dict[str, Any] | None = None) -> StageRef:
        options = {**self.config.options(stage), **(extra or {})}
        for name in PATH_OPTIONS & options.keys():
            options[name] = _absolute_paths(options[name])
        return StageRef(target, json.dumps(options, sort_keys=True))

    def _resources(self, stage: str) -> Resources:
        engine = self.config.engine
        asked = engine.resources.get(stage, StageResources())
        return Resources(asked.cpus, asked.memory_bytes or engine.task_memory_bytes)

    def _documents(self, tables: Tables) -> None:
        corpus = tables.corpus
        name, folder = f"{corpus}.documents", f"{corpus}/documents"
        target = DOCUMENTS[corpus].source
        assert target is not None
        ref = self._ref(name, target)
        source = ref.load()
        known = Receipts(self.runner.storage, folder)
        current = known.load()
        shards: dict[int, list[InputSpec]] = {}
        for spec in self.inputs[corpus]:
            shards.setdefault(spec.shard, []).append(spec)
        plans = []
        for shard, specs in sorted(shards.items()):
            key = f"{shard:05d}"
            components = {
                **stage_components(source),
                "options": json.loads(ref.options),
                "metadata": [[spec.name, list(spec.metadata)] for spec in specs if spec.metadata],
                "inputs": _known_inputs(specs, current.get(key)),
            }
            work = SourceWork(ref, tuple(spec.absolute() for spec in specs))
            plans.append(Plan(key, components, lambda work=work: work))  # type: ignore[misc]
        identities = Identities(corpus)
        receipts = self.runner.ensure(
            name, folder, plans, self._resources(name), known=known, admit=identities.admit
        )
        identities.require_distinct(receipts.values())
        tables.add(Table(name, folder, source.schema, receipts))

    def _map(
        self, tables: Tables, name: str, implementation: Implementation, *, only_measure: bool
    ) -> None:
        assert implementation.map is not None
        full = f"{tables.corpus}.{name}"
        folder = f"{tables.corpus}/{name}"
        ref = self._ref(full, implementation.map)
        stage = ref.load()
        judges = isinstance(stage, Filter) or implementation.corpus is not None
        columns = [
            column
            for column in stage.reads
            if column in tables.columns() or column not in stage.optional
        ]
        options = json.loads(ref.options)
        measured_with = getattr(stage, "measured_with", None)
        if measured_with is not None:
            options = {key: options[key] for key in sorted(measured_with)}
        common = stage_components(stage)
        everything = implementation.measures_everything
        plans = []
        for key in tables.keys:
            alignment, components = tables.align(
                key, columns, verdict=not everything, facts=not judges
            )
            work: Work = MapWork(ref, alignment, tuple(columns), judges, everything)
            parts = {**common, "options": options, **components}
            plans.append(Plan(key, parts, lambda work=work: work))  # type: ignore[misc]
        if not judges:
            receipts = self.runner.ensure(full, folder, plans, self._resources(full))
            tables.add(Table(full, folder, verdict_table(stage.schema), receipts))
            return
        step, measured = f"{full}.{MEASURE}", f"{folder}/{MEASURE}"
        receipts = self.runner.ensure(step, measured, plans, self._resources(full))
        tables.add(Table(step, measured, measure_table(stage.schema), receipts))
        if isinstance(stage, Filter) and not only_measure:
            self._decide(tables, full, folder, ref, common)

    def _decide(
        self, tables: Tables, full: str, folder: str, ref: StageRef, common: dict[str, Any]
    ) -> None:
        stage = ref.load()
        optional = set(stage.optional)
        columns = [c for c in stage.decides_on if c in tables.columns() or c not in optional]
        plans = []
        for key in tables.keys:
            wanted = [*stage.schema.names, *columns]
            alignment, components = tables.align(key, wanted, verdict=True, facts=True)
            work = DecideWork(ref, alignment, tuple(columns))
            parts = {**common, "options": json.loads(ref.options), **components}
            plans.append(Plan(key, parts, lambda work=work: work))  # type: ignore[misc]
        receipts = self.runner.ensure(f"{full}.{DECIDE}", folder, plans, self._resources(full))
        tables.add(Table(full, folder, verdict_table(stage.schema), receipts))

    def _corpus(self, tables: Tables, name: str, target: str) -> None:
        emits = name == EMIT
        full = EMIT if emits else f"{tables.corpus}.{name}"
        step = f"{EMIT}.{tables.corpus}" if emits else f"{full}.{DECIDE}"
        extra: dict[str, Any] = {}
        if emits:
            targets = sorted(self.config.options("web.recall")["targets"])
            extra = {"columns": sorted(tables.columns()), "targets": targets}
        stage = self._ref(full, target, extra).load()
        folder = f"{tables.corpus}/{name}"
        corpus = EngineCorpus(
            self.runner,
            self.tables,
            tables.corpus,
            stage,
            step,
            full,
            folder,
            self._resources(full),
        )
        try:
            stage.run(corpus)
        except WaitForPerson:
            corpus.finish(resumes=True)
            raise
        if corpus.decided is not None:
            tables.add(corpus.decided)
        if emits:
            sets = {
                *shard_sets(tables.corpus, extra["targets"]),
                *emitted_before(self.runner.storage),
            }
            for shard_set in sorted(name for name in sets if corpus_of(name) == tables.corpus):
                path = f"shards/{shard_set}"
                if path not in corpus.written:
                    self.runner.ensure(f"{step}.prune", path, [], self._resources(full))
            self.shards.update(corpus.written)
        corpus.finish()


def _known_inputs(specs: Sequence[InputSpec], receipt: Receipt | None) -> Any:
    """Name and hash of every input: the recorded hash while its mark is the same, else that of
    the content now, which an unreadable input may have by now. Without a receipt nothing is known
    before the input is read."""
    if receipt is None:
        return "unread"
    recorded = {one["uri"]: one for one in receipt.summary["inputs"]}
    return [[spec.name, _known_digest(spec.absolute(), recorded)] for spec in specs]


def _known_digest(spec: InputSpec, recorded: Mapping[str, Any]) -> str:
    if spec.xxh3:
        return spec.xxh3
    one = recorded.get(spec.uri, {"xxh3": UNREADABLE})
    if one["xxh3"] != UNREADABLE and (one["size"], one["mark"]) == (spec.size, spec.mark):
        return str(one["xxh3"])
    return content_digest(spec)


def _absolute_paths(value: Any) -> Any:
    """Paths that exist made absolute; names and URLs as they are."""
    if isinstance(value, list):
        return [_absolute_paths(one) for one in value]
    return str(Path(value).absolute()) if value and Path(value).exists() else value
