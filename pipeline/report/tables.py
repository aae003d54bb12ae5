"""Tables of a report: cells by kind, rows that the page can sort and filter.

A column is (title, key, kind). A key names a value of the row, `a.b` one in a table of it. Kinds:
`text`, `name` (null is unknown), `mono`, `count`, `size`, `rate` (bytes a second), `share` (of 1),
`bar` (a count with its share of the column's largest), `level` (a share with its bar), `html` (a
picture), and of what differs between two runs `more` (a count) and `points` (of percent). A row
that `differs` is marked.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from pipeline.inspection.counted import share
from pipeline.report.charts.bars import meter
from pipeline.report.charts.numbers import count, size
from pipeline.report.charts.svg import tag

Column = tuple[str, str, str]
Row = Mapping[str, Any]

TEXTS = ("text", "name", "mono", "html")
ROWS_SHOWN, MORE = 20, 10
"""Of a table the rest is behind a button, if it is more than that."""
LONG = 40
"""Characters of a text that may break anywhere."""


def table(
    name: str, columns: Sequence[Column], rows: Sequence[Row], *, filtered: bool = False
) -> Markup:
    """A table that can be sorted by each column; with `filtered` also searched."""
    n_shown = ROWS_SHOWN if len(rows) > ROWS_SHOWN + MORE else len(rows)
    largest = {
        key: max((_number(value(row, key)) for row in rows), default=0.0)
        for _, key, kind in columns
        if kind == "bar"
    }
    head = tag("tr", *(_head(*column) for column in columns))
    body = [
        tag(
            "tr",
            *(_cell(row, column, largest) for column in columns),
            class_=_class(row, index >= n_shown),
        )
        for index, row in enumerate(rows)
    ]
    drawn = tag("table", tag("thead", head), tag("tbody", *body), aria_label=name)
    box = tag("div", drawn, class_="scroll", tabindex="0", role="region", aria_label=name)
    tools: list[Markup] = []
    if filtered:
        tools.append(
            tag("input", type="search", placeholder="filter …", aria_label=f"filter {name}")
        )
    if n_shown < len(rows):
        words = f"show all {len(rows):,}"
        tools.append(tag("button", words, class_="all", type="button", data_rows=len(rows)))
    bar = tag("div", *tools, class_="tools") if tools else Markup("")
    return tag("div", bar, box, class_="table")


def value(row: Row, key: str) -> Any:
    """What a row has under a key; None for what is not there."""
    found: Any = row
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _number(found: Any) -> float:
    return float(found) if isinstance(found, int | float) else 0.0


def _class(row: Row, is_more: bool) -> str | None:
    return _names(changed=row.get("differs"), more=is_more)


def _names(**classes: object) -> str | None:
    return " ".join(name for name, holds in classes.items() if holds) or None


def _head(title: str, key: str, kind: str) -> Markup:
    words = tag("button", title, type="button") if kind != "html" else title
    return tag("th", words, scope="col", class_=None if kind in TEXTS else "number")


def _cell(row: Row, column: Column, largest: Mapping[str, float]) -> Markup:
    _, key, kind = column
    found = value(row, key)
    if kind == "html":
        return tag("td", found)
    if kind in TEXTS:
        nothing = "unknown" if kind == "name" else "–"
        words = nothing if found is None else str(found)
        names = _names(mono=kind == "mono", long=len(words) > LONG)
        return tag("td", tag("bdi", words), class_=names)
    shown: list[object] = [_shown(found, kind)]
    if kind == "bar":
        shown.append(meter(_number(found), largest[key]))
    if kind == "level":
        shown.append(meter(_number(found), 1))
    return tag("td", *shown, class_="number", data_value=_number(found))


def _shown(found: Any, kind: str) -> str:
    return "–" if found is None else NUMBERS.get(kind, count)(found)


def _difference(found: float, words: str) -> str:
    return "=" if found == 0 else words.replace("-", "−")


NUMBERS: Mapping[str, Callable[[Any], str]] = {
    "size": size,
    "share": lambda found: share(found, 1),
    "level": lambda found: share(found, 1),
    "rate": lambda found: f"{found / 1e6:,.1f}",
    "more": lambda found: _difference(found, f"{found:+,.0f}"),
    "points": lambda found: _difference(found, f"{100 * found:+.2f} pp"),
}
"""How a kind is written, where not as a count."""
