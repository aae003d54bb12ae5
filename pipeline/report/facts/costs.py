"""What a run cost, stage by stage: of what is there now, however many runs made it.

Sources, map stages and measures are known by the receipts of their shards. Corpus stages are known
step by step from `costs.json`, in which a step that was measured in part counts as a whole, as it
does for `plan`. What is paid once is no part of what a crawl would cost.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.configuration.names import StepName
from pipeline.configuration.registry import EMIT, WEB
from pipeline.inspection.cost import SECONDS_PER_HOUR, corpus_bytes
from pipeline.inspection.rates import LISTED_BYTES, corpus_of, every_unit, own_rates, unit_of
from pipeline.inspection.step_costs import step_costs
from pipeline.report.facts.opened import Opened
from pipeline.storage.intake.input_record import load
from pipeline.storage.manifest import SHARDS
from pipeline.storage.receipts import parse_receipts
from schemas.shards import corpus_of as corpus_of_set

CRAWL_FILES = 90_000
"""WARC files of a crawl, of about `LISTED_BYTES` each."""


def costs(opened: Opened) -> dict[str, Any]:
    """Units in the order of the run, their sum, and the core-hours of a whole crawl at the rates
    of the web's units (None without a web corpus)."""
    inputs = load(opened.storage)
    sizes = corpus_bytes(inputs)
    known = own_rates(opened.storage, [], inputs)
    recorded = _recorded(opened)
    units = []
    for name in every_unit():
        unit = recorded.get(name) or _measured(opened, StepName.parse(name))
        if unit is not None:
            rate = known.get(name)
            units.append(
                {
                    "unit": name,
                    **unit,
                    "input_bytes": sizes.get(corpus_of(name), 0),
                    "core_seconds_per_gb": rate and rate.core_seconds * 1e9,
                }
            )
    web = [unit for unit in units if corpus_of(unit["unit"]) == WEB]
    rates = [u["core_seconds_per_gb"] for u in web if u["core_seconds_per_gb"] is not None]
    return {
        "units": units,
        "cpu_seconds": sum(unit["cpu_seconds"] for unit in units),
        "peak_bytes": max((unit["peak_bytes"] for unit in units), default=0),
        "crawl": {
            "files": CRAWL_FILES,
            "bytes": CRAWL_FILES * LISTED_BYTES,
            "core_hours": sum(rates) * CRAWL_FILES * LISTED_BYTES / 1e9 / SECONDS_PER_HOUR,
        }
        if rates
        else None,
    }


def _recorded(opened: Opened) -> dict[str, dict[str, Any]]:
    """The corpus stages, by unit."""
    units: dict[str, dict[str, Any]] = {}
    for step, one in step_costs(opened.storage).items():
        if not _is_there(opened, StepName.parse(step)):
            continue
        unit = units.setdefault(unit_of(step), _nothing())
        unit["cpu_seconds"] += one.core_seconds * one.input_bytes + one.once_core_seconds
        unit["text_bytes"] += round(one.text_bytes * one.input_bytes)
        unit["peak_bytes"] = max(unit["peak_bytes"], one.task_bytes)
    return units


def _is_there(opened: Opened, step: StepName) -> bool:
    """Whether what the stage made is part of the run: costs outlive it, for the next `plan`."""
    if step.stage == EMIT:
        return any(
            corpus_of_set(view.name) == step.corpus
            for view in opened.tables.values()
            if view.schema == SHARDS
        )
    return str(step.whole) in opened.tables


def _measured(opened: Opened, name: StepName) -> dict[str, Any] | None:
    """A unit by the receipts of its shards; None if there are none."""
    receipts = parse_receipts(opened.storage, name.folder).values()
    efforts: list[Mapping[str, Any]] = [one.effort for one in receipts if one.step == str(name)]
    if not efforts:
        return None
    return {
        **_nothing(),
        "cpu_seconds": sum(effort["cpu_seconds"] for effort in efforts),
        "peak_bytes": max(effort["peak_bytes"] or 0 for effort in efforts),
        "text_bytes": sum(effort["text_bytes"] for effort in efforts),
    }


def _nothing() -> dict[str, Any]:
    return {"cpu_seconds": 0.0, "peak_bytes": 0, "text_bytes": 0}
