"""What `Progress` looks like: a table that is drawn again and again, or a line at a time."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.cli.progress.state import Progress, Row, Step
from pipeline.cli.rendering import show_bytes
from pipeline.configuration.registry import EMIT
from pipeline.inspection.counted import counted

MB = 1e6
NAME_WIDTH = 22
OTHER_LINES = 4
"""Of the table: its head, what the driver does, the whole run, and the cursor's."""


def live_table(progress: Progress, now: float, height: int) -> RenderableType:
    """A row for each stage: what is done, what is at work, what waits. Where they are too many for
    `height` lines, the first that are done are left out until all are."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("stage", no_wrap=True)
    for name in ("documents", "kept", "docs/s", "MB/s", "elapsed", "left"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, overflow="ellipsis", ratio=1)
    rows = list(progress.rows.values())
    n_hidden = 0 if progress.is_over else _hidden(rows, height)
    if n_hidden:
        table.add_row(Text(f"… {n_hidden} stages done", style="dim"))
    for row in rows[n_hidden:]:
        table.add_row(*_cells(row, now), style="bold" if row.runs else "")
    if progress.is_over:
        return table
    lines = [Text(_whole_run(progress, now), style="dim")]
    if progress.current is None or not progress.current.runs:
        lines.insert(0, Text(waiting_line(progress, now), style="dim"))
    return Group(table, *lines)


def _whole_run(progress: Progress, now: float) -> str:
    """How far all of it is."""
    n_ended = sum(row.ended is not None for row in progress.rows.values())
    parts = [f"{n_ended:,} of {len(progress.rows):,} stages done"] if progress.rows else []
    parts += [_workers(progress)] if progress.n_workers else []
    parts += [f"{progress.quarantined:,} quarantined"] if progress.quarantined else []
    return " · ".join([*parts, f"{show_seconds(now - progress.began)} in all"])


def _workers(progress: Progress) -> str:
    return f"{progress.n_workers:,} worker{'s' * (progress.n_workers != 1)}"


def _hidden(rows: list[Row], height: int) -> int:
    n_ended = next((at for at, row in enumerate(rows) if row.ended is None), len(rows))
    too_many = len(rows) - (height - OTHER_LINES)
    return min(n_ended, too_many + 1) if too_many > 0 else 0


def _cells(row: Row, now: float) -> list[Text | str]:
    if row.started is None:
        return [Text(row.name, style="dim")]
    if row.step is None:
        what = "as before" if row.ended else ""
        return [row.name, *[""] * 6, Text(what, style="dim")]
    left = row.step.left(now) if row.runs else None
    kept = row.counted.kept if row.counted else None
    return [
        row.name,
        f"{row.documents:,}" if row.documents else "",
        "" if kept is None else f"{kept:,}",
        _rate(row, now),
        f"{row.bytes_per_second(now) / MB:,.1f}" if row.text_bytes else "",
        show_seconds(row.seconds(now)),
        "" if left is None else show_seconds(left),
        Text(_at(row.step) if row.runs else _trouble(row)),
    ]


def _rate(row: Row, now: float) -> str:
    """Documents a second: of the step it is at, then of the whole stage."""
    if row.runs and row.step is not None:
        rate = row.step.per_second(now)
    else:
        rate = row.documents / max(row.seconds(now), 1e-9)
    return f"{rate:,.0f}" if rate else ""


def _at(step: Step) -> str:
    """What a step is at."""
    tasks = f"{step.short} {step.done:,} of {step.n_tasks:,}".strip()
    doing = step.doing() if step.doing else ""
    return f"{tasks}: {doing}" if doing else tasks


def _trouble(row: Row) -> str:
    return f"{row.quarantined:,} quarantined" if row.quarantined else ""


def start_line(progress: Progress, row: Row) -> str:
    """That a stage begins."""
    number, of = progress.place(row)
    parts = [f"begins, stage {number:,} of {of:,}"]
    return _line(row.name, [*parts, *([_workers(progress)] if progress.n_workers else [])])


def stage_line(row: Row, now: float) -> str:
    """What a stage that has ended did."""
    unit = "sample" if row.name.partition(".")[0] == EMIT else "document"
    parts = [counted(row.documents, unit)] if row.counted else []
    if row.counted and row.counted.kept is not None:
        parts.append(f"{row.counted.kept:,} kept")
    if row.text_bytes:
        rate = row.bytes_per_second(now) / MB
        parts.append(f"{show_bytes(row.text_bytes)} read at {rate:,.1f} MB/s")
    parts += [_trouble(row)] if row.quarantined else []
    return _line(row.name, [*parts, show_seconds(row.seconds(now))])


def step_line(step: Step, now: float) -> str:
    """What a step that has ended did."""
    seconds = max(now - step.started, 1e-9)
    parts = [counted(step.done, "task")]
    if step.records:
        parts.append(f"{step.per_second(now):,.0f} documents/s")
    if step.text_bytes:
        parts.append(f"{step.text_bytes / MB / seconds:,.1f} MB/s")
    return f"  {step.name}: {' · '.join([*parts, show_seconds(seconds)])}"


def waiting_line(progress: Progress, now: float) -> str:
    """What takes so long."""
    row = progress.current
    if row is None or not row.runs or row.step is None:
        return f"{progress.now_doing} · {show_seconds(now - progress.since)}"
    parts = [_at(row.step)]
    if row.step.records:
        parts.append(counted(row.step.records, "document"))
    left = row.step.left(now)
    if left is not None:
        parts.append(f"{show_seconds(left)} left")
    seconds, in_all = now - row.step.started, row.seconds(now)
    parts.append(show_seconds(seconds))
    if in_all > seconds + 1:
        parts.append(f"{show_seconds(in_all)} in all")
    return _line(row.name, parts)


def _line(name: str, parts: list[str]) -> str:
    return f"{name:<{NAME_WIDTH}} {' · '.join(parts)}"


def show_seconds(seconds: float) -> str:
    """A time in the units that read best."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 120:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"
