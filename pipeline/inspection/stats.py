"""What the stages counted: a funnel over the run, one stage in detail.

Counts come from the receipts (reason × language × licence, histograms), so they cost no scan of
the tables; only `--by` asks the tables themselves (`grouping`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.configuration.names import DECIDE, StepName
from pipeline.configuration.registry import DOCUMENTS, EMIT, EVENTS, GITHUB, SEEDS, STAGES, WEB
from pipeline.configuration.validation import nearest
from pipeline.inspection.flags import table_flags
from pipeline.inspection.staleness import stale_tables
from pipeline.inspection.views import View, find_views
from pipeline.storage.receipts import Receipt, Receipts
from pipeline.storage.statistics import Cell, statistics_of
from schemas.alarms import FLAGGED_DOCUMENTS, FLAGGED_SHARE
from schemas.shards import corpus_of
from stages.errors import ConfigError

SHARDS = "shards"
SHOWN = (EVENTS, GITHUB, SEEDS, WEB, SHARDS)
"""The corpora and the product, in the order of the funnel."""


@dataclass
class StageCount:
    """What reached a table, and what became of it. Of a shard set `documents` are samples."""

    stage: str
    documents: int = 0
    kept: int = 0
    bytes: int | None = None
    """Of the documents' text; shards hold tokens and count none."""
    kept_bytes: int | None = None
    tokens: int | None = None
    """Of shards; documents have none yet."""
    reasons: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    quarantined: int = 0
    judges: bool = True
    is_stale: bool = False
    """Whether a table that it was made from is another now."""
    flags: list[str] = field(default_factory=list)
    """What someone should look at."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def funnel(run: Path) -> list[StageCount]:
    """Every table of the run in order: documents, its stages, the shards."""
    views = _in_order(find_views(run))
    stale = stale_tables(views[0].storage) if views else {}
    return [_count(view, _receipts(view), stale) for view in views]


def stage_statistics(run: Path, stage: str) -> dict[str, Any]:
    """One stage's counts, by language and by licence, and the histograms of its measures."""
    view = view_of(stage, find_views(run))
    return _statistics(view, stale_tables(view.storage))


def every_statistics(views: Sequence[View]) -> list[tuple[View, dict[str, Any]]]:
    """As `stage_statistics`, of every table of the funnel, in its order."""
    stale = stale_tables(views[0].storage) if views else {}
    return [(view, _statistics(view, stale)) for view in _in_order(views)]


def _statistics(view: View, stale: Mapping[str, str]) -> dict[str, Any]:
    receipts = _receipts(view)
    statistics = statistics_of(receipts)
    return {
        "stage": _stage_name(view),
        "counts": _count(view, receipts, stale),
        "language": _groups(statistics.cells, "language", view),
        "license": _groups(statistics.cells, "license", view),
        "histograms": {name: one._asdict() for name, one in statistics.histograms.items()},
    }


def is_flagged(documents: int, kept: int) -> bool:
    """Whether so much was lost that someone should look."""
    return documents >= FLAGGED_DOCUMENTS and documents - kept > FLAGGED_SHARE * documents


def _in_order(views: Sequence[View]) -> list[View]:
    order = [DOCUMENTS, *STAGES]
    tables = [
        view
        for view in views
        if view.schema == SHARDS or (view.schema in SHOWN and view.name in order)
    ]
    return sorted(
        tables,
        key=lambda view: (
            SHOWN.index(view.schema),
            order.index(view.name) if view.name in order else 0,
            view.name,
        ),
    )


def view_of(stage: str, views: Sequence[View]) -> View:
    """The table that `stage` names; ConfigError with the nearest name if none is called so."""
    for view in views:
        if stage in _names(view):
            return view
    there = [_stage_name(view) for view in _in_order(views)]
    hint = nearest(stage, there)
    suggestion = f"did you mean {hint}? " if hint else ""
    raise ConfigError(f"no stage {stage!r} in this run; {suggestion}there are {', '.join(there)}")


def _names(view: View) -> set[str]:
    """What a table may be called: as in SQL, by its stage, and by the half that wrote it."""
    names = {f"{view.schema}.{view.name}", _stage_name(view)}
    if view.step == view.step.whole:
        names.add(str(replace(view.step, half=DECIDE)))
    return names


def _stage_name(view: View) -> str:
    return str(view.step) if view.step.task is None else f"{view.schema}.{view.name}"


def _receipts(view: View) -> list[Receipt]:
    return list(Receipts(view.storage, view.folder).load().values())


def _count(view: View, receipts: Sequence[Receipt], stale: Mapping[str, str]) -> StageCount:
    flags = table_flags(view.storage, view.step)
    step = view.step
    if view.schema == SHARDS:
        step = StepName(corpus_of(view.folder.rpartition("/")[2]), EMIT)
    count = StageCount(_stage_name(view), judges="keep" in view.columns, flags=flags)
    if cause := stale.get(str(step)):
        count.is_stale = True
        flags.append(f"stale: {cause} was made anew since; `sluice run` makes it again")
    for receipt in receipts:
        count.quarantined += (receipt.quarantine or {}).get("rows", 0)
        for reason, n in receipt.summary.get("skipped", {}).items():
            count.skipped[reason] = count.skipped.get(reason, 0) + n
    statistics = statistics_of(receipts)
    total, kept = statistics.total(), statistics.total(kept=True)
    count.documents, count.kept = total.documents, kept.documents
    if view.schema == SHARDS:
        count.tokens = total.tokens
    elif view.is_stage:
        count.bytes, count.kept_bytes = total.n_bytes, kept.n_bytes
    else:
        count.documents = count.kept = sum(receipt.rows for receipt in receipts)
    count.reasons = statistics.reasons()
    return count


def _groups(cells: Iterable[Cell], key: str, view: View) -> list[dict[str, Any]]:
    """Documents per value of a key, with bytes or, of a shard set, tokens; where there are
    verdicts also `kept` and `flagged`."""
    if not view.is_stage and view.schema != SHARDS:
        return []
    unit = "tokens" if view.schema == SHARDS else "bytes"
    judges = "keep" in view.columns
    groups: dict[str | None, dict[str, Any]] = {}
    for cell in cells:
        value = getattr(cell, key)
        empty = {"value": value, "documents": 0, unit: 0, **({"kept": 0} if judges else {})}
        group = groups.setdefault(value, empty)
        group["documents"] += cell.documents
        group[unit] += cell.tokens if unit == "tokens" else cell.n_bytes
        if judges and cell.reason is None:
            group["kept"] += cell.documents
    for group in groups.values() if judges else ():
        group["flagged"] = is_flagged(group["documents"], group["kept"])
    return sorted(groups.values(), key=lambda group: (-group["documents"], str(group["value"])))
