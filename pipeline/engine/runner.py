"""The driver's loop: find what is stale, have it made, commit it.

`ensure` is the one place where a task is decided upon, sent out, committed and counted. A plan
names what determines an object (`components`) and the work that makes it; an object whose
receipt has the same fingerprint is left alone.

Receipts are written in groups of 256, or after a second: a crash of the driver costs the tasks of
its last second.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, NamedTuple

from pipeline.engine.executor import Executor, Resources
from pipeline.engine.leftovers import Superseded, sweep
from pipeline.engine.outcomes import NothingWorks, QuarantineRate, ReceiptGroup, Spent
from pipeline.engine.plans import Plan, PlanItem, pending
from pipeline.engine.work.doing import Notes
from pipeline.engine.work.steps import ArtefactWork
from pipeline.engine.work.task import Limits, Outcome, Task, quarantine_folder
from pipeline.storage.receipts import Receipt, Receipts
from pipeline.storage.storage import Storage
from stages.errors import StorageError

SCRATCH = "scratch/"

Admit = Callable[[Mapping[str, Any], Mapping[str, Receipt]], None]
"""Raises if what a task made (its summary) cannot stand beside what the step has."""


class Counted(NamedTuple):
    """What a stage's table says."""

    rows: int
    kept: int | None
    """None where nothing is judged."""


