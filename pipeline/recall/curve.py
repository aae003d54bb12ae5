"""Precision against recall at every threshold, and few points that say as much.

A point is exact: the pages whose score is at least its threshold, counted. Equal scores stand or
fall together. Between two points the precision is that of the second, which has to be taken to
reach the recall in between (a straight line promises too much: Davis and Goadrich 2006).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

N_POINTS = 200
"""About so many points stay, evenly spread over recall: a pixel or two of a plot."""


@dataclass(frozen=True)
class Point:
    """What recalling all pages from a threshold on gives."""

    threshold: float
    precision: float
    recall: float


@dataclass(frozen=True)
class Curve:
    """Points by falling threshold, so by rising recall; and what the threshold in force gives,
    null if no page passes it."""

    points: tuple[Point, ...]
    used: Point | None

    def precision_at(self, recall: float) -> float | None:
        """The best precision of a threshold that recalls at least so much; null if none does."""
        return max((one.precision for one in self.points if one.recall >= recall), default=None)


def sweep(scores: Float64, positive: Flags) -> tuple[Float64, Counts, Counts]:
    """Each distinct score, from the highest, and how many pages, and positive ones, have at least
    that."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.append(ranked[1:] < ranked[:-1], True)
    taken = np.arange(1, len(scores) + 1)[ends]
    return ranked[ends], taken, np.cumsum(positive[order])[ends]


def curve(
    scores: Float64, positive: Flags, threshold: float, recalls: Sequence[float] = ()
) -> Curve:
    """The curve of one target; a page without a score (-inf) passes no threshold. Beside the
    evenly spread points, those stay that `precision_at` needs for `recalls`, that of the best F1,
    and that of the threshold in force."""
    n_positives = int(positive.sum())
    scored = np.isfinite(scores)
    if not n_positives or not scored.any():
        return Curve((), None)
    thresholds, taken, hits = sweep(scores[scored], positive[scored])
    precision, recall = hits / taken, hits / n_positives
    # Thresholds fall, so the lowest that is still in force is the last of those not below it.
    used = int(np.count_nonzero(thresholds >= threshold)) - 1
    even = np.searchsorted(recall, np.arange(1, N_POINTS + 1) / N_POINTS)
    best = [
        first + precision[first:].argmax()
        for first in np.searchsorted(recall, recalls)
        if first < len(recall)
    ]
    kept = np.concatenate(
        [
            [0, len(recall) - 1, (hits / (taken + n_positives)).argmax()],
            even[even < len(recall)],
            best,
            [max(used, 0)],
        ]
    ).astype(np.int64)
    points = {
        index: Point(float(thresholds[index]), float(precision[index]), float(recall[index]))
        for index in np.unique(kept).tolist()
    }
    return Curve(tuple(points.values()), points.get(used))
