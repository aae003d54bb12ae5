"""How recall went: what each iteration's models are worth, and what they found anew."""

from typing import Any

from pipeline.configuration.names import StepName
from pipeline.configuration.registry import CONFIGURED, RECALL
from pipeline.inspection.iteration_metrics import iteration_metrics
from pipeline.report.facts.opened import Opened

TARGET = (
    *("accepted", "recipe", "held_out", "examples", "model_bytes", "n_pages", "n_recalled"),
    *("n_domains", "n_patterns", "n_patterns_accepted", "n_patterns_open", "largest_domain"),
)
"""What is taken of a target's description, where it is there."""


def recalled(opened: Opened) -> list[dict[str, Any]]:
    """Per corpus that was recalled: its iterations; the documents by the targets that recalled
    them, and by the iteration that first did."""
    found = []
    for corpus in CONFIGURED:
        name = StepName(corpus, RECALL)
        view = opened.views.get(str(name))
        if view is None:
            continue
        table = view.sql_name
        found.append(
            {
                "corpus": corpus,
                "iterations": _iterations(opened, name.folder),
                "targets": opened.ask(
                    f"select recalled as targets, count(*) as documents from {table} "
                    "where len(recalled) > 0 group by all order by documents desc, targets"
                ),
                "first_in": opened.ask(
                    f"select iteration, count(*) as documents from {table} "
                    "where iteration is not null group by all order by iteration"
                )
                if "iteration" in view.columns
                else [],
            }
        )
    return found


def _iterations(opened: Opened, folder: str) -> list[dict[str, Any]]:
    rows = []
    number = 1
    while (described := iteration_metrics(opened.storage, folder, number)) is not None:
        rows.append(
            {
                "iteration": number,
                "accepted": described["accepted"],
                "rejected_for": described.get("rejected_for"),
                "targets": [
                    {
                        "target": target,
                        "threshold": entry["calibration"]["threshold"],
                        **{key: entry[key] for key in TARGET if key in entry},
                    }
                    for target, entry in described["targets"].items()
                ],
            }
        )
        number += 1
    return rows
