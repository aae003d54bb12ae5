"""What inspection found, as tables for people."""

import datetime
import difflib
import io
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console, Group, RenderableType
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from pipeline.inspection.counted import column_share, counted
from pipeline.inspection.lexers import lexer_name
from schemas.alarms import FLAGGED_SHARE

if TYPE_CHECKING:
    from pipeline.inspection.life import Life, StageRow
    from pipeline.inspection.sampling import Sample
    from pipeline.inspection.stats import StageCount

MAX_CELL = 160
WIDE = 2_000
MAX_ITEMS = 8
EXCERPT_LINES, EXCERPT_COLUMNS = 12, 96
DIFF_LINES = 20_000
"""Lines of each text that a diff compares."""
MAX_GROUPS = 40
THEME = "ansi_dark"
"""Of code: the terminal's own sixteen colours."""
GROUP_COLUMNS = ("rows", "documents", "kept", "bytes", "tokens")
"""What a group may count, in order."""

_CONTROL = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160)), "�")
"""What a document must not send to a terminal."""

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


class Color(StrEnum):
    """When what is printed has colours: where it goes to a terminal, or as the user says."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


def show_value(value: Any) -> str:
    """A value in one short line; bytes as hex, long lists by their length."""
    match value:
        case None:
            text = "–"
        case bytes():
            text = value.hex()
        case float():
            text = f"{value:.6g}"
        case datetime.datetime():
            text = value.isoformat(sep=" ", timespec="seconds")
        case list() if len(value) > MAX_ITEMS:
            text = f"[{', '.join(map(show_value, value[:3]))}, … {len(value):,} values]"
        case list():
            text = f"[{', '.join(map(show_value, value))}]"
        case dict():
            text = ", ".join(f"{key}={show_value(item)}" for key, item in value.items())
        case _:
            text = printable(str(value)).replace("\n", "⏎")
            text = text if len(text) <= MAX_CELL else text[: MAX_CELL - 1] + "…"
    return text


def printable(text: str) -> str:
    """The text without control characters other than tab and line feed."""
    return text.translate(_CONTROL)


def show_bytes(n_bytes: int) -> str:
    """A size in the unit that reads best (powers of ten)."""
    size = float(n_bytes)
    for unit in _UNITS[:-1]:
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} {_UNITS[-1]}"


def rows_table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """Any rows; numbers to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    shown = [list(row) for row in rows]
    for index, name in enumerate(names):
        numeric = all(isinstance(row[index], int | float | None) for row in shown)
        justify: Literal["left", "right"] = "right" if numeric and shown else "left"
        table.add_column(Text(name), justify=justify, overflow="fold")
    for row in shown:
        table.add_row(*(Text(show_value(value)) for value in row))
    return table


