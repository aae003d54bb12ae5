"""What the `sluice recall` commands print."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from pipeline.cli.json_text import print_json
from pipeline.cli.progress.telling import shown
from pipeline.cli.rendering import rows_table, show, show_bytes
from pipeline.cli.shell.arguments import require_text
from pipeline.inspection.counted import counted
from pipeline.recall.classifier import score_table, train_on_table
from pipeline.recall.evaluation import RunEvaluation, evaluate_run
from pipeline.recall.iterations import PRECISION_ASKED, RECALLS, Stand
from pipeline.recall.plot import draw_curves, drawn
from stages.errors import ConfigError
from stages.recall.classifier.calibrate import HeldOut
from stages.recall.metrics import GROWTH, PRECISION

RATIOS = ("precision", "recall", "f1")
COUNTS = ("n_pages", "n_positives", "n_recalled", "n_correct")
COUNT_TITLES = ("pages", "positive", "recalled", "correct")


_REJECTED_FOR = {
    GROWTH: "it recalled hardly more pages than the one before",
    PRECISION: "its held-out precision fell",
}


def evaluate(run: Path, labels: Path, worst: int, plot: Path | None, *, as_json: bool) -> None:
    """Compare a run with labels, as tables or JSON, and with `plot` as an SVG file."""
    if plot is not None and plot.suffix != ".svg":
        raise ConfigError(f"--plot {plot}: expected a name ending in .svg")
    found = evaluate_run(run, labels)
    if plot is not None:
        plot.parent.mkdir(parents=True, exist_ok=True)
        plot.write_text(draw_curves(found.stands), encoding="utf-8")
    if as_json:
        print_json(asdict(found))
        return
    show(_counts_line(found))
    print()
    show(_stands_table(found.stands))
    print("\nprecision at recall")
    show(_curves_table(found.stands))
    for stand in found.stands:
        if not stand.accepted:
            why = _REJECTED_FOR[stand.rejected_for or PRECISION]
            print(f"\niteration {stand.iteration} was rejected: {why}")
        elif stand.rejected:
            print(
                f"\niteration {stand.iteration} kept the model before of "
                f"{', '.join(stand.rejected)}: the new one's held-out precision fell"
            )
    if found.without_accepted:
        print("\nwithout pages under accepted patterns")
        show(_metrics_table("target", "target", found.without_accepted))
    for target in sorted({row["target"] for row in found.verdicts}):
        own = [row for row in found.verdicts if row["target"] == target]
        languages = [row for row in own if row["by"] == "natural_language" and _concerns(row)]
        print(f"\n{target} by natural language")
        show(_metrics_table("language", "value", sorted(languages, key=_by_positives)))
        domains = sorted((row for row in own if row["by"] == "domain"), key=_by_errors)
        wrong = [row for row in domains[:worst] if _errors(row)]
        if wrong:
            print(f"\n{target}: the domains with the most errors")
            show(_metrics_table("domain", "value", wrong, errors=True))


def train(
    table: Path,
    target: str,
    out: Path,
    overrides: Sequence[str],
    full: Path | None,
    *,
    as_json: bool,
) -> None:
    """Train, and say what came of it."""
    require_text(target, "--target")
    with shown(Console(stderr=True, highlight=False)):
        made = train_on_table(table, target, out, overrides, full)
    held_out = made.model.held_out
    if as_json:
        print_json(
            {
                "model": str(out),
                "bytes": made.n_bytes,
                "recipe": made.model.recipe,
                "trainer": made.model.trainer,
                "n_positives": made.n_positives,
                "n_negatives": made.n_negatives,
                "n_left_out": made.n_left_out,
                "calibration": asdict(made.model.calibration),
                "held_out": {**asdict(held_out), "f1": held_out.f1},
            }
        )
        return
    left_out = f", {counted(made.n_left_out, 'row')} left out" if made.n_left_out else ""
    show(
        f"{out}: {show_bytes(made.n_bytes)}, recipe {made.model.recipe} "
        f"({made.model.trainer}), "
        f"{made.n_positives:,} positive and {made.n_negatives:,} negative rows{left_out}"
    )
    show(_held_out_line(held_out, made.model.calibration.threshold))


def score(
    table: Path,
    model: Path,
    out: Path,
    target: str | None,
    threshold: float | None,
    *,
    as_json: bool,
) -> None:
    """Score, and say how many rows were recalled; with a target, how well."""
    found = score_table(table, model, out, target, threshold)
    compared = {
        "n_pages": found.n_labelled,
        "n_positives": found.n_positives,
        "n_recalled": found.n_taken,
        "n_correct": found.n_correct,
        "precision": found.n_correct / found.n_taken if found.n_taken else None,
        "recall": found.n_correct / found.n_positives if found.n_positives else None,
        "f1": 2 * found.n_correct / max(found.n_positives + found.n_taken, 1),
    }
    if as_json:
        counts = {
            "n_rows": found.n_rows,
            "n_recalled": found.n_recalled,
            "n_left_out": found.n_broken,
            "threshold": found.threshold,
        }
        ranking = asdict(found.ranking) if found.ranking else {}
        print_json({**counts, **({target: {**compared, **ranking}} if target else {})})
        return
    broken = f", {found.n_broken:,} without a text" if found.n_broken else ""
    show(f"{out}: {counted(found.n_rows, 'row')}, {found.n_recalled:,} recalled{broken}")
    if target is not None and found.ranking is not None:
        row = {**compared, "target": target}
        show(_metrics_table("target", "target", [row]))
        show(f"best F1 at any threshold {found.ranking.best_f1:.3f}")


def _counts_line(found: RunEvaluation) -> str:
    left_out = ", ".join(f"{reason} {n:,}" for reason, n in found.left_out.items())
    return f"{counted(found.n_labels, 'label')}, {found.n_judged:,} compared" + (
        f"; left out: {left_out}" if left_out else ""
    )


def _stands_table(stands: Sequence[Stand]) -> Any:
    names = ["", "target", *COUNT_TITLES, *RATIOS, "best F1", f"recall at {PRECISION_ASKED}"]
    rows = []
    for stand in stands:
        for row in stand.metrics:
            if row["by"] != "all":
                continue
            ranking = stand.rankings.get(row["target"])
            rows.append(
                [
                    stand.title,
                    row["target"],
                    *_numbers(row),
                    "" if ranking is None else _ratio(ranking.best_f1),
                    "" if ranking is None else _ratio(ranking.recall_at_precision),
                ]
            )
    return rows_table(names, rows)


def _curves_table(stands: Sequence[Stand]) -> Any:
    rows = [
        [stand.title, target, *(_ratio(curve.precision_at(recall)) for recall in RECALLS)]
        for stand in drawn(stands)
        for target, curve in stand.curves.items()
    ]
    return rows_table(["", "target", *map(str, RECALLS)], rows)


def _metrics_table(
    title: str, key: str, rows: Sequence[Mapping[str, Any]], *, errors: bool = False
) -> Any:
    names = [title, *COUNT_TITLES, *RATIOS, *(["missed", "wrong"] if errors else [])]
    return rows_table(
        names,
        [
            [
                row[key] or "–",
                *_numbers(row),
                *(
                    [
                        row["n_positives"] - row["n_correct"],
                        row["n_recalled"] - row["n_correct"],
                    ]
                    if errors
                    else []
                ),
            ]
            for row in rows
        ],
    )


def _numbers(row: Mapping[str, Any]) -> list[Any]:
    return [*(row[name] for name in COUNTS), *(_ratio(row[name]) for name in RATIOS)]


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _concerns(row: Mapping[str, Any]) -> bool:
    return bool(row["n_positives"] or row["n_recalled"])


def _errors(row: Mapping[str, Any]) -> int:
    return int(row["n_positives"] + row["n_recalled"] - 2 * row["n_correct"])


def _by_errors(row: Mapping[str, Any]) -> tuple[int, str]:
    return -_errors(row), row["value"]


def _by_positives(row: Mapping[str, Any]) -> tuple[int, str]:
    return -row["n_positives"], row["value"]


def _held_out_line(held_out: HeldOut, threshold: float) -> str:
    return (
        f"held out: precision {held_out.precision:.3f}, recall {held_out.recall:.3f}, "
        f"F1 {held_out.f1:.3f} at probability {threshold:.3f}"
    )
