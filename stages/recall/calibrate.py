"""From a classifier's raw score to a probability, and from a probability to a decision.

Platt scaling (Platt 1999, with his smoothed targets): a logistic curve through the scores of
documents the model has not seen, both classes weighing the same, so that 0.5 is the point where a
held-out positive and a held-out negative are equally likely to lie.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]

EVEN = 0.5
"""The threshold when no precision is asked for."""
RIDGE = 1e-6
STEPS = 100
CONVERGED = 1e-10


@dataclass(frozen=True)
class Calibration:
    """probability = 1 / (1 + exp(-(slope * score + intercept))); a page whose probability is at
    least `threshold` is recalled."""

    slope: float
    intercept: float
    threshold: float

    def probability(self, scores: Float64) -> Float64:
        """The calibrated probability of raw scores."""
        return np.asarray(_sigmoid(self.slope * scores + self.intercept), np.float64)


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
    """Fit the curve to held-out scores; the threshold is the lowest probability whose held-out
    precision is at least `precision`, or 0.5."""
    slope, intercept = _fit_curve(positives, negatives)
    if precision is None:
        return Calibration(slope, intercept, EVEN)
    scores = np.concatenate([positives, negatives])
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(order < len(positives))
    ranked = scores[order]
    ends = np.append(ranked[1:] < ranked[:-1], True)
    enough = np.flatnonzero(ends & (hits / np.arange(1, len(scores) + 1) >= precision))
    lowest = ranked[enough[-1]] if len(enough) else ranked[0]
    return Calibration(slope, intercept, float(_sigmoid(slope * lowest + intercept)))


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


def _fit_curve(positives: Float64, negatives: Float64) -> tuple[float, float]:
    """Newton's method on the weighted log-loss, from slope 1 and intercept 0; a step that does
    not lower the loss is halved."""
    scores = np.concatenate([positives, negatives])
    n_above, n_below = len(positives), len(negatives)
    target = np.repeat([(n_above + 1) / (n_above + 2), 1 / (n_below + 2)], [n_above, n_below])
    weight = np.repeat([0.5 / n_above, 0.5 / n_below], [n_above, n_below])
    features = np.stack([scores, np.ones_like(scores)], axis=1)
    curve = np.array([1.0, 0.0])

    def loss(candidate: Float64) -> float:
        logits = features @ candidate
        return float((weight * (np.logaddexp(0, logits) - target * logits)).sum()) + float(
            RIDGE / 2 * (candidate @ candidate)
        )

    for _ in range(STEPS):
        probability = _sigmoid(features @ curve)
        gradient = features.T @ (weight * (probability - target)) + RIDGE * curve
        spread = weight * probability * (1 - probability)
        step = np.linalg.solve((features.T * spread) @ features + RIDGE * np.eye(2), gradient)
        while loss(curve - step) > loss(curve) and np.abs(step).max() > CONVERGED:
            step = step / 2
        curve = curve - step
        if np.abs(step).max() <= CONVERGED:
            break
    return float(curve[0]), float(curve[1])


def _sigmoid(logits: Any) -> Any:
    return np.exp(-np.logaddexp(0, -logits))
