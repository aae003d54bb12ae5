"""Single records that something was found in: redacted, contaminated, quarantined."""

from typing import Any

from pipeline.configuration.names import StepName
from pipeline.configuration.registry import CONFIGURED
from pipeline.report.facts.opened import Opened
from schemas.quarantine import QUARANTINE

N_SAMPLES = 5
HEAD = 160
"""Bytes of a quarantined record that are shown."""
ERROR = 500
"""Characters of what happened to it."""
N_KINDS = 50
"""Per corpus: of benchmarks' problems there are many."""
SOUGHT = {"redact": ("email", "ip_address", "key"), "decontaminate": ("benchmarks",)}
"""The settings of stages that mark spans without which they mark none."""


def spans(opened: Opened, name: str) -> list[dict[str, Any]]:
    """What a stage that marks spans found, by corpus and kind: spans, documents, bytes."""
    found = []
    for stage, view in opened.tables.items():
        step = StepName.parse(stage) if not stage.startswith("shards.") else None
        if step is None or step.stage != name or "spans" not in view.columns:
            continue
        rows = opened.ask(
            "select span.kind as kind, count(*) as spans, count(distinct (shard, row)) as "
            'documents, sum(span."end" - span.start)::bigint as bytes from '
            f"(select shard, row, unnest(spans) as span from {view.sql_name}) "
            f"group by all order by spans desc, kind limit {N_KINDS}"
        )
        found += [{"corpus": step.corpus, **row} for row in rows]
    return found


def sought(opened: Opened) -> dict[str, dict[str, bool]]:
    """By stage and corpus of the run: whether there was anything to be redacted, and any benchmark
    to be guarded against. As long as no run was completed nobody knows, which counts as yes."""
    there = {StepName.parse(count.stage).corpus for count in opened.funnel}
    return {
        name: {
            corpus: not opened.made or any(opened.setting(corpus, name, one) for one in options)
            for corpus in CONFIGURED
            if corpus in there
        }
        for name, options in SOUGHT.items()
    }


def quarantine(opened: Opened) -> list[dict[str, Any]]:
    """By stage and reason: how many records, and the first few."""
    found = []
    for view in opened.views.values():
        if view.schema != "quarantine" or not set(QUARANTINE.names) <= set(view.columns):
            continue
        stage = view.folder.partition("/")[2].replace("/", ".")
        counts = opened.ask(
            f"select reason, count(*) as records from {view.sql_name} "
            "group by all order by records desc, reason"
        )
        for row in counts:
            samples = opened.ask(
                f'select origin, "offset", error, head from {view.sql_name} where reason = ? '
                f"order by origin, shard, row limit {N_SAMPLES}",
                row["reason"],
            )
            for sample in samples:
                sample["head"] = sample["head"][:HEAD].decode("utf-8", "replace")
                sample["error"] = sample["error"][:ERROR]
            found.append({"stage": stage, **row, "samples": samples})
    return found


def skipped(opened: Opened) -> list[dict[str, Any]]:
    """What sources and stages passed over, by stage and reason."""
    rows = [
        {"stage": count.stage, "reason": reason, "records": n}
        for count in opened.funnel
        for reason, n in count.skipped.items()
    ]
    return sorted(rows, key=lambda row: (-int(str(row["records"])), row["stage"], row["reason"]))
