"""What `sluice export` prints."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from pipeline.cli.bars import bars
from pipeline.cli.rendering import rows_table, show
from pipeline.export.export import export as export_run


def export(run: Path, to: str, out: Path, sets: Sequence[str], *, append_eod: bool) -> None:
    """Export, and print a row for every split that was written."""
    with bars(Console(stderr=True)) as progress:
        written = export_run(run, to, out, sets, progress, append_eod=append_eod)
    show(
        rows_table(
            ["written", "samples", "tokens"],
            [[f"{out}/{one.stem}", f"{one.samples:,}", f"{one.tokens:,}"] for one in written],
        )
    )
