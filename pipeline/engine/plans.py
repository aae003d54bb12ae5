"""What a step is to have: a plan for each object, and what `sluice plan` says of them.

Plans may come from a sequence that builds each when it is asked: the driver then holds a receipt
per object and the plans in flight, nothing else.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, overload

from pipeline.configuration.names import StepName
from pipeline.engine.changes import NEVER, OTHERWISE, PENDING, differences, follows, upstream
from pipeline.engine.work.task import Work
from pipeline.storage.digest import fingerprint
from pipeline.storage.receipts import Receipt


@dataclass(frozen=True)
class Plan:
    """One object to have: its key, what determines it, how to make it."""

    key: str
    components: dict[str, Any]
    make: Callable[[], Work]
    """Builds the work once it is known to be needed; may have other steps made first."""
    extension: str = "parquet"

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint(self.components)


class PlanSequence(Sequence[Plan]):
    """Plans that are built each time they are asked for: 4 kB a shard that need not be held."""

    def __init__(self, keys: Sequence[str], build: Callable[[str], Plan]) -> None:
        self._keys = keys
        self._build = build

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, index: int) -> Plan: ...

    @overload
    def __getitem__(self, index: slice) -> "PlanSequence": ...

    def __getitem__(self, index: int | slice) -> "Plan | PlanSequence":
        if isinstance(index, slice):
            return PlanSequence(self._keys[index], self._build)
        return self._build(self._keys[index])


def shard_key(number: int) -> str:
    """The name of a shard in its tables, and of a part in its stage."""
    return f"{number:05d}"


@dataclass
class PlanItem:
    """What `sluice plan` says of one step."""

    step: str
    n_tasks: int
    n_stale: int
    reasons: dict[str, int] = field(default_factory=dict)
    """Why, with the number of stale objects each reason holds for."""
    stale: list[str] = field(default_factory=list, repr=False)
    """The keys of what is to be made."""

    def add(self, plan: Plan, receipt: Receipt | None) -> None:
        """Count a stale object."""
        self.n_stale += 1
        self.stale.append(plan.key)
        found = [NEVER] if receipt is None else differences(plan.components, receipt.components)
        for reason in found:
            self.reasons[reason] = self.reasons.get(reason, 0) + 1

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "step": self.step,
            "n_tasks": self.n_tasks,
            "n_stale": self.n_stale,
            "reasons": self.reasons,
        }


@dataclass
class StagePlan:
    """What a plan says of a whole stage, in one line."""

    stage: str
    n_tasks: int = 0
    n_stale: int = 0
    """Of the step with the most to do."""
    reasons: list[str] = field(default_factory=list)
    """What changed; where nothing of its own did, the stages that it follows."""


def by_stage(
    items: Iterable[PlanItem], changed: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> list[StagePlan]:
    """The stages that have something to do, in order. `changed`: the settings of stages that are
    others than in the last run, where what a stage's steps left does not say why.

    One is `never made` if nothing was of it and of those before it: what a corpus stage leaves to
    be deleted says nothing."""
    stages: dict[str, StagePlan] = {}
    after: dict[str, list[str]] = {}
    known: set[str] = set()
    for item in items:
        if not item.n_stale:
            continue
        name = str(StepName.parse(item.step).whole)
        stage = stages.setdefault(name, StagePlan(name))
        if item.n_stale > stage.n_stale:
            stage.n_tasks, stage.n_stale = item.n_tasks, item.n_stale
        if item.reasons.keys() != {NEVER}:
            known.add(name)
        stage.reasons += [reason for reason in item.reasons if not follows(reason)]
        for column in filter(None, map(upstream, item.reasons)):
            source = ".".join(column.split(".")[:2])
            after.setdefault(name, []).append(source)
    last: dict[str | None, str] = {}
    for name, stage in stages.items():
        corpus = StepName.parse(name).corpus
        settings = changed.get(str(StepName.parse(name).configured), ())
        if settings or name in known or last.get(corpus) in known:
            stage.reasons = [*settings, *_further(stage.reasons, settings)]
            before = after.get(name) or ([last[corpus]] if corpus in last else [])
            others = [f"follows {one}" for one in before if one != name]
            stage.reasons = stage.reasons or others or [OTHERWISE]
            known.add(name)
        stage.reasons = list(dict.fromkeys(stage.reasons)) or [NEVER]
        last[corpus] = name
    return list(stages.values())


def _further(reasons: Sequence[str], settings: Sequence[str]) -> list[str]:
    """The reasons that say more than the stage's changed settings do. A step may know a setting by
    another value (a folder by its last part), and one that takes up an option because another was
    set (the tokenizer, for `emit.text`) says so of it, and of its hash."""
    if not settings:
        return list(reasons)
    known = {_option(one) for one in settings}
    known |= {_option(one) for one in reasons if " none → " in one}
    return [one for one in reasons if _option(one).removesuffix("_hash") not in known]


def _option(reason: str) -> str:
    return reason.partition(" ")[0].rpartition(".")[2]


@contextmanager
def unsaid() -> Iterator[None]:
    """While a plan is made stages say nothing of what an earlier run made."""
    log = logging.getLogger("sluice.found")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before


class _PendingColumns(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return PENDING


def pending(step: str, plan: Plan) -> Receipt:
    """Stands for an object that a dry run did not make."""
    name = f"{plan.key}.{plan.extension}"
    return Receipt(step, plan.key, name, {"": PENDING}, 0, 0, 0, "", _PendingColumns())
