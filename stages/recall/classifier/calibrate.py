"""From a classifier's raw score to a probability, and from a probability to a decision.

The classes weigh the same in training, so a raw score of 0 already is the point where neither is
preferred. What is off is the scale: a model is far surer than it is right about sites it has not
seen. One number, the slope, sets that straight (temperature scaling, Guo et al. 2017): it is fitted
to held-out scores, both classes weighing the same, and moves no page across 0.5.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]

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
        return probability_of(self.log_odds(scores))


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


def probability_of(log_odds: Float64) -> Float64:
    """1 / (1 + exp(-log_odds))."""
    return np.asarray(_sigmoid(log_odds), np.float64)


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
    return Calibration(slope, float(_sigmoid(slope * lowest)))


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
    low, high = np.log(SLOPES)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        slope = np.exp(middle)
        rising = (_sigmoid(slope * negatives) * negatives).mean() - (
            _sigmoid(-slope * positives) * positives
        ).mean()
        low, high = (low, middle) if rising > 0 else (middle, high)
    return float(np.exp(low))


def _sigmoid(logits: Any) -> Any:
    return np.exp(-np.logaddexp(0, -logits))
