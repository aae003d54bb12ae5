"""Shares of a whole as rectangles, nearly square (Bruls, Huizing, van Wijk 2000)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from pipeline.inspection.counted import share
from pipeline.report.charts.numbers import compact, count
from pipeline.report.charts.svg import percent, picture, tag, title

LETTER = 7.2
"""Width of a letter, about, in pixels."""
N_COLOURS = 8
MAX_TILES = 60
"""More would be dust: the rest is one tile."""


class Tile(NamedTuple):
    """A rectangle, in pixels."""

    x: float
    y: float
    width: float
    height: float


def treemap(items: Sequence[tuple[str, float]], unit: str, width: int, height: int) -> Markup:
    """The picture, made for about that width; it stretches to 100 %."""
    shown = [item for item in items if item[1] > 0]
    if len(shown) > MAX_TILES:
        rest = shown[MAX_TILES - 1 :]
        shown = [
            *shown[: MAX_TILES - 1],
            (f"{len(rest)} others", sum(value for _, value in rest)),
        ]
        shown.sort(key=lambda item: -item[1])
    total = sum(value for _, value in shown)
    tiles = squarified([value for _, value in shown], width, height)
    drawn = [
        _tile(name, value, total, unit, tile, width, index)
        for index, ((name, value), tile) in enumerate(zip(shown, tiles, strict=True))
    ]
    told = ", ".join(f"{name} {share(value, total)}" for name, value in shown[:5])
    return picture(
        f"{unit} by share: {told}", *drawn, class_="treemap", width="100%", height=height
    )


def _tile(
    name: str, value: float, total: float, unit: str, tile: Tile, width: int, index: int
) -> Markup:
    words: list[Markup] = []
    room = tile.width - 12
    if room > LETTER * len(name) and tile.height > 22:
        words.append(tag("text", name, x=6, y=17, class_="name"))
        told = f"{compact(value)} · {share(value, total)}"
        if tile.height > 38 and room > LETTER * len(told) * 0.85:
            words.append(tag("text", told, x=6, y=33))
    return tag(
        "svg",
        title(f"{name}: {count(value)} {unit}, {share(value, total)}"),
        tag("rect", width="100%", height="100%", class_=f"area c{index % N_COLOURS + 1}"),
        *words,
        x=percent(tile.x / width),
        y=round(tile.y, 2),
        width=percent(tile.width / width),
        height=round(tile.height, 2),
    )


def squarified(values: Sequence[float], width: float, height: float) -> list[Tile]:
    """A tile for each value (positive, the largest first), together all of width × height."""
    total = sum(values)
    areas = [value * width * height / total for value in values] if total else []
    tiles: list[Tile] = []
    space = Tile(0, 0, width, height)
    while areas:
        side = min(space.width, space.height)
        n = 1
        while n < len(areas) and _worst(areas[: n + 1], side) <= _worst(areas[:n], side):
            n += 1
        row, areas = areas[:n], areas[n:]
        tiles += _row(row, space)
        depth = sum(row) / side if side else 0.0
        if space.width >= space.height:
            space = Tile(space.x + depth, space.y, max(space.width - depth, 0), space.height)
        else:
            space = Tile(space.x, space.y + depth, space.width, max(space.height - depth, 0))
    return tiles


def _worst(row: Sequence[float], side: float) -> float:
    """The least square tile's ratio of sides, if the row lies along a side."""
    total = sum(row)
    if not total or not side:
        return float("inf")
    return max(side * side * max(row) / (total * total), total * total / (side * side * min(row)))


def _row(row: Sequence[float], space: Tile) -> Iterator[Tile]:
    """The tiles of a row along the shorter side."""
    side = min(space.width, space.height)
    depth = sum(row) / side if side else 0.0
    at = 0.0
    for area in row:
        length = area / depth if depth else 0.0
        if space.width >= space.height:
            yield Tile(space.x, space.y + at, depth, length)
        else:
            yield Tile(space.x + at, space.y, length, depth)
        at += length


def named(rows: Sequence[Mapping[str, Any]], value: str) -> list[tuple[str, float]]:
    """Rows with `name` as items, the largest first."""
    items = [(str(row["name"] or "(unknown)"), float(row[value])) for row in rows]
    return sorted(items, key=lambda item: -item[1])
