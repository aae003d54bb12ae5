"""A run's recall compared with labels, after every iteration and as it ended.

Left out, and counted: pages that are supplied seeds (by doc_id or URL), pages no document was made
of, and pages dropped before recall, such as duplicates: recall never judged them. Pages that the
loop itself added are compared like any other; `without_accepted` leaves out those under URL
patterns it accepted. Memory: the labelled rows alone; DuckDB joins them with the run's tables.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.inspection.views import View, open_run
from pipeline.recall.accepted_patterns import AcceptedPatterns, accepted_patterns
from pipeline.recall.iterations import Stand, iterations_of, metrics_of
from pipeline.recall.labels import KEPT, PLACE, Labels, read_labels
from stages.errors import ConfigError
from stages.recall.evaluate import DOCUMENT_COLUMN

DOCUMENTS, RECALL, DEDUP, SEEDS = "web.documents", "web.recall", "web.dedup", "seeds.documents"
SEED, NO_PAGE, DROPPED = "supplied seed", "no page of the run", "dropped before recall"


@dataclass(frozen=True)
class RunEvaluation:
    """Everything `sluice recall evaluate` prints."""

    n_labels: int
    n_judged: int
    left_out: dict[str, int]
    stands: list[Stand]
    without_accepted: list[dict[str, Any]]

    @property
    def verdicts(self) -> list[dict[str, Any]]:
        """The metrics of the run's verdicts."""
        return self.stands[-1].metrics


def evaluate_run(run: Path, label_file: Path) -> RunEvaluation:
    """Compare the run's recall with the labels. ConfigError if nothing can be compared."""
    labels = read_labels(label_file)
    with open_run(run) as (connection, views):
        for name in (DOCUMENTS, RECALL):
            if name not in views:
                raise ConfigError(f"{run}: no table {name}; this run has not recalled pages")
        joined = _joined(connection, views, labels)
        left_out = {**labels.left_out, **_left_out(joined)}
        judged = _judged(joined)
        targets = _targets(views[RECALL])
        _require_matches(label_file, labels, judged, left_out, targets)
        iterations = list(iterations_of(connection, views, judged, targets))
        patterns = accepted_patterns(connection, views, [stand.iteration for stand in iterations])
    last = next((one for one in reversed(iterations) if one.accepted), None)
    rankings, curves = (last.rankings, last.curves) if last else ({}, {})
    ended = Stand(None, True, metrics_of(judged, targets, judged["recalled"]), rankings, curves)
    return RunEvaluation(
        labels.n_labels,
        len(judged),
        left_out,
        [*iterations, ended] if len(iterations) > 1 else [ended],
        _without_accepted(judged, targets, patterns) if patterns.n_patterns else [],
    )


def _joined(
    connection: duckdb.DuckDBPyConnection, views: dict[str, View], labels: Labels
) -> pa.Table:
    """Each label with its page (of several captures of a URL, one that was judged) and why the
    page is left out, if it is."""
    connection.register("labels", labels.rows)
    matches = " and ".join(
        f"documents.{DOCUMENT_COLUMN.get(name, name)} = labels.{name}" for name in labels.key
    )
    seed = "false"
    if SEEDS in views:
        seed = (
            f"documents.doc_id in (select doc_id from {SEEDS}) "
            f"or documents.url in (select url from {SEEDS})"
        )
    why = "null"
    if DEDUP in views:
        why = f"(select reason from {DEDUP} as dedup where dedup.doc_id = documents.doc_id)"
    kept = ", ".join(f"labels.{name}" for name in KEPT if name in labels.rows.schema.names)
    language = "" if "natural_language" in kept else ", documents.natural_language"
    query = f"""
        select labels.{PLACE}, {kept}{language}, documents.doc_id, documents.url, documents.domain,
               recall.keep, recall.recalled, coalesce({seed}, false) as is_seed, {why} as why
        from labels
        left join {DOCUMENTS} as documents on {matches}
        left join {RECALL} as recall
            on recall.shard = documents.shard and recall.row = documents.row
        qualify row_number() over (
            partition by labels.{PLACE} order by recall.keep is null, documents.doc_id
        ) = 1
        order by labels.{PLACE}
    """
    return connection.sql(query).to_arrow_table()


def _left_out(joined: pa.Table) -> dict[str, int]:
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    columns = [joined[name].to_pylist() for name in ("doc_id", "is_seed", "keep", "why")]
    for doc_id, is_seed, keep, why in zip(*columns, strict=True):
        if doc_id is None:
            counts[NO_PAGE] += 1
        elif is_seed:
            counts[SEED] += 1
        elif keep is None:
            reasons[f"{DROPPED} ({why})" if why else DROPPED] += 1
    return {**counts, **dict(sorted(reasons.items()))}


def _judged(joined: pa.Table) -> pa.Table:
    """The labels whose pages recall judged, but for the supplied seeds."""
    judged = pc.and_(pc.is_valid(joined["keep"]), pc.invert(joined["is_seed"]))
    return joined.filter(judged)


def _targets(view: View) -> tuple[str, ...]:
    scores = (name for name in view.columns if name.startswith("score_"))
    return tuple(sorted(name.removeprefix("score_") for name in scores))


def _require_matches(
    path: Path, labels: Labels, judged: pa.Table, left_out: dict[str, int], targets: tuple[str, ...]
) -> None:
    counted = ", ".join(f"{reason} {n:,}" for reason, n in left_out.items())
    if len(judged) == 0:
        raise ConfigError(
            f"{path}: none of {labels.n_labels:,} labels (by {' and '.join(labels.key)}) "
            f"names a page that this run judged: {counted or 'the file is empty'}"
        )
    given = {value for name in ("label", "also") for value in _values(judged, name)}
    if not given & set(targets):
        raise ConfigError(
            f"{path}: no label is one of the run's targets {', '.join(targets)}; "
            f"there are {', '.join(sorted(map(str, given - {None})))}"
        )


def _values(table: pa.Table, name: str) -> list[Any]:
    return list(table[name].to_pylist()) if name in table.schema.names else []


def _without_accepted(
    judged: pa.Table, targets: tuple[str, ...], patterns: AcceptedPatterns
) -> list[dict[str, Any]]:
    rows = []
    for target in targets:
        outside = [not patterns.covers(target, url) for url in judged["url"].to_pylist()]
        rest = judged.filter(pa.array(outside))
        metrics = metrics_of(rest, targets, rest["recalled"])
        rows += [row for row in metrics if row["target"] == target and row["by"] == "all"]
    return rows