def funnel_table(counts: Sequence["StageCount"]) -> Table:
    """Documents in, kept, and why the rest is not, table by table."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("stage")
    for name in ("documents", "kept", "share", "text"):
        table.add_column(name, justify="right")
    table.add_column("dropped, skipped, quarantined")
    for count in counts:
        table.add_row(
            f"{count.stage} (stale)" if count.is_stale else count.stage,
            f"{count.documents:,}",
            f"{count.kept:,}" if count.judges else "",
            column_share(count.kept, count.documents) if count.judges else "",
            _amount(count),
            Text(_why(count)),
        )
    return table


def _amount(count: "StageCount") -> str:
    if count.tokens is not None:
        return counted(count.tokens, "token")
    return "" if count.kept_bytes is None else show_bytes(count.kept_bytes)


def flag_line(flag: str) -> Text:
    """What someone should look at."""
    return Text(f"flagged: {printable(flag)}", style="red")


def _why(count: "StageCount") -> str:
    parts = [
        f"{reason} {n:,}"
        for reason, n in sorted(count.reasons.items(), key=lambda item: (-item[1], item[0]))
    ]
    parts += [
        f"skipped {reason} {n:,}"
        for reason, n in sorted(count.skipped.items(), key=lambda item: (-item[1], item[0]))
    ]
    if count.quarantined and "quarantined" not in count.reasons:
        parts.append(f"quarantined {count.quarantined:,}")
    return ", ".join(parts)


def groups_table(title: str, key: str, groups: Sequence[dict[str, Any]], limit: int) -> Table:
    """Counts of groups, whichever they have; those that lost too much are marked."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(Text(title), overflow="fold")
    columns = [name for name in GROUP_COLUMNS if groups and name in groups[0]]
    for name in columns:
        is_samples = name == "documents" and "tokens" in columns
        table.add_column("samples" if is_samples else name, justify="right")
        if name == "kept":
            table.add_column("share", justify="right")
    table.add_column("")
    for group in groups[:limit]:
        reasons = ", ".join(
            f"{reason} {n:,}" for reason, n in sorted(group.get("reasons", {}).items())
        )
        flag = f"lost over {FLAGGED_SHARE:.0%}" if group.get("flagged") else ""
        table.add_row(
            Text(show_value(group[key])),
            *(cell for name in columns for cell in _group_cells(group, name)),
            Text(" · ".join(filter(None, (flag, reasons))), style="red" if flag else ""),
        )
    if len(groups) > limit:
        table.add_row(f"… {len(groups) - limit:,} more")
    return table


def _group_cells(group: dict[str, Any], name: str) -> list[str]:
    if name == "bytes":
        return [show_bytes(group[name])]
    share = [column_share(group["kept"], group["documents"])] if name == "kept" else []
    return [f"{group[name]:,}", *share]


def histogram_table(name: str, edges: Sequence[float], counts: Sequence[int]) -> Table:
    """A bar for each bin between the first and the last that hold anything."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(Text(name), justify="right")
    table.add_column("documents", justify="right")
    table.add_column("")
    filled = [index for index, count in enumerate(counts) if count]
    largest = max(counts, default=0)
    for index in range(filled[0], filled[-1] + 1) if filled else ():
        label = f"< {edges[0]:g}" if index == 0 else f"≥ {edges[index - 1]:g}"
        bar = "█" * round(30 * counts[index] / largest)
        table.add_row(label, f"{counts[index]:,}", bar or ("▏" if counts[index] else ""))
    return table


def life_view(life: "Life", *, diff: bool) -> RenderableType:
    """A document's life from top to bottom."""
    parts: list[RenderableType] = []
    if life.documents:
        title = printable(str(life.documents["uri"]))
        parts.append(Text.assemble((title, "bold"), f"\n{life.fate}\n"))
        parts.append(_facts({"shard": f"{life.corpus}/documents/{life.shard}", "row": life.row}))
        parts.append(_facts(life.documents))
        parts.append(_excerpt(life.text, life.language))
    else:
        parts.append(Text(life.fate, style="bold"))
    for stage in life.stages:
        parts.append(Text(f"\n{stage.table}: {_verdict(stage)}", style="bold"))
        if stage.keep is not None or stage.is_measure:
            parts.append(_facts(stage.measures))
    if life.twin is not None:
        similarity = (
            "" if life.twin.similarity is None else f", similarity {life.twin.similarity:.4f}"
        )
        where = f" of {life.twin.run}" if life.twin.run is not None else ""
        kept = printable(f"{life.twin.uri or life.twin.doc_id}{where}")
        parts.append(Text(f"\nrepeats {kept}{similarity}", style="bold"))
        if life.twin.repository is not None:
            parts.append(Text(f"its repository repeats {printable(life.twin.repository)}"))
        if life.twin.why is not None:
            parts.append(Text(f"that one was kept: {life.twin.why}"))
        if diff:
            parts.append(text_diff(life))
    if life.repeats:
        parts.append(Text("\nrepeated by (dropped)", style="bold"))
        parts.append(_records(life.repeats))
    if life.samples:
        parts.append(Text("\nin the shards", style="bold"))
        parts.append(_records(life.samples))
    if life.quarantine:
        parts.append(Text("\nquarantine", style="bold"))
        parts.append(_records(life.quarantine))
    return Group(*parts)


