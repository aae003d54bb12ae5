"""Tables of data as Markdown: a header, a rule, rows of one width.

A cell over several columns or rows stands once and leaves the others empty. Rows that are too short
are filled, unless that would make the table many times as large as it is. Spans are cut at what the
table has, so that a colspan of a billion costs nothing.
"""

import re

MAX_COLUMNS = 100
MAX_ROW_SPAN = 200
MAX_FILLING = 32
"""How many times the cells that it has a table may have when its rows are filled; …"""
FREE_CELLS = 10_000
"""… what it may have at any rate. A row of 10,000 cells and 10,000 rows of one would be 300 MB."""

_LINE_END = re.compile(r"\s*\n\s*")
_BLANKS = re.compile(r"\s+")
_KEPT = re.compile(r"(\$[^$]*\$|`[^`]*`)")

Cell = tuple[str, int, int]
"""Text, columns and rows that it covers."""


def render_table(caption: str, rows: list[list[Cell]]) -> str:
    """The table below its caption; a table without two columns as lines of text."""
    grid = _grid([row for row in rows if row])
    grid = [row for row in grid if any(row)]
    width = max((len(row) for row in grid), default=0)
    lines = [caption.strip(), ""] if caption.strip() else []
    if width * len(grid) > FREE_CELLS + MAX_FILLING * sum(len(row) for row in grid):
        return _as_lines(lines, grid)
    columns = [c for c in range(width) if any(c < len(row) and row[c] for row in grid)]
    if len(columns) < 2 or len(grid) < 2:
        return _as_lines(lines, grid)
    for number, row in enumerate(grid):
        cells = [row[c] if c < len(row) else "" for c in columns]
        lines.append("| " + " | ".join(cells) + " |")
        if number == 0:
            lines.append("|" + " --- |" * len(columns))
    return "\n".join(lines)


def _as_lines(head: list[str], grid: list[list[str]]) -> str:
    return "\n".join(head + [" ".join(filter(None, row)) for row in grid])


def _grid(rows: list[list[Cell]]) -> list[list[str]]:
    widest = min(max((len(row) for row in rows), default=0) * 2 + 8, MAX_COLUMNS)
    pending: dict[int, int] = {}  # column -> rows that a cell above still covers
    grid = []
    for row in rows:
        line: list[str] = []
        for text, columns, lines in row:
            while len(line) < widest and pending.get(len(line), 0) > 0:
                pending[len(line)] -= 1
                line.append("")
            column = len(line)
            covered = max(1, min(columns, widest - column)) if columns > 1 else 1
            line.append(_escape(text))
            line += [""] * (covered - 1)
            if lines != 1:
                for c in range(column, column + covered):
                    pending[c] = min(lines or MAX_ROW_SPAN, MAX_ROW_SPAN) - 1
        while len(line) < widest and pending.get(len(line), 0) > 0:
            pending[len(line)] -= 1
            line.append("")
        grid.append(line)
    return grid


def _escape(text: str) -> str:
    """A cell on one line, bars escaped outside of formulas and code."""
    text = _BLANKS.sub(" ", text).strip()
    if "|" not in text:
        return text
    parts = _KEPT.split(text)
    parts[::2] = [part.replace("|", "\\|") for part in parts[::2]]
    return "".join(parts)
