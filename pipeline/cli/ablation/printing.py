"""What `sluice ablate` prints: Table 1 of DeepSeek-Coder-V2 (arXiv 2406.11931) for two corpora."""

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.ablation.workflow import Training, Watcher
from pipeline.storage.json_text import json_text
from stages.ablation.evaluation.bootstrap import Interval
from stages.ablation.evaluation.results import Results, Row, Side

LINE_SECONDS = 10.0
NOT_MEASURED = "–"


def markdown(results: Results) -> str:
    """Three tables: pass@1 in Table 1's layout, bits per byte, and the corpora."""
    a, b = results.a, results.b
    parts = []
    if results.solved:
        parts += [f"pass@1, greedy, with 95 % intervals\n\n{_solved_table(results)}"]
        missing = [f"- {row.name}: {row.missing}" for row in results.solved if row.missing]
        if missing:
            parts.append("Not counted:\n\n" + "\n".join(missing))
    else:
        parts.append("pass@1: no benchmarks were asked for (`sluice ablate eval --benchmarks`)")
    parts.append(
        "bits per byte on the held-out documents, lower is better, with 95 % intervals over "
        f"documents and seeds\n\n{_bits_table(results)}"
    )
    alone = [side.name for side in (a, b) if len(side.folders) == 1]
    if alone:
        parts.append(
            f"One seed of {' and of '.join(alone)}: the intervals do not cover the chance of "
            "training; evaluate more seeds before believing a small difference."
        )
    parts.append(f"corpora\n\n{_corpora_table([a, b])}")
    return "\n\n".join(parts)


def as_json(results: Results) -> dict[str, Any]:
    """The same as plain JSON values."""
    return {
        "a": _side(results.a),
        "b": _side(results.b),
        "pass_at_1": [_row(row) for row in results.solved],
        "bits_per_byte": [_row(row) for row in results.bits],
    }


def counts_table(counts: Sequence[dict[str, Any]]) -> str:
    """What each variant holds, and what it lost to the held-out documents' clusters."""
    rows = [
        [
            row["variant"],
            row["source"],
            *(f"{row[key]:,}" for key in ("documents", "removed", "tokens")),
        ]
        for row in counts
    ]
    return _table(["variant", "source", "documents", "removed", "tokens"], rows)


class ProgressLines(Watcher):
    """Lines on standard error: what begins, and every ten seconds how far it is."""

    def __init__(self) -> None:
        self._said = 0.0

    def training(self, training: Training, number: int, total: int, *, finished: bool) -> None:
        """Say which model is next."""
        state = "trained already" if finished else "training"
        self._say(f"{training.side.name}, seed {training.seed} ({number} of {total}): {state}")

    def evaluating(self, training: Training, *, finished: bool) -> None:
        """Say which model is evaluated."""
        state = "evaluated already" if finished else "evaluating"
        self._say(f"{training.side.name}, seed {training.seed}: {state}")

    def progress(self, what: str, done: int, total: int) -> None:
        """Say how far a measurement is."""
        if done >= total or time.monotonic() - self._said >= LINE_SECONDS:
            self._say(f"  {what}: {done:,} of {total:,}")

    def _say(self, line: str) -> None:
        self._said = time.monotonic()
        print(line, file=sys.stderr, flush=True)


def _solved_table(results: Results) -> str:
    """A row for each corpus and one for the difference, a column for each set."""
    names = ["corpus", "tokens", *(row.name for row in results.solved)]
    rows = [
        [side.name, _tokens(side), *(_cell(row, key) for row in results.solved)]
        for key, side in (("a", results.a), ("b", results.b))
    ]
    rows.append(["difference", "", *(_cell(row, "difference") for row in results.solved)])
    return _table(names, rows)


def _bits_table(results: Results) -> str:
    names = ["documents of", "n", results.a.name, results.b.name, "difference", "better"]
    rows = [
        [
            row.name,
            f"{row.n_units:,}",
            *(_cell(row, key) for key in ("a", "b", "difference")),
            _better(row, results),
        ]
        for row in results.bits
    ]
    return _table(names, rows)


def _corpora_table(sides: Sequence[Side]) -> str:
    names = ["corpus", "fingerprint", "training tokens", "seeds", "parameters", "held-out set"]
    rows = [
        [
            side.name,
            side.trained("corpus") or NOT_MEASURED,
            _tokens(side),
            ", ".join(NOT_MEASURED if seed is None else str(seed) for seed in side.seeds),
            f"{side.evaluations[0]['model']['parameters']:,}",
            side.evaluations[0]["heldout"]["fingerprint"],
        ]
        for side in sides
    ]
    return _table(names, rows)


def _cell(row: Row, key: str) -> str:
    if row.comparison is None:
        return "not run" if (row.missing or "").startswith("not run") else NOT_MEASURED
    interval: Interval = getattr(row.comparison, key)
    return str(interval)


def _better(row: Row, results: Results) -> str:
    """The corpus whose models need fewer bits, where that is beyond chance."""
    if row.comparison is None or not row.comparison.difference.excludes_zero:
        return NOT_MEASURED
    return results.b.name if row.comparison.difference.value < 0 else results.a.name


def _tokens(side: Side) -> str:
    tokens = side.trained("tokens")
    return NOT_MEASURED if tokens is None else f"{tokens:,}"


def _side(side: Side) -> dict[str, Any]:
    return {
        "name": side.name,
        "folders": [str(folder) for folder in side.folders],
        "seeds": side.seeds,
        "tokens": side.trained("tokens"),
        "corpus": side.trained("corpus"),
        "parameters": side.evaluations[0]["model"]["parameters"],
        "heldout": side.evaluations[0]["heldout"]["fingerprint"],
    }


def _row(row: Row) -> dict[str, Any]:
    compared = {} if row.comparison is None else asdict(row.comparison)
    return {"name": row.name, "n": row.n_units, "missing": row.missing, **compared}


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table that also reads well as plain text."""
    cells = [list(names), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(names))]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def write_table(path: Path, results: Results) -> None:
    """Keep the table as JSON and Markdown beside each other."""
    path.with_suffix(".md").write_text(markdown(results) + "\n", encoding="utf-8")
    content = json_text(as_json(results), indent=1)
    path.with_suffix(".json").write_text(content + "\n", encoding="utf-8")
