"""A run's recall compared with labels, after every iteration and as it ended.

Left out, and counted: pages that are supplied seeds (by doc_id or URL), pages no document was made
of, and pages dropped before recall, such as duplicates: recall never judged them. Pages that the
loop itself added are compared like any other; `without_accepted` leaves out those under URL
patterns it accepted. Memory: the labelled rows alone; DuckDB joins them with the run's tables.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.inspection.views import View, open_run
from pipeline.recall.labels import KEPT, PLACE, Labels, read_labels
from pipeline.recall.patterns import AcceptedPatterns, accepted_patterns
from stages.errors import ConfigError
from stages.recall.evaluate import DOCUMENT_COLUMN, evaluate

DOCUMENTS, RECALL, DEDUP, SEEDS = "web.documents", "web.recall", "web.dedup", "seeds.documents"
SEED, NO_PAGE, DROPPED = "supplied seed", "no page of the run", "dropped before recall"
PRECISION_ASKED = 0.9


@dataclass(frozen=True)
class Ranking:
    """What the scores of one target could do at any threshold: the highest F1, and the recall at a
    precision of 0.9 (null where no threshold reaches it)."""

    best_f1: float
    recall_at_precision: float | None


@dataclass(frozen=True)
class Stand:
    """How recall stood after an iteration, or (`iteration` null) as the run ended: rows of
    `stages.recall.evaluate.METRICS`, and for an iteration each target's ranking."""

    iteration: int | None
    accepted: bool
    metrics: list[dict[str, Any]]
    rankings: dict[str, Ranking]


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
        iterations = list(_iterations(connection, run, views, judged, targets))
        patterns = accepted_patterns(connection, views, [stand.iteration for stand in iterations])
    metrics = _metrics(judged, targets, judged["recalled"])
    if len(iterations) == 1 and not patterns.n_patterns:
        return RunEvaluation(
            labels.n_labels,
            len(judged),
            left_out,
            [Stand(None, True, metrics, iterations[0].rankings)],
            [],
        )
    stands = [*iterations, Stand(None, True, metrics, {})]
    without = _without_accepted(judged, targets, patterns) if patterns.n_patterns else []
    return RunEvaluation(labels.n_labels, len(judged), left_out, stands, without)


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


def _metrics(
    judged: pa.Table, targets: tuple[str, ...], recalled: pa.ChunkedArray
) -> list[dict[str, Any]]:
    """The rows of `evaluate`, for these answers to the judged labels."""
    ids = pa.array([f"{row:016x}" for row in range(len(judged))])
    names = [name for name in (*KEPT, "domain") if name in judged.schema.names]
    pages = pa.table({"doc_id": ids, **{name: judged[name] for name in names}})
    answers = pa.table(
        {
            "keep": pa.array(np.ones(len(judged), bool)),
            "recalled": recalled,
            **{f"score_{target}": pa.nulls(len(judged), pa.float64()) for target in targets},
        }
    )
    rows: list[dict[str, Any]] = evaluate(answers, pages, pages).metrics.to_pylist()
    return rows


def _iterations(
    connection: duckdb.DuckDBPyConnection,
    run: Path,
    views: dict[str, View],
    judged: pa.Table,
    targets: tuple[str, ...],
) -> Iterator[Stand]:
    """Every iteration whose scores are there, judged by its own thresholds."""
    connection.register("judged", judged.select(["doc_id"]).append_column(PLACE, _count(judged)))
    number = 1
    while (view := views.get(f"web.recall_iteration_{number}_scores")) is not None:
        described = json.loads((run / f"web/recall/iteration-{number}/metrics.json").read_text())
        own = [name for name in targets if name in described["targets"]]
        columns = ", ".join(f"scores.score_{name}" for name in own)
        scores = connection.sql(
            f"select {columns} from judged left join {view.sql_name} as scores "
            f"on scores.doc_id = judged.doc_id order by judged.{PLACE}"
        ).to_arrow_table()
        matrix = np.array(
            [scores[f"score_{name}"].fill_null(-np.inf).to_numpy() for name in own], np.float64
        )
        thresholds = [described["targets"][name]["calibration"]["threshold"] for name in own]
        passes = (matrix >= np.array(thresholds)[:, None]).T
        recalled = [[name for name, hit in zip(own, row, strict=True) if hit] for row in passes]
        answers = pa.chunked_array([pa.array(recalled, pa.list_(pa.string()))])
        rankings = {
            name: rank(scores_of, _positive(judged, name))
            for name, scores_of in zip(own, matrix, strict=True)
        }
        metrics = _metrics(judged, targets, answers)
        yield Stand(number, bool(described["accepted"]), metrics, rankings)
        number += 1


def rank(scores: Any, positive: Any) -> Ranking:
    """The best F1 and the recall at the asked precision, over all thresholds."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(positive[order])
    ends = np.append(np.diff(scores[order]) != 0, True)
    taken = np.arange(1, len(scores) + 1)[ends]
    hits, n_positives = hits[ends], int(positive.sum())
    if n_positives == 0:
        return Ranking(0.0, None)
    enough = hits[hits / taken >= PRECISION_ASKED]
    return Ranking(
        float((2 * hits / (taken + n_positives)).max()),
        float(enough.max() / n_positives) if len(enough) else None,
    )


def _positive(judged: pa.Table, target: str) -> Any:
    flags = np.zeros(len(judged), bool)
    for name in ("label", "also"):
        if name in judged.schema.names:
            flags |= pc.equal(judged[name], target).fill_null(False).to_numpy()
    return flags


def _without_accepted(
    judged: pa.Table, targets: tuple[str, ...], patterns: AcceptedPatterns
) -> list[dict[str, Any]]:
    rows = []
    for target in targets:
        outside = [not patterns.covers(target, url) for url in judged["url"].to_pylist()]
        rest = judged.filter(pa.array(outside))
        metrics = _metrics(rest, targets, rest["recalled"])
        rows += [row for row in metrics if row["target"] == target and row["by"] == "all"]
    return rows


def _count(table: pa.Table) -> pa.Array:
    return pa.array(range(len(table)), pa.int64())