def text_diff(life: "Life") -> RenderableType:
    """The kept twin's text → this document's, as a unified diff."""
    if life.twin is None:
        return Text("")
    before = life.twin.text.splitlines()[:DIFF_LINES]
    after = life.text.splitlines()[:DIFF_LINES]
    return show_diff(
        difflib.unified_diff(
            before,
            after,
            life.twin.uri or life.twin.doc_id,
            str(life.documents["uri"]),
            lineterm="",
        )
    )


def show_diff(lines: Iterable[str]) -> RenderableType:
    """The lines of a unified diff, in colours."""
    body = printable("\n".join(lines))
    return Syntax(body, "diff", theme=THEME, word_wrap=True) if body else Text("same text")


def _verdict(stage: "StageRow") -> str:
    if stage.is_measure:
        return "measured"
    if stage.keep is None:
        return "not asked (dropped before)"
    return "kept" if stage.keep else f"dropped, {stage.reason}"


def _facts(facts: dict[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        table.add_row(Text(f"  {name}", style="dim"), Text(show_value(value), overflow="fold"))
    return table


def _records(records: Sequence[dict[str, Any]]) -> Table:
    names = list(records[0])
    return rows_table(names, ([record.get(name) for name in names] for record in records))


def sample_view(sample: "Sample", n_lines: int) -> RenderableType:
    """A training sample: its documents, each with its first lines."""
    title = f"{sample.sample_id}  {sample.split}  {counted(sample.n_tokens, 'token')}"
    parts: list[RenderableType] = [Text(title, style="bold")]
    for part in sample.parts:
        said = [part.facts[name] for name in ("uri", "language", "license")]
        line = " · ".join(printable(str(one)) for one in said if one is not None)
        parts.append(Text(f"{line} · {counted(part.facts['n_tokens'], 'token')}", style="dim"))
        parts.append(_excerpt(part.text, part.language, n_lines))
    return Group(*parts)


def _excerpt(text: str, language: str | None, n_lines: int = EXCERPT_LINES) -> Text:
    """The first lines, in their language's colours where it is known."""
    lines = text.splitlines()
    body = "\n".join(printable(line[:EXCERPT_COLUMNS]) for line in lines[:n_lines])
    lexer = lexer_name(language)
    code = Text(body, "dim") if lexer is None else Syntax("", lexer, theme=THEME).highlight(body)
    code.rstrip()
    excerpt = Text("\n")
    for number, line in enumerate(code.split("\n", allow_blank=True)):
        excerpt.append("\n  │ " if number else "  │ ", style="dim").append_text(line)
    if len(lines) > n_lines:
        excerpt.append(f"\n  … {counted(len(lines) - n_lines, 'more line')}", style="dim")
    return excerpt


def show(renderable: RenderableType, color: Color = Color.AUTO) -> None:
    """Print to standard output: fitted to a terminal, else as wide as it is. Without `color`, the
    terminal (and NO_COLOR) says whether there are any."""
    console = Console(highlight=False, no_color=True if color is Color.NEVER else None)
    if console.is_terminal:
        console.print(renderable)
        return
    is_forced = color is Color.ALWAYS
    wide = Console(
        highlight=False,
        width=WIDE,
        file=io.StringIO(),
        force_terminal=is_forced or None,
        color_system="standard" if is_forced else "auto",
    )
    with wide.capture() as captured:
        wide.print(renderable)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def show_paged(table: RenderableType, n_rows: int, note: str | None) -> None:
    """As `show`; what is longer than the terminal goes through its pager ($PAGER)."""
    console = Console(highlight=False)
    if console.is_terminal and n_rows >= console.height:
        with console.pager(styles=True):
            console.print(table)
    else:
        show(table)
    if note is not None:
        show(note)
