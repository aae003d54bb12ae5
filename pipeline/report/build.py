"""The report's file: of one run, or of two side by side."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from markupsafe import Markup

from pipeline.recall.evaluation import RunEvaluation, evaluate_run
from pipeline.recall.plot import draw_curves
from pipeline.report.comparison import compared
from pipeline.report.contents import contents
from pipeline.report.page import COMPARED, SINGLE, render
from pipeline.report.refresh import mark_of
from pipeline.report.view import said_options, view
from pipeline.storage.location import open_storage


def figures_of(run: Path, labels: Path | None = None) -> dict[str, Any]:
    """What the page of a run shows and embeds."""
    return _with_labels(run, None if labels is None else evaluate_run(run, labels))


def make_report(run: Path, labels: Path | None = None) -> bytes:
    """The report of a run, with `labels` also recall compared with them."""
    evaluation = None if labels is None else evaluate_run(run, labels)
    figures = _with_labels(run, evaluation)
    curves = None if evaluation is None else Markup(draw_curves(evaluation.stands))
    mark = mark_of(open_storage(run)) if evaluation is None else ""
    return render(SINGLE, figures, mark, curves=curves, **view(figures))


def compared_figures(run: Path, other: Path) -> dict[str, Any]:
    """What the page of two runs shows and embeds."""
    return compared(contents(run), contents(other))


def make_comparison(run: Path, other: Path) -> bytes:
    """Two runs side by side, with what differs marked."""
    figures = compared_figures(run, other)
    return render(COMPARED, figures, "", options_said=said_options(figures["options"] or []))


def _with_labels(run: Path, evaluation: RunEvaluation | None) -> dict[str, Any]:
    return {**contents(run), "labels": None if evaluation is None else _judged(evaluation)}


def _judged(evaluation: RunEvaluation) -> dict[str, Any]:
    """Without the rows of single domains, of which a crawl has too many for a page."""
    found = asdict(evaluation)
    for stand in found["stands"]:
        stand["metrics"] = [row for row in stand["metrics"] if row["by"] != "domain"]
    rest = found["without_accepted"]
    return {**found, "without_accepted": [row for row in rest if row["by"] != "domain"]}
