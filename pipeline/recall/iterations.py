"""How recall stood after each iteration, against labels: by the iteration's own scores.

`iteration-K/scores` are what the iteration said of every page, `metrics.json` its thresholds. A
target whose new model was rejected is scored by the model before, so that one's threshold holds;
an iteration that was rejected for all targets counts for nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.inspection.iteration_metrics import iteration_metrics
from pipeline.inspection.views import View
from pipeline.recall.curve import Curve, curve, sweep
from pipeline.recall.labels import KEPT, PLACE
from stages.recall.evaluate import evaluate

RECALL_FOLDER = "web/recall"
PRECISION_ASKED = 0.9
RECALLS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Where precision is tabled."""


@dataclass(frozen=True)
class Ranking:
    """What the scores of one target could do at any threshold: the highest F1, and the recall at a
    precision of 0.9 (null where no threshold reaches it)."""

    best_f1: float
    recall_at_precision: float | None


@dataclass(frozen=True)
class Stand:
    """How recall stood after an iteration, or (`iteration` null) as the run ended: rows of
    `stages.recall.evaluate.METRICS` (none for a rejected iteration), each target's ranking and
    curve, and the targets whose new model was rejected."""

    iteration: int | None
    accepted: bool
    metrics: list[dict[str, Any]]
    rankings: dict[str, Ranking]
    curves: dict[str, Curve]
    rejected: tuple[str, ...] = ()
    rejected_for: str | None = None
    """`precision` or `growth`, of an iteration that was rejected for all targets."""

    @property
    def title(self) -> str:
        """What a table calls it."""
        return "verdicts" if self.iteration is None else f"iteration {self.iteration}"


def iterations_of(
    connection: duckdb.DuckDBPyConnection,
    views: Mapping[str, View],
    judged: pa.Table,
    targets: tuple[str, ...],
) -> Iterator[Stand]:
    """Every iteration, judged by the thresholds that held in it."""
    rows = pa.array(range(len(judged)), pa.int64())
    connection.register("judged", judged.select(["doc_id"]).append_column(PLACE, rows))
    storage = next(iter(views.values())).storage
    thresholds: dict[str, float] = {}
    number = 1
    while (described := iteration_metrics(storage, RECALL_FOLDER, number)) is not None:
        entries = {name: described["targets"][name] for name in targets}
        rejected = tuple(name for name in targets if not entries[name].get("accepted", True))
        view = views.get(f"web.recall_iteration_{number}_scores")
        if view is None or not described["accepted"]:
            yield Stand(number, False, [], {}, {}, rejected, described.get("rejected_for"))
            return
        thresholds |= {
            name: entries[name]["calibration"]["threshold"]
            for name in targets
            if name not in rejected
        }
        yield _stand(number, _scores(connection, view, targets), thresholds, judged, rejected)
        number += 1


def _scores(
    connection: duckdb.DuckDBPyConnection, view: View, targets: tuple[str, ...]
) -> dict[str, Any]:
    """Each target's scores of the judged labels; a page without one has -inf."""
    columns = ", ".join(f"scores.score_{name}" for name in targets)
    found = connection.sql(
        f"select {columns} from judged left join {view.sql_name} as scores "
        f"on scores.doc_id = judged.doc_id order by judged.{PLACE}"
    ).to_arrow_table()
    return {name: found[f"score_{name}"].fill_null(-np.inf).to_numpy() for name in targets}


def _stand(
    number: int,
    scores: Mapping[str, Any],
    thresholds: Mapping[str, float],
    judged: pa.Table,
    rejected: tuple[str, ...],
) -> Stand:
    targets = tuple(scores)
    passes = np.array([scores[name] >= thresholds[name] for name in targets]).T
    recalled = [[name for name, hit in zip(targets, row, strict=True) if hit] for row in passes]
    answers = pa.chunked_array([pa.array(recalled, pa.list_(pa.string()))])
    positive = {name: _positive(judged, name) for name in targets}
    rankings = {name: rank(scores[name], positive[name]) for name in targets}
    curves = {
        name: curve(scores[name], positive[name], thresholds[name], RECALLS) for name in targets
    }
    return Stand(number, True, metrics_of(judged, targets, answers), rankings, curves, rejected)


def metrics_of(
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


def rank(scores: Any, positive: Any) -> Ranking:
    """The best F1 and the recall at the asked precision, over all thresholds."""
    n_positives = int(positive.sum())
    if n_positives == 0:
        return Ranking(0.0, None)
    _, taken, hits = sweep(scores, positive)
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
