"""From figures to what the template lays out: groups, words for lists and nulls, small pictures."""

from collections.abc import Mapping
from typing import Any

from pipeline.inspection.stats import SHOWN
from pipeline.report.charts.bars import interval
from schemas.alarms import FLAGGED_DOCUMENTS, FLAGGED_SHARE, LARGE_CLUSTER
from schemas.shards import CODE_QUALITY

Figures = Mapping[str, Any]
LEAST_LIMIT = 0.1
"""The axis of error rates ends there, or where the highest interval does."""


def view(figures: Figures) -> dict[str, Any]:
    """What a page needs beside the figures themselves."""
    return {
        "corpora": _corpora(figures["funnel"]),
        "own_sets": [one for one in figures["mix"]["sets"] if one["set"] != CODE_QUALITY],
        "measured": _by_corpus(figures["histograms"]),
        "shown_recall": [_recalled(one) for one in figures["recall"]],
        "shown_audits": _audits(figures["audits"]),
        "shown_units": [_unit(one) for one in figures["costs"]["units"]],
        "shown_inputs": [_input(one) for one in figures["provenance"]["inputs"]],
        "shown_options": said_options(figures["provenance"]["options"]),
        "flagged_documents": FLAGGED_DOCUMENTS,
        "flagged_share": f"{FLAGGED_SHARE:.0%}",
        "large_cluster": LARGE_CLUSTER,
    }


def _corpora(funnel: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Corpus → its rows of the funnel, what was read, and what its last filter kept."""
    found = {}
    for corpus in SHOWN:
        rows = [row for row in funnel if row["stage"].startswith(f"{corpus}.")]
        if rows and rows[0]["tokens"] is None:
            judged = [row for row in rows if row["judges"]]
            found[corpus] = {"rows": rows, "read": rows[0], "last": judged[-1] if judged else None}
    return found


def _by_corpus(histograms: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for one in histograms:
        found.setdefault(one["stage"].partition(".")[0], []).append(one)
    return found


def _recalled(one: dict[str, Any]) -> dict[str, Any]:
    total = sum(row["documents"] for row in one["first_in"])
    rows, before = [], 0
    for row in one["first_in"]:
        before += row["documents"]
        rows.append({**row, "share": row["documents"] / total, "by_then": before / total})
    iterations = [
        {"iteration": iteration["iteration"], **target, "said": _accepted(iteration, target)}
        for iteration in one["iterations"]
        for target in iteration["targets"]
    ]
    targets = [{**row, "said": " and ".join(row["targets"])} for row in one["targets"]]
    return {**one, "rows": iterations, "first_in": rows, "targets": targets}


def _accepted(iteration: dict[str, Any], target: dict[str, Any]) -> str:
    if not iteration["accepted"]:
        return f"rejected: {iteration['rejected_for']}"
    return "accepted" if target.get("accepted", True) else "rejected: the one before stays"


def _audits(audits: list[dict[str, Any]]) -> list[dict[str, Any]]:
    limit = max([LEAST_LIMIT, *(one["high"] for one in audits)])
    return [
        {
            **one,
            "said": one["reason"] or "kept",
            "picture": interval(one["low"], one["rate"], one["high"], limit),
        }
        for one in audits
    ]


def _unit(one: dict[str, Any]) -> dict[str, Any]:
    has_rate = one["text_bytes"] and one["cpu_seconds"]
    return {**one, "rate": one["text_bytes"] / one["cpu_seconds"] if has_rate else None}


def _input(one: dict[str, Any]) -> dict[str, Any]:
    more = one["inputs"] - len(one["first"])
    said = ", ".join(one["first"]) + (f" and {more:,} more" if more else "")
    return {**one, "said": said}


def said_options(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Options with their values in words, under `…_said`."""
    values = ("value", "default", "a", "b")
    return [
        {**row, **{f"{name}_said": _value(row[name]) for name in values if name in row}}
        for row in rows
    ]


def _value(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case list():
            return ", ".join(map(str, value)) or "nothing"
    return str(value)
