"""The driver's loop: find what is stale, have it made, commit it.

`ensure` is the one place where a task is decided upon, sent out, committed and counted. A plan
names what determines an object (`components`) and the work that makes it; an object whose
receipt has the same fingerprint is left alone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pipeline.digest import fingerprint
from pipeline.executor import Executor, Resources
from pipeline.receipts import Receipt, Receipts
from pipeline.storage import TEMPORARY_SUFFIX, Storage
from pipeline.work.task import Limits, Outcome, Task, Work
from stages.errors import StageError

RATE_FLOOR = 1000
"""Records a step must have seen before `max_quarantine_rate` is checked."""

PENDING = "pending"


@dataclass(frozen=True)
class Plan:
    """One object to have: its key, what determines it, how to make it."""

    key: str
    components: dict[str, Any]
    make: Callable[[], Work]
    """Builds the work once it is known to be needed; may have other steps made first."""
    extension: str = "parquet"

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.components)


@dataclass
class PlanItem:
    """What `sluice plan` says of one step."""

    step: str
    n_tasks: int
    n_stale: int
    reasons: dict[str, int] = field(default_factory=dict)
    """Why, with the number of stale objects each reason holds for."""


class Monitor:
    """Is told what happens; the base class keeps silent."""

    def step_started(self, step: str, n_tasks: int, n_stale: int) -> None: ...

    def task_done(self, step: str, key: str, outcome: Outcome) -> None: ...

    def step_ended(self, step: str) -> None: ...


@dataclass
class Runner:
    """Makes objects of one run folder. With `dry` it only notes what it would make."""

    storage: Storage
    executor: Executor
    monitor: Monitor
    generation: int
    limits: Limits
    max_quarantine_rate: float
    dry: bool = False
    items: list[PlanItem] = field(default_factory=list)

    def ensure(
        self,
        step: str,
        folder: str,
        plans: Sequence[Plan],
        resources: Resources,
        *,
        known: Receipts | None = None,
        prune: bool = True,
    ) -> dict[str, Receipt]:
        """Have every planned object; returns key → receipt. With `prune`, objects of the folder
        that are no longer planned are removed."""
        receipts = known or Receipts(self.storage, folder)
        current = receipts.load() if known is None else receipts.current
        stale = [
            plan
            for plan in plans
            if plan.key not in current or current[plan.key].fingerprint != plan.fingerprint
        ]
        self.items.append(_explain(step, plans, stale, current))
        if self.dry:
            waiting = {plan.key: _pending(step, plan) for plan in stale}
            return {plan.key: waiting.get(plan.key) or current[plan.key] for plan in plans}
        planned = {plan.key for plan in plans}
        gone = [receipt for key, receipt in current.items() if prune and key not in planned]
        receipts.discard([plan.key for plan in stale] + [receipt.key for receipt in gone])
        for receipt in gone:
            self._remove(folder, receipt)
        if stale:
            self._make(step, folder, stale, receipts, resources, len(plans))
        receipts.roll()
        return {plan.key: receipts.current[plan.key] for plan in plans}

    def _make(
        self,
        step: str,
        folder: str,
        stale: Sequence[Plan],
        receipts: Receipts,
        resources: Resources,
        n_tasks: int,
    ) -> None:
        stale[0].make()
        self.monitor.step_started(step, n_tasks, len(stale))
        self._sweep(folder)
        plans = {plan.key: plan for plan in stale}
        rate = _Rate(step, self.max_quarantine_rate)
        for task, outcome in self.executor.run(self._tasks(step, folder, stale), resources):
            receipt = self._commit(plans[task.key], task, outcome)
            receipts.commit(receipt)
            self.monitor.task_done(step, task.key, outcome)
            rate.check(outcome)
        self.monitor.step_ended(step)

    def _tasks(self, step: str, folder: str, plans: Sequence[Plan]) -> Iterator[Task]:
        for plan in plans:
            yield Task(step, plan.key, folder, plan.make(), self.limits, self.generation)

    def _commit(self, plan: Plan, task: Task, outcome: Outcome) -> Receipt:
        name = f"{plan.key}.{plan.extension}"
        mark = self.storage.commit(task.temporary("data"), f"{task.folder}/{name}")
        written = outcome.result.written
        return Receipt(
            step=task.step,
            key=plan.key,
            object=name,
            components={**plan.components, **outcome.result.components},
            rows=written.rows,
            size=written.size,
            modified=mark.modified,
            xxh3=written.xxh3,
            columns=written.columns,
            summary=outcome.result.summary,
            quarantine=self._commit_quarantine(task, outcome),
            effort={
                "seconds": round(outcome.seconds, 3),
                "cpu_seconds": round(outcome.cpu_seconds, 3),
                "peak_bytes": outcome.peak_bytes,
                "text_bytes": outcome.result.text_bytes,
                "records": outcome.result.records,
                "attempts": task.attempt + 1,
                "generation": task.generation,
            },
        )

    def _commit_quarantine(self, task: Task, outcome: Outcome) -> dict[str, Any] | None:
        path = f"{quarantine_folder(task.step)}/{task.key}.parquet"
        if outcome.quarantined is None:
            self.storage.delete(path)
            return None
        self.storage.commit(task.temporary("quarantine"), path)
        written = asdict(outcome.quarantined)
        return {
            "object": path,
            "rows": written["rows"],
            "size": written["size"],
            "xxh3": written["xxh3"],
            "reasons": outcome.quarantine_reasons,
        }

    def _remove(self, folder: str, receipt: Receipt) -> None:
        self.storage.delete(f"{folder}/{receipt.object}")
        if receipt.quarantine is not None:
            self.storage.delete(receipt.quarantine["object"])

    def _sweep(self, folder: str) -> None:
        """Remove what earlier drivers left unfinished."""
        for name in self.storage.list(folder):
            if name.endswith(TEMPORARY_SUFFIX):
                self.storage.delete(f"{folder}/{name}")


def quarantine_folder(step: str) -> str:
    """`github.rules.measure` → `quarantine/github/rules`."""
    corpus, _, stage = step.partition(".")
    return f"quarantine/{corpus}/{stage.partition('.')[0] or corpus}"


class _Rate:
    """Checks the share of quarantined records as outcomes come in."""

    def __init__(self, step: str, limit: float) -> None:
        self._step = step
        self._limit = limit
        self._records = self._quarantined = 0
        self._reasons: dict[str, int] = {}

    def check(self, outcome: Outcome) -> None:
        self._records += outcome.result.records
        for reason, count in outcome.quarantine_reasons.items():
            self._quarantined += count
            self._reasons[reason] = self._reasons.get(reason, 0) + count
        if self._records >= RATE_FLOOR and self._quarantined > self._limit * self._records:
            raise StageError(
                f"{self._step}: {self._quarantined} of {self._records} records quarantined "
                f"({', '.join(f'{r} {n}' for r, n in self._reasons.items())}), more than "
                f"engine.max_quarantine_rate = {self._limit}; see {quarantine_folder(self._step)}"
            )


def _explain(
    step: str, plans: Sequence[Plan], stale: Sequence[Plan], current: dict[str, Receipt]
) -> PlanItem:
    reasons: dict[str, int] = {}
    for plan in stale:
        receipt = current.get(plan.key)
        if receipt is None:
            why = ["never made"]
        else:
            keys = sorted(set(plan.components) | set(receipt.components))
            why = [
                f"{key} changed" if plan.components.get(key) != PENDING else f"{key} is to be made"
                for key in keys
                if plan.components.get(key) != receipt.components.get(key)
            ]
        for reason in why:
            reasons[reason] = reasons.get(reason, 0) + 1
    return PlanItem(step, len(plans), len(stale), reasons)


class _PendingColumns(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return PENDING


def _pending(step: str, plan: Plan) -> Receipt:
    """Stands for an object that a dry run did not make."""
    name = f"{plan.key}.{plan.extension}"
    return Receipt(step, plan.key, name, {"": PENDING}, 0, 0, 0, "", _PendingColumns())
