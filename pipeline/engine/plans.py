"""What a step is to have: a plan for each object, and what `sluice plan` says of them.

Plans may come from a sequence that builds each when it is asked: the driver then holds a receipt
per object and the plans in flight, nothing else.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, overload

from pipeline.engine.work.task import Work
from pipeline.storage.digest import fingerprint
from pipeline.storage.receipts import Receipt

PENDING = "pending"


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


@dataclass
class PlanItem:
    """What `sluice plan` says of one step."""

    step: str
    n_tasks: int
    n_stale: int
    reasons: dict[str, int] = field(default_factory=dict)
    """Why, with the number of stale objects each reason holds for."""

    def add(self, plan: Plan, receipt: Receipt | None) -> None:
        """Count a stale object."""
        self.n_stale += 1
        for reason in _reasons(plan, receipt):
            self.reasons[reason] = self.reasons.get(reason, 0) + 1


def _reasons(plan: Plan, receipt: Receipt | None) -> Iterable[str]:
    if receipt is None:
        return ["never made"]
    return [
        f"{key} changed" if plan.components.get(key) != PENDING else f"{key} is to be made"
        for key in sorted(set(plan.components) | set(receipt.components))
        if plan.components.get(key) != receipt.components.get(key)
    ]


class _PendingColumns(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return PENDING


def pending(step: str, plan: Plan) -> Receipt:
    """Stands for an object that a dry run did not make."""
    name = f"{plan.key}.{plan.extension}"
    return Receipt(step, plan.key, name, {"": PENDING}, 0, 0, 0, "", _PendingColumns())
