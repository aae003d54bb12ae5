"""The histograms that the schemas declare, each with the thresholds that decide on its measure."""

from collections.abc import Iterator
from typing import Any

from pipeline.configuration.names import StepName
from pipeline.configuration.registry import DEDUP, RECALL
from pipeline.inspection.iteration_metrics import iteration_metrics
from pipeline.inspection.pairs import PAIRS
from pipeline.report.facts.opened import Opened
from schemas.columns import description

ABOVE, BELOW = "above", "below"
"""Which side of a threshold is dropped."""
RULES = {
    "average_line_length": ("max_average_line_length", ABOVE),
    "max_line_length": ("max_line_length", ABOVE),
    "alphabetic_share": ("min_alphabetic_share", BELOW),
    "visible_share": ("min_visible_share", BELOW),
    "visible_characters": ("min_visible_characters", BELOW),
}
"""Measure of the rules → the option that decides on it."""
PAIR_EDGES = [step / 40 for step in range(1, 40)]
"""Of the similarity of pairs."""


def histograms(opened: Opened) -> list[dict[str, Any]]:
    """Stage, measure, what it means, edges, counts (one more than edges), thresholds (`option`,
    `value`, which side `drops`) of every measure that has a value."""
    found = []
    for stage, one in opened.counted.items():
        schema = opened.tables[stage].arrow_schema
        for measure, histogram in one["histograms"].items():
            if any(histogram["counts"]):
                found.append(
                    {
                        "stage": stage,
                        "measure": measure,
                        "means": description(schema.field(measure)),
                        "edges": list(histogram["edges"]),
                        "counts": list(histogram["counts"]),
                        "thresholds": list(_thresholds(opened, stage, measure)),
                    }
                )
    return found


def pair_histograms(opened: Opened) -> list[dict[str, Any]]:
    """Per corpus: the similarity of the pairs that dedup compared, accepted and rejected."""
    found = []
    edges = ", ".join(map(repr, PAIR_EDGES))
    for name, view in opened.views.items():
        corpus = name.partition(".")[0]
        if name != f"{corpus}.{PAIRS}":
            continue
        counts = {True: [0] * (len(PAIR_EDGES) + 1), False: [0] * (len(PAIR_EDGES) + 1)}
        for row in opened.ask(
            f"select accepted, len(list_filter([{edges}], lambda edge: edge <= similarity)) as bin,"
            f" count(*) as n from {view.sql_name} where similarity is not null group by all"
        ):
            counts[bool(row["accepted"])][row["bin"]] += row["n"]
        if any(map(any, counts.values())):
            found.append(
                {
                    "corpus": corpus,
                    "edges": PAIR_EDGES,
                    "accepted": counts[True],
                    "rejected": counts[False],
                    "thresholds": list(_thresholds(opened, f"{corpus}.{DEDUP}", "similarity")),
                }
            )
    return found


def _thresholds(opened: Opened, stage: str, measure: str) -> Iterator[dict[str, Any]]:
    if stage.startswith("shards."):
        return
    name = StepName.parse(stage)
    if name.stage == RECALL and measure.startswith("score_"):
        target = measure.removeprefix("score_")
        value = recall_threshold(opened, name.folder, target)
        option, drops = f"threshold of {target}", BELOW
    else:
        option, drops = "", ""
        if name.stage == "rules":
            option, drops = RULES.get(measure, ("", ""))
        elif name.stage == DEDUP and measure == "similarity":
            option = "threshold"
        value = opened.setting(str(name.configured.corpus), name.stage, option) if option else None
    if value is not None:
        yield {"option": option, "value": float(value), "drops": drops or None}


def recall_threshold(opened: Opened, folder: str, target: str) -> float | None:
    """The probability from which the last accepted iteration recalls."""
    last, number = None, 1
    while (described := iteration_metrics(opened.storage, folder, number)) is not None:
        if described["accepted"] and target in described["targets"]:
            last = float(described["targets"][target]["calibration"]["threshold"])
        number += 1
    return last
