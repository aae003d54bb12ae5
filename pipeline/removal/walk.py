"""One pass over the chain after which a run is complete again although documents left it.

A removal changes a few rows. What was made of the others is what it would be, so nothing of it is
made anew: its receipts are signed for what the tables are now (`AdoptingRunner`). Two kinds of
objects are made: the verdicts of the stage `remove`, and the shard files that hold what leaves. The
chain itself says what depends on what, as for `run` and `plan`.

That is sound because a removal begins only where nothing is stale (`stale_steps`): what is signed
was current before, and nothing but the removal has touched it since.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pipeline.configuration import Config
from pipeline.configuration.names import StepName
from pipeline.configuration.registry import CORPORA, DOCUMENTS, EVENTS, GITHUB, REMOVE
from pipeline.engine.changes import NEVER
from pipeline.engine.discussions import SOURCE, Discussions
from pipeline.engine.executor import Resources
from pipeline.engine.lineage import Table, Tables
from pipeline.engine.plans import Plan, pending
from pipeline.engine.runner import Admit, Runner
from pipeline.engine.session import Session
from pipeline.engine.work.steps import PartsSource, Scratch, StepWork
from pipeline.engine.work.task import StageRef, Work
from pipeline.storage.intake.input_record import load as load_inputs
from pipeline.storage.intake.inputs import InputSpec
from pipeline.storage.receipts import Receipt, Receipts
from pipeline.storage.removals import Removals
from pipeline.storage.storage import Storage
from stages.emit.without import WithoutDocuments

Cuts = Mapping[str, WithoutDocuments]
"""Shard file → the step that takes out of it what leaves."""


class RemovalSession(Session):
    """The chain from the documents on: no source is read."""

    def _documents(self, tables: Tables) -> None:
        name = StepName(tables.corpus, DOCUMENTS)
        ref = self._ref(name, CORPORA[tables.corpus].source)
        receipts = Receipts(self.runner.storage, name.folder).load()
        if tables.corpus == GITHUB and EVENTS in self.tables:
            of = StageRef(SOURCE, ref.options)
            discussions = Discussions(self.runner, self.tables, of, self._resources(name))
            receipts |= self._ensure(name, discussions.plans())
            discussions.finish()
        tables.add(Table(str(name), name.folder, ref.load().schema, receipts))


@dataclass
class AdoptingRunner(Runner):
    """Signs what is there, and has made what is in `cuts` and the verdicts of the removal."""

    maker: Runner = field(kw_only=True)
    cuts: Cuts = field(kw_only=True)
    adopts = True

    def ensure(
        self,
        step: str,
        folder: str,
        plans: Sequence[Plan],
        resources: Resources,
        *,
        known: Receipts | None = None,
        prune: bool = True,
        admit: Admit | None = None,
        from_old: bool = False,
    ) -> dict[str, Receipt]:
        if StepName.parse(step).stage == REMOVE:
            return self.maker.ensure(step, folder, plans, resources)
        receipts = known or Receipts(self.storage, folder)
        current = receipts.load() if known is None else receipts.current
        cut = []
        for plan in plans:
            path = f"{folder}/{plan.key}.{plan.extension}"
            receipt = current.get(plan.key)
            if path in self.cuts:
                place = path if receipt is None else f"{folder}/{receipt.object}"
                cut.append(replace(plan, make=_cutting(self.cuts[path], place)))
            elif receipt is not None and receipt.fingerprint != plan.fingerprint:
                receipts.add(replace(receipt, components=plan.components))
        receipts.roll()
        if cut:
            self.maker.ensure(step, folder, cut, resources, prune=False, from_old=True)
            current = receipts.load()
        return {plan.key: current.get(plan.key) or pending(step, plan) for plan in plans}


def _cutting(step: WithoutDocuments, path: str) -> Callable[[], Work]:
    def make() -> Work:
        return StepWork(step, PartsSource((Scratch(path),)), durable=True)

    return make


def stale_steps(storage: Storage, config: Config, runner: Runner, removals: Removals) -> list[str]:
    """What of the run is not as its configuration says, each with the reasons; what was never made
    is no part of it."""
    walk(storage, config, runner, removals)
    return [
        f"{item.step}: {', '.join(reasons)}"
        for item in runner.items
        if (reasons := [reason for reason in item.reasons if reason != NEVER])
    ]


def walk(storage: Storage, config: Config, runner: Runner, removals: Removals) -> Session:
    """The pass; the session knows all tables and shards in the end."""
    session = RemovalSession(config, runner, _inputs(storage), removals=removals)
    session.run()
    return session


def _inputs(storage: Storage) -> dict[str, list[InputSpec]]:
    """Which corpora the run has documents of."""
    recorded = load_inputs(storage)
    recorded[EVENTS] = recorded.get(GITHUB, [])
    return {
        corpus: recorded.get(corpus, [])
        for corpus in CORPORA
        if storage.list(StepName(corpus, DOCUMENTS).folder)
    }
