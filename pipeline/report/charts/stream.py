"""The funnel as a stream: documents flow to the right, and at each filter some of them fall out.

Widths are in proportion to the documents; the colours of what falls are those of its reasons.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from pipeline.inspection.counted import share
from pipeline.report.charts.numbers import count
from pipeline.report.charts.svg import picture, tag, title

WIDTH, LEAD, END = 930, 110, 100
"""Of the picture, of the stream before the first filter, of the words behind the last."""
MAX_COLUMN = 300
THICKNESS, BEND, FALL = 140, 14, 26
LEFT, TOP = 2, 46
LINE = 17
MAX_REASONS = 4
"""That are named; the others are one line."""
LEAST = 1.2
N_COLOURS = 8


def reasons_of(row: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Why documents were dropped, the most first: the order of the colours."""
    return sorted(row["reasons"].items(), key=lambda item: (-item[1], item[0]))


def colour(rank: int) -> str:
    """The CSS class of a stage's reason."""
    return f"c{rank % N_COLOURS + 1}"


def stream(rows: Sequence[Mapping[str, Any]], corpus: str) -> Markup:
    """The picture of the filters of a corpus that dropped something (none if none did): rows of the
    funnel with `stage, documents, kept, reasons, judges`."""
    filters = [row for row in rows if row["judges"] and row["kept"] < row["documents"]]
    if not filters:
        return Markup("")
    first = filters[0]["documents"]
    scale = THICKNESS / first
    column = min(MAX_COLUMN, (WIDTH - LEFT - LEAD - END) // len(filters))
    start = LEFT + LEAD
    end = start + column * len(filters)
    n_lines = max(min(len(row["reasons"]), MAX_REASONS + 1) for row in filters)
    height = TOP + THICKNESS + BEND + FALL + LINE * (n_lines + 1) + 10
    drawn = [
        tag("text", "read", x=LEFT, y=TOP - 26, class_="name"),
        tag("text", count(first), x=LEFT, y=TOP - 9),
        tag("rect", x=LEFT, y=TOP, width=LEAD, height=THICKNESS, class_="kept"),
    ]
    for index, row in enumerate(filters):
        drawn += _filter(row, start + index * column, column, scale)
    last = filters[-1]
    drawn.append(tag("text", "kept", x=end + 8, y=TOP + 16, class_="name"))
    drawn.append(tag("text", count(last["kept"]), x=end + 8, y=TOP + 34))
    drawn.append(tag("text", share(last["kept"], first), x=end + 8, y=TOP + 51, class_="soft"))
    told = f"{corpus}: {count(first)} documents, {count(last['kept'])} kept"
    return picture(
        told, *drawn, class_="stream", viewBox=f"0 0 {end + END} {height}", width=end + END
    )


def _filter(row: Mapping[str, Any], x: float, column: float, scale: float) -> Iterator[Markup]:
    """The stream up to the next filter, and what falls out of it here."""
    documents, kept = row["documents"] * scale, row["kept"] * scale
    name = row["stage"].partition(".")[2]
    yield tag("text", name, x=x, y=TOP - 26, class_="name")
    yield tag("text", count(row["documents"]), x=x, y=TOP - 9)
    if row["kept"]:
        yield tag(
            "rect",
            title(f"{name}: {count(row['kept'])} kept"),
            x=x,
            y=TOP,
            width=column,
            height=round(max(kept, LEAST), 2),
            class_="kept",
        )
    lost = row["documents"] - row["kept"]
    if not lost:
        return
    top, bottom = TOP + kept, TOP + max(documents, kept + LEAST)
    end = TOP + THICKNESS + BEND + FALL
    outer = top
    for rank, (reason, n) in enumerate(reasons_of(row)):
        inner = outer + n * (bottom - top) / lost
        yield tag(
            "path",
            title(f"{name}: {reason} {count(n)} ({share(n, row['documents'])})"),
            d=_falling(x, outer, inner, bottom, end),
            class_=colour(rank),
        )
        outer = inner
    yield from _names(row, x + BEND, end + LINE)


def _falling(x: float, outer: float, inner: float, bottom: float, end: float) -> str:
    """A band that comes from the left between `outer` and `inner` and turns down; all bands of a
    filter turn about one centre, below `bottom`."""
    centre = bottom + BEND
    wide, narrow = round(centre - outer, 2), round(centre - inner, 2)
    return (
        f"M{x} {round(outer, 2)}A{wide} {wide} 0 0 1 {round(x + wide, 2)} {round(centre, 2)}"
        f"V{end}H{round(x + narrow, 2)}V{round(centre, 2)}"
        f"A{narrow} {narrow} 0 0 0 {x} {round(inner, 2)}Z"
    )


def _names(row: Mapping[str, Any], x: float, y: float) -> Iterator[Markup]:
    lost = row["documents"] - row["kept"]
    yield tag(
        "text", f"− {count(lost)}  ({share(lost, row['documents'])})", x=x, y=y, class_="name"
    )
    named = reasons_of(row)
    shown = named if len(named) <= MAX_REASONS + 1 else named[:MAX_REASONS]
    for rank, (reason, n) in enumerate(shown):
        line = y + LINE * (rank + 1)
        yield tag("rect", x=x, y=line - 9, width=9, height=9, rx=2, class_=colour(rank))
        yield tag("text", f"{reason} {count(n)}", x=x + 15, y=line, class_="soft")
    if len(shown) < len(named):
        rest = sum(n for _, n in named[len(shown) :])
        line = y + LINE * (len(shown) + 1)
        said = f"{len(named) - len(shown)} more reasons {count(rest)}"
        yield tag("text", said, x=x + 15, y=line, class_="soft")
