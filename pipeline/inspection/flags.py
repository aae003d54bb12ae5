"""What someone should look at before trusting a run: said at its end, by `stats`, and in its log.

Flagged are inputs that gave no document, hours of events that are not there, seed files with rows
that could not be read or that dedup mostly dropped, sources, languages and clusters of which dedup
dropped very much, and a domain that holds a dominating share of a crawl or of what was recalled
from it: then the statistics, and a classifier's new seeds, are about one site.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pipeline.configuration.names import StepName
from pipeline.configuration.registry import CONFIGURED, DEDUP, DOCUMENTS, EVENTS, RECALL, SEEDS
from pipeline.engine.intake.empty_inputs import empty_inputs
from pipeline.engine.intake.seed_files import seed_files
from pipeline.inspection.alarms import alarm_lines
from pipeline.inspection.iteration_metrics import iteration_metrics
from pipeline.storage.receipts import Receipt, parse_receipts
from pipeline.storage.storage import Storage
from schemas.alarms import FLAGGED_DOCUMENTS
from stages.github.gharchive.hours import absent_hours, hour_name, hour_of

DOMINANT_SHARE = 0.5
"""A domain with more than this share of all pages is flagged, and a seed file that lost more."""
SEED_DOCUMENTS = StepName(SEEDS, DOCUMENTS)
HOURS = StepName(EVENTS, DOCUMENTS)
OTHER_DOCUMENTS = tuple(StepName(corpus, DOCUMENTS) for corpus in CONFIGURED)
MAX_HOURS = 5
"""Of absent hours so many are named."""
RECALLS = tuple(StepName(corpus, RECALL) for corpus in CONFIGURED)
DEDUPS = tuple(StepName(corpus, DEDUP) for corpus in CONFIGURED)


def run_flags(storage: Storage) -> list[str]:
    """All of a run's, with the table each is about."""
    return [
        f"{step}: {flag}"
        for step in (SEED_DOCUMENTS, HOURS, *OTHER_DOCUMENTS, *DEDUPS, *RECALLS)
        for flag in table_flags(storage, step)
    ]


def table_flags(storage: Storage, step: StepName) -> list[str]:
    """A line for each thing in one table of a run."""
    if step == SEED_DOCUMENTS:
        return _seed_flags(storage, parse_receipts(storage, step.folder).values())
    if step == HOURS:
        return _hour_flags(parse_receipts(storage, step.folder).values())
    if step in OTHER_DOCUMENTS:
        receipts = parse_receipts(storage, step.folder).values()
        return [f"no document came from {line}" for line in empty_inputs(receipts)]
    if step in DEDUPS:
        return alarm_lines(storage, step)
    if step in RECALLS:
        return _domain_flags(_last_metrics(storage, step.folder))
    return []


def _seed_flags(storage: Storage, receipts: Iterable[Receipt]) -> list[str]:
    files = seed_files(storage, receipts, parse_receipts(storage, StepName(SEEDS, DEDUP).folder))
    return [
        str(one)
        for one in files
        if one.unreadable or one.n_kept <= (1 - DOMINANT_SHARE) * one.n_documents
    ]


def _hour_flags(receipts: Collection[Receipt]) -> list[str]:
    names = (one["name"] for receipt in receipts for one in receipt.summary["inputs"])
    hours = [hour for hour in map(hour_of, names) if hour is not None]
    never, absent = absent_hours(hours)
    flags = [f"no event of use came from {line}" for line in empty_inputs(receipts)]
    if never:
        flags.append(f"GH Archive never had {_named(never)}")
    if absent:
        flags.append(
            f"{_named(absent)} between {hour_name(min(hours))} and {hour_name(max(hours))} not read"
        )
    return flags


def _named(hours: Sequence[datetime]) -> str:
    """So many hours, the first of them by name."""
    more = ", …" if len(hours) > MAX_HOURS else ""
    listed = ", ".join(map(hour_name, hours[:MAX_HOURS]))
    return f"{len(hours):,} hour{'s' if len(hours) > 1 else ''} ({listed}{more})"


def _last_metrics(storage: Storage, folder: str) -> dict[str, Any]:
    """The description of the last accepted iteration; empty without one."""
    last: dict[str, Any] = {}
    number = 1
    while described := iteration_metrics(storage, folder, number):
        if not described["accepted"]:
            break
        last = described
        number += 1
    return last


def _domain_flags(metrics: Mapping[str, Any]) -> list[str]:
    targets = metrics.get("targets", {})
    n_pages = max((entry["n_pages"] for entry in targets.values()), default=0)
    flags = _dominant(metrics.get("largest_domain"), n_pages, "pages")
    for target, entry in targets.items():
        recalled = f"pages recalled as {target}"
        flags += _dominant(entry.get("largest_domain"), entry["n_recalled"], recalled)
    return flags


def _dominant(largest: Mapping[str, Any] | None, n_pages: int, what: str) -> list[str]:
    if largest is None or n_pages < FLAGGED_DOCUMENTS:
        return []
    n, domain = largest["n_pages"], largest["domain"]
    if n <= DOMINANT_SHARE * n_pages:
        return []
    return [f"{domain} has {n:,} of {n_pages:,} {what} ({n / n_pages:.1%})"]