class Monitor:
    """Is told what happens; the base class keeps silent."""

    def stages(self, names: Sequence[str]) -> None:
        """The stages that are asked for, in order."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """What has to be there before the first task, and how much of it is."""

    def stage_started(self, stage: str) -> None: ...

    def stage_ended(self, stage: str, counted: Callable[[], Counted]) -> None:
        """`counted` looks at every receipt: to be called if anybody wants to know."""

    def at_work(self, n_workers: int) -> None:
        """How many tasks can run at once, before each step: a cluster grows and shrinks."""

    def step_started(self, step: str, n_tasks: int, n_stale: int) -> None: ...

    def working(self, step: str, what: Callable[[], str]) -> None:
        """The tasks of the step that has begun may take long: `what` says what they do and how far
        they are, whenever it is asked and from any thread."""

    def standing_still(self, step: str, what: str) -> None:
        """A worker of the step has not moved for longer than a record may take."""

    def task_done(self, step: str, key: str, outcome: Outcome) -> None: ...

    def step_ended(self, step: str) -> None: ...

    def flagged(self, flag: str) -> None: ...


@dataclass
class Runner:
    """Makes objects of one run folder. With `dry` it only notes what it would make."""

    adopts: ClassVar[bool] = False
    """Whether what is there counts as made from what is there now: so after a removal, which
    changes tables and what was made of them together."""
    storage: Storage
    executor: Executor
    monitor: Monitor
    generation: int
    limits: Limits
    max_quarantine_rate: float
    dry: bool = False
    items: list[PlanItem] = field(default_factory=list)
    spent: dict[str, Spent] = field(default_factory=dict)
    """What each step has cost in this run."""

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
        """Have every planned object; returns key → receipt. With `prune`, objects of the folder
        that are no longer planned are removed. `admit` may refuse an outcome before it counts.
        With `from_old` stale objects are made from their predecessors, which therefore count until
        then."""
        receipts = known or Receipts(self.storage, folder)
        current = receipts.load() if known is None else receipts.current
        item = PlanItem(step, len(plans), 0)
        self.items.append(item)
        spent = self.spent.setdefault(step, Spent(folder.startswith(SCRATCH)))
        spent.plan(folder, len(plans))
        keys: list[str] = []
        waiting: dict[str, Receipt] = {}
        stale: dict[str, int] = {}
        for index, plan in enumerate(plans):
            keys.append(plan.key)
            receipt = current.get(plan.key)
            if receipt is None or receipt.fingerprint != plan.fingerprint:
                item.add(plan, receipt)
                stale[plan.key] = index
                if self.dry:
                    waiting[plan.key] = pending(step, plan)
        if self.dry:
            return {key: waiting.get(key) or current[key] for key in keys}
        planned = set(keys)
        gone = [receipt for key, receipt in current.items() if prune and key not in planned]
        superseded = Superseded(self.storage, folder, (current.get(key) for key in stale))
        outdated = [] if from_old else list(stale)
        receipts.discard([*outdated, *(receipt.key for receipt in gone)])
        for receipt in gone:
            self._remove(folder, receipt)
        for name in receipts.unnamed:
            self.storage.delete(f"{folder}/{name}")
        made = [receipts.current[key] for key in keys if key in receipts.current]
        rate = QuarantineRate(step, self.max_quarantine_rate, made)
        try:
            if stale:
                own = list(stale.values())
                self._make(step, folder, plans, own, receipts, resources, rate, admit)
            rate.check()
        except NothingWorks:
            receipts.discard(keys)
            raise
        receipts.roll()
        superseded.delete(receipts.current)
        return {key: receipts.current[key] for key in keys}

    def _make(
        self,
        step: str,
        folder: str,
        plans: Sequence[Plan],
        stale: Sequence[int],
        receipts: Receipts,
        resources: Resources,
        rate: QuarantineRate,
        admit: Admit | None,
    ) -> None:
        first = plans[stale[0]].make()
        self.executor.prepare(self.monitor.preparing)
        self.monitor.at_work(self.executor.n_workers)
        self.monitor.step_started(step, len(plans), len(stale))
        notes = Notes(self.storage)
        if isinstance(first, ArtefactWork) and first.doing:
            self.monitor.working(step, notes)
        sweep(self.storage, quarantine_folder(step), receipts)
        flying: dict[str, Plan] = {}
        group = ReceiptGroup(self.storage, receipts, quarantine_folder(step))

        def tasks() -> Iterator[Task]:
            for index in stale:
                plan = plans[index]
                flying[plan.key] = plan
                work = plan.make()
                task = Task(
                    step=step,
                    key=plan.key,
                    folder=folder,
                    work=work,
                    limits=self.limits,
                    generation=self.generation,
                    extension=plan.extension,
                )
                if isinstance(work, ArtefactWork) and work.doing:
                    notes.begin(task, work.doing)
                yield task

        try:
            for done in self.executor.run(tasks(), resources):
                if done is not None:
                    task, outcome = done
                    notes.end(task)
                    if admit is not None:
                        admit(outcome.result.summary, receipts.current)
                    group.add(self._commit(flying.pop(task.key), task, outcome))
                    self.spent[step].add(outcome)
                    self.monitor.task_done(step, task.key, outcome)
                    rate.add(outcome)
                else:
                    for what in self.executor.standing_still(self.limits.seconds(1)):
                        self.monitor.standing_still(step, what)
                group.flush_if_due()
        finally:
            notes.close()
            group.flush()
        self.monitor.step_ended(step)

    def _commit(self, plan: Plan, task: Task, outcome: Outcome) -> Receipt:
        committed = self.storage.commit(task.staged(self.storage, task.object), task.object)
        written = outcome.result.written
        if committed.mark.size != written.size:
            raise StorageError(
                f"{task.folder}/{committed.name}: {committed.mark.size} bytes are stored, "
                f"{written.size} were written"
            )
        quarantine = self._commit_quarantine(task, outcome)
        self._forget_attempts(task)
        return Receipt(
            step=task.step,
            key=plan.key,
            object=committed.name,
            components={**plan.components, **outcome.result.components},
            rows=written.rows,
            size=written.size,
            modified=committed.mark.modified,
            xxh3=written.xxh3,
            columns=written.columns,
            summary=outcome.result.summary,
            quarantine=quarantine,
            effort={
                "seconds": round(outcome.seconds, 3),
                "cpu_seconds": round(outcome.cpu_seconds, 3),
                "peak_bytes": outcome.peak_bytes,
                "text_bytes": outcome.result.text_bytes,
                "records": outcome.result.records,
                "is_first": outcome.is_first,
                **_loading(outcome),
                "attempts": task.attempt + 1,
                "generation": task.generation,
            },
        )

    def _commit_quarantine(self, task: Task, outcome: Outcome) -> dict[str, Any] | None:
        if outcome.quarantined is None:
            return None
        staged = task.staged(self.storage, task.quarantine)
        committed = self.storage.commit(staged, task.quarantine)
        written = asdict(outcome.quarantined)
        return {
            "object": f"{quarantine_folder(task.step)}/{committed.name}",
            "rows": written["rows"],
            "size": written["size"],
            "xxh3": written["xxh3"],
            "reasons": outcome.quarantine_reasons,
        }

    def _remove(self, folder: str, receipt: Receipt) -> None:
        self.storage.delete(f"{folder}/{receipt.object}")
        if receipt.quarantine is not None:
            self.storage.delete(receipt.quarantine["object"])

    def _forget_attempts(self, task: Task) -> None:
        """Remove what failed attempts at the task may have left."""
        for attempt in range(task.attempt):
            for path in (task.object, task.quarantine):
                self.storage.delete(self.storage.stage(path, task.generation, attempt))


def _loading(outcome: Outcome) -> dict[str, float]:
    seconds = outcome.result.loading_seconds
    return {} if seconds is None else {"loading_seconds": round(seconds, 3)}
