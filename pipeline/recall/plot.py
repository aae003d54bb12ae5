"""Precision against recall as a picture: plain SVG, one panel for each target.

A line for each iteration, told apart by colour and dashes; a dot where its threshold stands. The
numbers are in the titles and the description, for readers who do not see them.
"""

from collections.abc import Iterator, Sequence
from html import escape

from pipeline.recall.curve import Curve
from pipeline.recall.iterations import PRECISION_ASKED, Stand

SIDE = 300
"""Of the square both axes span, in pixels; recall and precision from 0 to 1."""
LEFT, TOP, BOTTOM, GAP = 56, 44, 62, 28
LEGEND_LINE = 18
TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Those of Okabe and Ito, which colour-blind readers tell apart."""
ROOT = (
    'role="img" aria-labelledby="title description" '
    'font-family="system-ui, sans-serif" font-size="12" fill="#222"'
)
DASHES = ("none", "7 3", "2 3", "9 3 2 3")


def drawn(stands: Sequence[Stand]) -> list[Stand]:
    """Those with curves of their own: the iterations, or the verdicts of a single one."""
    iterations = [one for one in stands if one.iteration is not None]
    return [one for one in iterations or stands if one.curves]


def draw_curves(stands: Sequence[Stand]) -> str:
    """The SVG document."""
    shown = drawn(stands)
    targets = list(shown[-1].curves) if shown else []
    width = LEFT + max(len(targets), 1) * (SIDE + GAP + LEFT) - LEFT
    height = TOP + SIDE + BOTTOM + LEGEND_LINE * max(len(shown), 1)
    told = "; ".join(_told(target, stand) for target in targets for stand in shown)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {ROOT}>',
        '<title id="title">Precision against recall, by target and iteration</title>',
        f'<desc id="description">{escape(told or "No page with a label was scored.")}</desc>',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for column, target in enumerate(targets):
        lines.append(f'<g transform="translate({LEFT + column * (SIDE + GAP + LEFT)} {TOP})">')
        lines += _axes(target)
        for index, stand in enumerate(shown):
            lines += _line(index, target, stand)
        lines.append("</g>")
    return "\n".join([*lines, "</svg>", ""])


def _told(target: str, stand: Stand) -> str:
    used = stand.curves[target].used
    reached = "no page passes its threshold"
    if used is not None:
        reached = f"precision {used.precision:.3f} at recall {used.recall:.3f}"
    return f"{target}, {stand.title}: {reached}"


def _axes(target: str) -> Iterator[str]:
    name = f'<text x="{SIDE / 2}" y="-18" text-anchor="middle" font-weight="bold">'
    yield f"{name}{escape(target)}</text>"
    for tick in TICKS:
        at = _at(tick)
        yield f'<path d="M{at} 0V{SIDE}M0 {at}H{SIDE}" stroke="#ddd" fill="none"/>'
        yield f'<text x="{at}" y="{SIDE + 16}" text-anchor="middle">{tick:g}</text>'
        yield f'<text x="-8" y="{_at(1 - tick) + 4}" text-anchor="end">{tick:g}</text>'
    asked = _at(1 - PRECISION_ASKED)
    yield f'<path d="M0 {asked}H{SIDE}" stroke="#888" stroke-dasharray="1 3" fill="none"/>'
    yield f'<rect width="{SIDE}" height="{SIDE}" fill="none" stroke="#555"/>'
    yield f'<text x="{SIDE / 2}" y="{SIDE + 36}" text-anchor="middle">recall</text>'
    yield (
        f'<text transform="translate(-38 {SIDE / 2}) rotate(-90)" text-anchor="middle">'
        "precision</text>"
    )


def _line(index: int, target: str, stand: Stand) -> Iterator[str]:
    curve = stand.curves[target]
    colour, dashes = COLOURS[index % len(COLOURS)], DASHES[index % len(DASHES)]
    style = f'stroke="{colour}" stroke-dasharray="{dashes}" stroke-width="2" fill="none"'
    told = escape(_told(target, stand))
    if curve.points:
        yield f'<path class="curve" d="{_path(curve)}" {style}><title>{told}</title></path>'
    legend = stand.title
    if curve.used is not None:
        x, y = _at(curve.used.recall), _at(1 - curve.used.precision)
        dot = f'<circle cx="{x}" cy="{y}" r="4.5" fill="{colour}" stroke="#fff">'
        yield f"{dot}<title>{told}</title></circle>"
        legend += f": precision {curve.used.precision:.3f}, recall {curve.used.recall:.3f}"
    y = SIDE + BOTTOM + LEGEND_LINE * index
    yield f'<path d="M0 {y - 4}H26" {style}/><text x="34" y="{y}">{escape(legend)}</text>'


def _path(curve: Curve) -> str:
    """Steps: the recall up to a point costs that point's precision."""
    first, *rest = curve.points
    path = f"M0 {_at(1 - first.precision)}H{_at(first.recall)}"
    return path + "".join(f"V{_at(1 - one.precision)}H{_at(one.recall)}" for one in rest)


def _at(share: float) -> float:
    return round(share * SIDE, 2)
