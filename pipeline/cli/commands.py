"""The commands' bodies: call the part of Sluice that does the work, print what it found."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from pipeline.cli.json_text import print_json
from pipeline.cli.rendering import (
    MAX_GROUPS,
    Color,
    flag_line,
    funnel_table,
    groups_table,
    histogram_table,
    life_view,
    rows_table,
    show_bytes,
)
from pipeline.cli.rendering import show as show_text
from pipeline.cli.shell.arguments import require_text
from pipeline.configuration import load
from pipeline.inspection.counted import counted
from pipeline.inspection.stats import StageCount
from pipeline.storage.location import location, open_storage
from stages.errors import ConfigError, StageError, StorageError

if TYPE_CHECKING:
    from pipeline.cli.progress.monitor import Form

FAILED = 1


def run(
    config: Path,
    folder: Path | None,
    stages: Sequence[str],
    workers: int | None,
    address: str | None,
    overrides: Sequence[str],
    *,
    verbose: bool = False,
    progress: "Form" = "auto",
) -> None:
    """Run, then print the funnel."""
    from pipeline.cli.progress.monitor import ProgressMonitor  # noqa: PLC0415
    from pipeline.inspection.stats import funnel  # noqa: PLC0415
    from pipeline.run import run as run_configuration  # noqa: PLC0415

    loaded = load(config, overrides, folder)
    open_storage(loaded.run)  # before anything is made where no run folder can be
    errors = Console(stderr=True)
    try:
        with ProgressMonitor(errors, loaded.run, verbose=verbose, form=progress) as monitor:
            report = run_configuration(
                loaded, stages=stages, address=address, workers=workers, monitor=monitor
            )
    except (StageError, StorageError) as error:
        again = shlex.join(["sluice", *sys.argv[1:]])
        raise type(error)(f"{error}\nTo go on after mending the cause: {again}") from error
    if not report.steps:
        show_text(f"{location(report.run)}: complete, everything is up to date")
    show_text(funnel_table(funnel(loaded.run)))
    for flag in (*report.left, *report.flags):
        show_text(flag_line(flag))
    if report.waiting is not None:
        show_text(f"waiting for a person: {report.waiting}")
    for name, facts in sorted(report.shards.items()):
        show_text(
            f"{location(report.run)}/shards/{name}: "
            + ", ".join(
                show_bytes(value) if key == "bytes" else counted(value, key.removesuffix("s"))
                for key, value in facts.items()
            )
        )
    if report.page is not None:
        show_text(f"{report.page}: the report, for a browser")


def plan(
    config: Path,
    folder: Path | None,
    stages: Sequence[str],
    overrides: Sequence[str],
    *,
    as_json: bool,
    verbose: bool,
) -> None:
    """Print what would run: a line a stage, with `verbose` one a step."""
    from pipeline.engine.plans import by_stage  # noqa: PLC0415
    from pipeline.run import forecast  # noqa: PLC0415

    loaded = load(config, overrides, folder)
    found = forecast(loaded, stages=stages)
    if as_json:
        steps = [item.to_dict() for item in found.items]
        cost = found.cost.to_dict()
        lines = {"inputs": found.inputs, "leaving": found.leaving}
        print_json({"steps": steps, "cost": cost, **lines})
        return
    for line in (*found.inputs, *found.leaving):
        show_text(flag_line(line))
    stale = [item for item in found.items if item.n_stale]
    if not stale:
        more = "else " if found.leaving else ""
        show_text(f"{location(loaded.run)}: complete, nothing {more}would run")
        return
    if verbose:
        reasons = [[f"{reason} ({n:,})" for reason, n in item.reasons.items()] for item in stale]
        rows = [
            [item.step, item.n_tasks, item.n_stale, ", ".join(why)]
            for item, why in zip(stale, reasons, strict=True)
        ]
    else:
        rows = [
            [s.stage, s.n_tasks, s.n_stale, ", ".join(s.reasons)]
            for s in by_stage(stale, found.changed)
        ]
    show_text(rows_table(["step" if verbose else "stage", "tasks", "to do", "why"], rows))
    show_text(found.cost.summary())


def stats(folder: Path, stage: str | None, column: str | None, *, as_json: bool) -> None:
    """Print the funnel, a stage's counts, or a stage's counts by a column."""
    from pipeline.inspection.grouping import grouped  # noqa: PLC0415
    from pipeline.inspection.stats import funnel, stage_statistics  # noqa: PLC0415

    if stage is None:
        if column is not None:
            raise ConfigError("--by needs a stage: sluice stats RUN STAGE --by COLUMN")
        counts = funnel(folder)
        if as_json:
            print_json([count.to_dict() for count in counts])
        else:
            _show_funnel(counts)
        return
    if column is not None:
        groups = grouped(folder, stage, column)
        if as_json:
            print_json(groups)
        else:
            show_text(groups_table(column, column, groups, MAX_GROUPS))
        return
    found = stage_statistics(folder, stage)
    if as_json:
        print_json({**found, "counts": found["counts"].to_dict()})
        return
    _show_funnel([found["counts"]])
    for key in ("language", "license"):
        if any(group["value"] is not None for group in found[key]):
            print()
            show_text(groups_table(key, "value", found[key], MAX_GROUPS))
    for name, histogram in found["histograms"].items():
        print()
        show_text(histogram_table(name, histogram["edges"], histogram["counts"]))


def show(folder: Path, document: str, *, diff: bool, color: str, as_json: bool) -> None:
    """Print the life of every document the key names."""
    from pipeline.inspection.life import lives  # noqa: PLC0415

    require_text(document, "DOC_ID|URI")
    found = lives(folder, document)
    if as_json:
        print_json([life.to_dict() for life in found])
        return
    for index, life in enumerate(found):
        if index:
            print()
        show_text(life_view(life, diff=diff), Color(color))


def verify(folder: Path) -> None:
    """Print every problem; exit 1 if there is one."""
    from pipeline.inspection.verify import verify as verify_run  # noqa: PLC0415

    problems = verify_run(folder)
    for problem in problems:
        print(f"{problem.path}: {problem.message}")
    if problems:
        print(f"{location(folder)}: {counted(len(problems), 'problem')}", file=sys.stderr)
        raise typer.Exit(FAILED)
    print(f"{location(folder)}: sound")


def _show_funnel(counts: Sequence[StageCount]) -> None:
    show_text(funnel_table(counts))
    for count in counts:
        for flag in count.flags:
            show_text(flag_line(f"{count.stage}: {flag}"))
