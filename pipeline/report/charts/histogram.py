"""How often which value occurs, with the thresholds that decide on it.

Bins are drawn equally wide, so edges that are powers of two make a logarithmic axis and a threshold
between two of them stands where its logarithm does. Empty bins at both ends are left out.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from pipeline.inspection.counted import share
from pipeline.report.charts.numbers import compact, count, ticks
from pipeline.report.charts.svg import percent, picture, tag, title

HEIGHT, TOP, BOTTOM = 132, 18, 18
PLOT = 0.89
"""Of the width are bars; right of them stand the counts."""
LEAST = 1.5
"""Height of a bar of very few: seen, and not mistaken for none."""
MAX_TICKS = 6
STEPS, POWERS = (0.02, 0.05, 0.1, 0.2, 0.25, 0.5), (1, 2, 3, 4, 6, 8)
"""Between ticks: shares, and powers of two."""
SPACE = 0.06
"""Of a bin's width, on either side of its bar."""

Series = Mapping[str, Sequence[int]]
"""CSS class → counts, one more than edges; drawn one upon another."""


def histogram(
    edges: Sequence[float],
    series: Series,
    thresholds: Sequence[Mapping[str, Any]],
    what: str,
    beside: Sequence[int] = (),
) -> Markup:
    """The picture: 100 % wide, `HEIGHT` pixels high; from the same bin to the same bin as that of
    the counts `beside`."""
    totals = [sum(counts) for counts in zip(*series.values(), strict=True)]
    both = [n + m for n, m in zip(totals, beside or [0] * len(totals), strict=True)]
    first, last = _range(edges, both, [float(one["value"]) for one in thresholds])
    largest = max(totals) or 1
    scale = (HEIGHT - TOP - BOTTOM) / largest
    axis = _Axis(edges, first, last)
    if len(series) == 1:
        series = _divided(next(iter(series.values())), edges, thresholds)
    drawn = [
        *_lines(largest, scale),
        *_bars(axis, series, totals, scale),
        *_ticks(axis),
        *(_threshold(axis, one) for one in thresholds),
    ]
    limits = "; ".join(f"{one['option']} {one['value']:g}" for one in thresholds)
    label = f"{what}: {count(sum(totals))} values{f'; {limits}' if limits else ''}"
    return picture(label, *drawn, class_="histogram", width="100%", height=HEIGHT)


def _divided(
    counts: Sequence[int], edges: Sequence[float], thresholds: Sequence[Mapping[str, Any]]
) -> Series:
    """Bins that lie on the side of a threshold that drops, apart from the others."""
    dropped = [0] * len(counts)
    for one in thresholds:
        for index, n in enumerate(counts):
            above = one.get("drops") == "above" and index and edges[index - 1] >= one["value"]
            below = one.get("drops") == "below" and index < len(edges)
            if above or (below and edges[index] <= one["value"]):
                dropped[index] = n
    kept = [n - m for n, m in zip(counts, dropped, strict=True)]
    return {"fill": kept, "dropped": dropped}


class _Axis:
    """Where a value stands: bins `first` to `last` of equal width."""

    def __init__(self, edges: Sequence[float], first: int, last: int) -> None:
        self.edges, self.first, self.last = edges, first, last
        self.n = last - first + 1
        self.is_logarithmic = len(edges) > 1 and all(b == 2 * a for a, b in pairwise(edges))

    def start(self, index: int) -> float:
        """Where a bin begins, as a share of the picture's width."""
        return PLOT * (index - self.first) / self.n

    def place(self, value: float) -> float:
        """Where a value stands."""
        index = bisect_right(self.edges, value)
        if index == 0:
            low, high = 0.0, self.edges[0]
        elif index == len(self.edges):
            low, high = self.edges[-1], 2 * self.edges[-1] - self.edges[-2]
        else:
            low, high = self.edges[index - 1], self.edges[index]
        if self.is_logarithmic and 0 < low < value:
            part = math.log(value / low) / math.log(2)
        else:
            part = (value - low) / (high - low)
        return self.start(index) + PLOT * min(max(part, 0.0), 1.0) / self.n

    def said(self, index: int) -> str:
        """The range of a bin, in words."""
        if index == 0:
            return f"below {self.edges[0]:g}"
        if index == len(self.edges):
            return f"{self.edges[-1]:,g} or more"
        return f"{self.edges[index - 1]:,g} to {self.edges[index]:,g}"


