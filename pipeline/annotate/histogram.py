"""How many pages have which score, as bars to draw."""

from collections.abc import Iterable
from dataclasses import dataclass

N_BINS = 20
WIDTH, HEIGHT = 400, 80
GAP = 2
LEAST = 1.5
"""Height of a bar for very few pages: seen, and not mistaken for none."""


@dataclass(frozen=True)
class Bar:
    """Pages with start <= score < end (the last bin includes 1), and where its bar stands."""

    start: float
    end: float
    count: int
    passes: bool
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Histogram:
    """The bars, and the x of the threshold if there is one."""

    bars: tuple[Bar, ...]
    n_pages: int
    threshold: float | None
    threshold_x: float | None


def histogram(scores: Iterable[float], threshold: float | None) -> Histogram:
    """`N_BINS` equal bins from 0 to 1, heights linear in the count."""
    counts = [0] * N_BINS
    for score in scores:
        counts[min(max(int(score * N_BINS), 0), N_BINS - 1)] += 1
    largest = max(counts)
    step = WIDTH / N_BINS
    bars = []
    for index, count in enumerate(counts):
        height = max(HEIGHT * count / largest, LEAST) if count else 0.0
        start, end = index / N_BINS, (index + 1) / N_BINS
        bars.append(
            Bar(
                start=start,
                end=end,
                count=count,
                passes=threshold is not None and start >= threshold,
                x=round(index * step + GAP / 2, 2),
                y=round(HEIGHT - height, 2),
                width=step - GAP,
                height=round(height, 2),
            )
        )
    place = None if threshold is None else round(threshold * WIDTH, 2)
    return Histogram(tuple(bars), sum(counts), threshold, place)
