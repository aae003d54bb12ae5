"""How often people who looked said that a verdict is wrong: what `sluice browse` wrote."""

from typing import Any

from pipeline.inspection.audit import ErrorRate, error_rates, last_judgements, read_audit
from pipeline.report.facts.opened import Opened


def audits(opened: Opened) -> list[dict[str, Any]]:
    """By stage and reason: verdicts looked at, wrong ones, the rate and its interval, how many
    there are in all, and how many are still to be looked at for an interval of ± 2 %."""
    judgements = last_judgements(read_audit(opened.storage)).items()
    return [_audit(opened, rate) for rate in error_rates(judgements)]


def _audit(opened: Opened, one: ErrorRate) -> dict[str, Any]:
    low, high = one.interval
    documents = _documents(opened, one.stage, one.reason)
    return {
        "stage": one.stage,
        "reason": one.reason,
        "looked_at": one.n,
        "wrong": one.n_wrong,
        "rate": one.rate,
        "low": low,
        "high": high,
        "documents": documents,
        "still": one.n_more(documents),
    }


def _documents(opened: Opened, stage: str, reason: str | None) -> int | None:
    counts = next((count for count in opened.funnel if count.stage == stage), None)
    if counts is None:
        return None
    return counts.kept if reason is None else counts.reasons.get(reason, 0)
