"""pass@1 of a model, set by set: greedy decoding, one completion for each problem."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from stages.ablation.evaluation.execute import Status, Verdict
from stages.ablation.evaluation.problems import set_names


@dataclass(frozen=True)
class PassRate:
    """One set's result."""

    set: str
    name: str
    """The heading of its column in a table."""
    n_problems: int
    n_passed: int
    statuses: dict[str, int]
    """Status → problems, of every status."""
    pass_at_1: float | None
    """Passed problems ÷ problems; None if any of them was not run."""
    not_run: str | None
    """Why problems were not run."""


def pass_rates(verdicts: Iterable[Verdict]) -> list[PassRate]:
    """One row for each set among the verdicts, in the table's order."""
    sets: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        sets.setdefault(verdict.set, []).append(verdict)
    return [_rate(key, name, sets[key]) for key, name in set_names().items() if key in sets]


def _rate(key: str, name: str, verdicts: list[Verdict]) -> PassRate:
    statuses = Counter(verdict.status for verdict in verdicts)
    n_passed = statuses[Status.PASSED]
    reasons = [verdict.detail for verdict in verdicts if verdict.status is Status.NOT_RUN]
    return PassRate(
        set=key,
        name=name,
        n_problems=len(verdicts),
        n_passed=n_passed,
        statuses={status.value: statuses[status] for status in Status},
        pass_at_1=None if reasons else n_passed / len(verdicts),
        not_run=reasons[0] if reasons else None,
    )
