"""From a classifier's raw score to a probability, and from a probability to a decision.

The classes weigh the same in training, so a raw score of 0 already is the point where neither is
preferred. What is off is the scale: a model is far surer than it is right about sites it has not
seen. One number, the slope, sets that straight (temperature scaling, Guo et al. 2017): it is fitted
to held-out scores, both classes weighing the same, and moves no page across 0.5.
"""

import math
from dataclasses import dataclass

import numpy as np

from stages.kernels.elementary import Float64, exact_sum, exp, log, sigmoid

EVEN = 0.5
"""The threshold when no precision is asked for."""
SLOPES = (1e-3, 1e2)
BISECTIONS = 60


@dataclass(frozen=True)
class Calibration:
    """probability = 1 / (1 + exp(-slope * score)); a page whose probability is at least
    `threshold` is recalled."""

    slope: float
    threshold: float

    def log_odds(self, scores: Float64) -> Float64:
        """The calibrated log-odds of raw scores: 0 stays 0."""
        return self.slope * scores

    def probability(self, scores: Float64) -> Float64:
        """The calibrated probability of raw scores."""
        return sigmoid(self.log_odds(scores))


@dataclass(frozen=True)
class HeldOut:
    """What a decision is worth on documents the model has not seen."""

    n_positives: int
    n_negatives: int
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def calibrate(
    positives: Float64, negatives: Float64, precision: float | None = None
) -> Calibration:
    """Fit the slope to held-out scores; the threshold is the lowest probability whose held-out
    precision is at least `precision`, or 0.5."""
    slope = _fit_slope(positives, negatives)
    if precision is None:
        return Calibration(slope, EVEN)
    scores = np.concatenate([positives, negatives])
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(order < len(positives))
    ranked = scores[order]
    ends = np.append(ranked[1:] < ranked[:-1], True)
    enough = np.flatnonzero(ends & (hits / np.arange(1, len(scores) + 1) >= precision))
    lowest = ranked[enough[-1]] if len(enough) else ranked[0]
    return Calibration(slope, float(sigmoid(slope * lowest)))


def judge(calibration: Calibration, positives: Float64, negatives: Float64) -> HeldOut:
    """Precision and recall of held-out scores at the threshold."""
    hits = int((calibration.probability(positives) >= calibration.threshold).sum())
    misses = int((calibration.probability(negatives) >= calibration.threshold).sum())
    return HeldOut(
        n_positives=len(positives),
        n_negatives=len(negatives),
        precision=hits / (hits + misses) if hits + misses else 0.0,
        recall=hits / len(positives) if len(positives) else 0.0,
    )


def _fit_slope(positives: Float64, negatives: Float64) -> float:
    """The slope of least log-loss: convex, so its derivative has one zero, found by bisection of
    the slope's logarithm. Scores that speak for the wrong class get the smallest slope."""
    low, high = log(SLOPES).tolist()
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        slope = float(exp(middle))
        upwards = _mean(sigmoid(slope * negatives) * negatives)
        downwards = _mean(sigmoid(-slope * positives) * positives)
        low, high = (low, middle) if upwards > downwards else (middle, high)
    return float(exp(low))


def _mean(values: Float64) -> float:
    return exact_sum(values) / len(values) if len(values) else math.nan
