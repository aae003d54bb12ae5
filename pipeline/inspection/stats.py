"""What the stages counted: a funnel over the run, one stage in detail, any column's groups.

Counts come from the receipts (reason × language × licence, histograms), so they cost no scan of
the tables; only `--by` asks the tables themselves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipeline.configuration.names import DECIDE
from pipeline.configuration.registry import DOCUMENTS, EVENTS, GITHUB, SEEDS, STAGES, WEB
from pipeline.configuration.validation import nearest
from pipeline.inspection.flags import FLAGGED_DOCUMENTS, table_flags
from pipeline.inspection.views import View, find_views, open_run, quoted
from pipeline.storage.receipts import Receipts
from pipeline.storage.statistics import Cell, statistics_of
from schemas.columns import histogram_edges
from stages.errors import ConfigError

SHARDS = "shards"
SHOWN = (EVENTS, GITHUB, SEEDS, WEB, SHARDS)
"""The corpora and the product, in the order of the funnel."""
FLAGGED_SHARE = 0.9
"""A language that loses more than this share to one stage is flagged."""


@dataclass
class StageCount:
    """What reached a table, and what became of it."""

    stage: str
    documents: int = 0
    kept: int = 0
    bytes: int = 0
    kept_bytes: int = 0
    tokens: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    quarantined: int = 0
    judges: bool = True
    flags: list[str] = field(default_factory=list)
    """What someone should look at."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def funnel(run: Path) -> list[StageCount]:
    """Every table of the run in order: documents, its stages, the shards."""
    return [_count(view) for view in _in_order(find_views(run))]


def stage_statistics(run: Path, stage: str) -> dict[str, Any]:
    """One stage's counts, by language and by licence, and the histograms of its measures."""
    view = _view_of(stage, find_views(run))
    statistics = statistics_of(_receipts(view))
    return {
        "stage": _stage_name(view),
        "counts": _count(view),
        "language": _groups(statistics.cells, "language"),
        "license": _groups(statistics.cells, "license"),
        "histograms": {name: one._asdict() for name, one in statistics.histograms.items()},
    }


def grouped(run: Path, stage: str, column: str) -> list[dict[str, Any]]:
    """A stage's documents in the groups of any column, its own or another stage's. Numbers with
    declared histogram edges fall into bins, named by their lower edge."""
    with open_run(run) as (connection, views):
        view = _view_of(stage, list(views.values()))
        corpus = view.schema
        same = [view, *(other for other in views.values() if other.schema == corpus)]
        provider = next((other for other in same if column in other.columns), None)
        if corpus == SHARDS:
            provider = view if column in view.columns else None
        if provider is None:
            every = sorted({name for other in same for name in other.columns})
            raise ConfigError(f"--by {column}: no such column; there are {', '.join(every)}")
        return _grouped(connection, view, provider, views.get(f"{corpus}.{DOCUMENTS}"), column)


def _grouped(
    connection: Any, view: View, provider: View, documents: View | None, column: str
) -> list[dict[str, Any]]:
    judges = "keep" in view.columns
    kept = "count(*) filter (own.keep)" if judges else "count(*)"
    amount = "own.n_tokens" if documents is None else "documents.n_bytes"
    joined = (
        f"join {documents.sql_name} as documents using (shard, row)"
        if documents is not None
        else ""
    )
    reason = "own.reason" if judges else "null"
    relation = connection.execute(
        f"select {_group(provider, column)} as value, {reason} as reason, "
        f"count(*) as n, {kept} as kept, sum({amount})::hugeint as amount "
        f"from {view.sql_name} as own join {provider.sql_name} as provider using (shard, row) "
        f"{joined} {'where own.keep is not null' if judges else ''} group by all"
    )
    groups: dict[str, dict[str, Any]] = {}  # by `repr`: null is not the text "None"
    unit = "tokens" if documents is None else "bytes"
    for found, why, n, n_kept, size in relation.fetchall():
        value = found.hex() if isinstance(found, bytes) else found
        group = groups.setdefault(
            repr(value), {column: value, "documents": 0, "kept": 0, unit: 0, "reasons": {}}
        )
        group["documents"] += n
        group["kept"] += n_kept
        group[unit] += int(size or 0)
        if why is not None:
            group["reasons"][why] = n
    for group in groups.values():
        group["flagged"] = judges and is_flagged(group["documents"], group["kept"])
    return sorted(groups.values(), key=lambda group: (-group["documents"], repr(group[column])))


def _group(provider: View, column: str) -> str:
    name = f"provider.{quoted(column)}"
    with provider.storage.open_read(provider.files[0]) as stream:
        edges = histogram_edges(pq.read_schema(stream).field(column))
    if edges is None:
        return name
    values = ", ".join(map(repr, edges))
    return f"list_max(list_filter([{values}], lambda edge: edge <= {name}))"


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


def _view_of(stage: str, views: Sequence[View]) -> View:
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


def _receipts(view: View) -> list[Any]:
    return list(Receipts(view.storage, view.folder).load().values())


def _count(view: View) -> StageCount:
    receipts = _receipts(view)
    flags = table_flags(view.storage, view.step)
    count = StageCount(_stage_name(view), judges="keep" in view.columns, flags=flags)
    for receipt in receipts:
        count.quarantined += (receipt.quarantine or {}).get("rows", 0)
        for reason, n in receipt.summary.get("skipped", {}).items():
            count.skipped[reason] = count.skipped.get(reason, 0) + n
    statistics = statistics_of(receipts)
    total, kept = statistics.total(), statistics.total(kept=True)
    count.documents, count.bytes, count.tokens = total.documents, total.n_bytes, total.tokens
    count.kept, count.kept_bytes = kept.documents, kept.n_bytes
    count.reasons = statistics.reasons()
    return count


def _groups(cells: Iterable[Cell], key: str) -> list[dict[str, Any]]:
    groups: dict[str | None, dict[str, Any]] = {}
    for cell in cells:
        value = getattr(cell, key)
        group = groups.setdefault(
            value, {"value": value, "documents": 0, "kept": 0, "bytes": 0, "tokens": 0}
        )
        group["documents"] += cell.documents
        group["bytes"] += cell.n_bytes
        group["tokens"] += cell.tokens
        group["kept"] += cell.documents if cell.reason is None else 0
    for group in groups.values():
        group["flagged"] = is_flagged(group["documents"], group["kept"])
    return sorted(groups.values(), key=lambda group: (-group["documents"], str(group["value"])))
