"""Two runs side by side: rows that mean the same thing are paired, and marked where they differ.

A pair has, under each figure's name, `a`, `b` and `difference` (b - a); what one run does not have
is null.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = dict[str, Any]


def compared(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a comparison, from those of the two runs."""
    return {
        "runs": [a["provenance"], b["provenance"]],
        "options": _options(a["provenance"], b["provenance"]),
        "funnel": paired(
            map(_with_share, a["funnel"]),
            map(_with_share, b["funnel"]),
            keys=["stage"],
            values=["documents", "kept", "share"],
        ),
        "reasons": paired(
            _reasons(a["funnel"]),
            _reasons(b["funnel"]),
            keys=["stage", "reason"],
            values=["documents"],
        ),
        "sets": paired(
            a["mix"]["sets"], b["mix"]["sets"], keys=["set"], values=["tokens", "samples", "bytes"]
        ),
        **{
            name: _largest_first(
                paired(
                    a["mix"][name], b["mix"][name], keys=["name"], values=["tokens", "documents"]
                )
            )
            for name in ("languages", "natural_languages", "licenses")
        },
        "recall": paired(
            _iterations(a["recall"]),
            _iterations(b["recall"]),
            keys=["corpus", "iteration", "target"],
            values=["precision", "recall", "n_recalled", "n_patterns_accepted"],
        ),
        "redacted": paired(
            a["redacted"], b["redacted"], keys=["corpus", "kind"], values=["spans", "documents"]
        ),
        "quarantine": paired(
            a["quarantine"], b["quarantine"], keys=["stage", "reason"], values=["records"]
        ),
        "histograms": _histograms(a["histograms"], b["histograms"]),
        "costs": paired(
            a["costs"]["units"],
            b["costs"]["units"],
            keys=["unit"],
            values=["cpu_seconds", "peak_bytes"],
        ),
    }


def paired(
    a: Iterable[Mapping[str, Any]],
    b: Iterable[Mapping[str, Any]],
    keys: Sequence[str],
    values: Sequence[str],
) -> list[Row]:
    """The rows of both by their keys, in the order of `a`, then of `b`."""
    sides = [{tuple(row[key] for key in keys): row for row in rows} for rows in (a, b)]
    found = []
    for key in dict.fromkeys([*sides[0], *sides[1]]):
        row: Row = dict(zip(keys, key, strict=True))
        for name in values:
            mine, theirs = (side.get(key, {}).get(name) for side in sides)
            difference = None if mine is None or theirs is None else theirs - mine
            row[name] = {"a": mine, "b": theirs, "difference": difference}
        row["differs"] = any(row[name]["a"] != row[name]["b"] for name in values)
        found.append(row)
    return found


def _with_share(row: Mapping[str, Any]) -> Row:
    judged = row["judges"] and row["documents"]
    return {**row, "share": row["kept"] / row["documents"] if judged else None}


def _reasons(funnel: Iterable[Mapping[str, Any]]) -> list[Row]:
    return [
        {"stage": row["stage"], "reason": reason, "documents": n}
        for row in funnel
        for reason, n in {**row["reasons"], **_skipped(row)}.items()
    ]


def _skipped(row: Mapping[str, Any]) -> dict[str, int]:
    return {f"skipped {reason}": n for reason, n in row["skipped"].items()}


def _largest_first(rows: list[Row]) -> list[Row]:
    """Without what neither run has."""
    there = [row for row in rows if row["tokens"]["a"] or row["tokens"]["b"]]
    most = {id(row): max(row["tokens"]["a"] or 0, row["tokens"]["b"] or 0) for row in there}
    return sorted(there, key=lambda row: (-most[id(row)], str(row["name"])))


def _iterations(recall: Iterable[Mapping[str, Any]]) -> list[Row]:
    return [
        {
            "corpus": one["corpus"],
            "iteration": iteration["iteration"],
            **target,
            "precision": target["held_out"]["precision"],
            "recall": target["held_out"]["recall"],
        }
        for one in recall
        for iteration in one["iterations"]
        for target in iteration["targets"]
    ]


def _histograms(a: Sequence[Row], b: Sequence[Row]) -> list[Row]:
    """Those that both have, with the same edges; and whether counts or thresholds differ."""
    theirs = {(row["stage"], row["measure"]): row for row in b}
    found = []
    for row in a:
        other = theirs.get((row["stage"], row["measure"]))
        if other is not None and other["edges"] == row["edges"]:
            differs = any(row[name] != other[name] for name in ("counts", "thresholds"))
            sides = {name: {"a": row[name], "b": other[name]} for name in ("counts", "thresholds")}
            same = {name: row[name] for name in ("stage", "measure", "means", "edges")}
            found.append({**same, **sides, "differs": differs})
    return found


def _options(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Row] | None:
    """Settings whose values differ; what a run does not list is the default. None if one of the
    runs was never completed, so that nobody knows."""
    if not (a["started"] and b["started"]):
        return None
    sides = [{row["setting"]: row["value"] for row in one["options"]} for one in (a, b)]
    defaults = {row["setting"]: row["default"] for row in (*a["options"], *b["options"])}
    rows = []
    for setting, default in sorted(defaults.items()):
        mine, theirs = (side.get(setting, default) for side in sides)
        if mine != theirs:
            rows.append({"setting": setting, "a": mine, "b": theirs, "differs": True})
    return rows
