"""Shares in a line: stacked bars, and an estimate with its interval."""

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from pipeline.report.charts.svg import percent, picture, tag, title

LEAST = 0.002
"""Of the width: what there is, is seen."""

Part = tuple[float, str, str]
"""Value, CSS class, what it is."""


def stacked(parts: Iterable[Part], whole: float, height: int = 14) -> Markup:
    """One bar of parts of a whole; what is left of the whole stays empty."""
    drawn, at, told = [], 0.0, []
    for value, name, what in parts:
        if value and whole:
            width = max(value / whole, LEAST)
            told.append(what)
            drawn.append(
                tag(
                    "rect",
                    title(what),
                    x=percent(min(at, 1 - LEAST)),
                    width=percent(width),
                    height="100%",
                    class_=name,
                )
            )
            at += value / whole
    return picture("; ".join(told), *drawn, class_="stacked", width="100%", height=height)


def meter(value: float, largest: float, name: str = "fill") -> Markup:
    """A small bar beside a number that says the same."""
    width = percent(max(value / largest, LEAST)) if largest and value else "0%"
    bar = tag("rect", width=width, height="100%", class_=name)
    return tag("svg", bar, class_="meter", aria_hidden="true", width="100%", height=6)


def interval(low: float, rate: float, high: float, limit: float) -> Markup:
    """A rate as a dot and its interval as a line, on an axis from 0 to `limit`."""
    places: Sequence[str] = [percent(min(one / limit, 1)) for one in (low, rate, high)]
    return picture(
        f"{rate:.1%}, between {low:.1%} and {high:.1%}",
        tag("line", x1="0", x2="100%", y1=8, y2=8, class_="grid"),
        tag("line", x1=places[0], x2=places[2], y1=8, y2=8, class_="range"),
        tag("circle", cx=places[1], cy=8, r=4, class_="fill"),
        class_="interval",
        width="100%",
        height=16,
    )
