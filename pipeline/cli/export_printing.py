"""What `sluice export` prints."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipeline.cli.bars import bars
from pipeline.cli.rendering import rows_table, show
from pipeline.export.export import Written
from pipeline.export.export import export as export_run


def export(
    run: Path, to: str, out: Path, sets: Sequence[str], *, append_eod: bool, mixture: bool
) -> None:
    """Export, and print a row for every split that was written."""
    with bars(Console(stderr=True)) as progress:
        written = export_run(run, to, out, sets, progress, append_eod=append_eod, mixture=mixture)
    show(_table(out, written, mixture=mixture))


def _table(out: Path, written: Sequence[Written], *, mixture: bool) -> Table:
    """With the mixture: each set's weight, the share that whole samples make of it, and how often
    its train split is seen."""
    names = ["written", "samples", "tokens", *(["weight", "share", "epochs"] if mixture else [])]
    total = sum(one.drawn for one in written)
    rows = []
    for one in written:
        row = [f"{out}/{one.stem}", f"{one.samples:,}", f"{one.tokens:,}"]
        if one.draw is not None:
            epochs = one.drawn / one.draw.train_tokens
            row += [f"{one.draw.weight:.1%}", f"{one.drawn / total:.1%}", f"{epochs:.4g}"]
        rows.append(row + [""] * (len(names) - len(row)))
    return rows_table(names, rows)