def _range(
    edges: Sequence[float], totals: Sequence[int], thresholds: Sequence[float]
) -> tuple[int, int]:
    """The bins that hold something or a threshold, with one beside them."""
    filled = [index for index, n in enumerate(totals) if n]
    filled += [bisect_right(edges, value) for value in thresholds]
    return max(min(filled, default=0) - 1, 0), min(max(filled, default=0) + 1, len(totals) - 1)


def _lines(largest: int, scale: float) -> Iterator[Markup]:
    base = HEIGHT - BOTTOM
    for value in ticks(largest):
        y = round(base - value * scale, 1)
        yield tag("line", x1="0", x2=percent(PLOT), y1=y, y2=y, class_="grid")
        yield tag("text", compact(value), x="100%", y=y + 4, text_anchor="end", class_="soft")
    yield tag("line", x1="0", x2=percent(PLOT), y1=base, y2=base, class_="base")


def _bars(axis: _Axis, series: Series, totals: Sequence[int], scale: float) -> Iterator[Markup]:
    total = sum(totals)
    for index in range(axis.first, axis.last + 1):
        y = float(HEIGHT - BOTTOM)
        bars = []
        for name, counts in series.items():
            if counts[index]:
                height = max(counts[index] * scale, LEAST)
                y -= height
                bars.append(
                    tag(
                        "rect",
                        x=percent(axis.start(index) + PLOT * SPACE / axis.n),
                        width=percent(PLOT * (1 - 2 * SPACE) / axis.n),
                        y=round(y, 2),
                        height=round(height, 2),
                        class_=name,
                    )
                )
        if bars:
            named = {name: counts for name, counts in series.items() if name != "fill"}
            parts = [f"{name} {count(counts[index])}" for name, counts in named.items()]
            said = ", ".join(parts) if "fill" not in series else count(totals[index])
            yield tag(
                "g", title(f"{axis.said(index)}: {said} ({share(totals[index], total)})"), *bars
            )


def _ticks(axis: _Axis) -> Iterator[Markup]:
    """Edges between the bins that are drawn, round ones, so many that letters do not touch."""
    shown = list(range(axis.first, min(axis.last, len(axis.edges))))
    steps = POWERS if axis.is_logarithmic else STEPS
    tried = ([i for i in shown if _is_round(axis, axis.edges[i], step)] for step in steps)
    ticked = max((one for one in tried if len(one) <= MAX_TICKS), key=len, default=[])
    base = 1024 if axis.is_logarithmic else 1000
    for index in ticked:
        at = percent(axis.start(index + 1))
        yield tag("line", x1=at, x2=at, y1=HEIGHT - BOTTOM, y2=HEIGHT - BOTTOM + 4, class_="base")
        words = compact(axis.edges[index], base)
        yield tag("text", words, x=at, y=HEIGHT - 2, text_anchor="middle", class_="soft")


def _is_round(axis: _Axis, edge: float, step: float) -> bool:
    """Whether an edge is a multiple of the step, or its logarithm is."""
    multiple = (math.log2(edge) if axis.is_logarithmic else edge) / step
    return abs(multiple - round(multiple)) < 1e-6


def _threshold(axis: _Axis, one: Mapping[str, Any]) -> Markup:
    place = axis.place(float(one["value"]))
    at = percent(place)
    is_right = place > PLOT / 2
    words = f"{one['option']} {one['value']:g}"
    return tag(
        "g",
        title(words),
        tag("line", x1=at, x2=at, y1=14, y2=HEIGHT - BOTTOM, class_="threshold"),
        tag(
            "text",
            words,
            x=at,
            y=9,
            dx=3 if is_right else -3,
            text_anchor="end" if is_right else "start",
            class_="threshold",
        ),
    )
