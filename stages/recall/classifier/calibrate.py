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
from stages.recall.classifier.certainty import Groups, bootstrap

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
    n_domains: int = 0
    """Of the positives."""
    precision_low: float = 0.0
    precision_high: float = 1.0
    f1_low: float = 0.0
    f1_high: float = 1.0
    """The 95 % intervals of a bootstrap over the domains."""

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def calibrate(
    positives: Float64,
    negatives: Float64,
    precision: float | None = None,
    groups: tuple[Groups, Groups] | None = None,
) -> Calibration:
    """Fit the slope to held-out scores; the threshold is 0.5 or, where that is less precise than
    `precision`, the lowest probability above it whose held-out precision is enough. There every
    domain (`groups`, of both classes) counts as much as any other of its class: a large site that
    goes wrong is one mistake. Never below 0.5: negatives are a crawl's surest pages, few beside its
    others, so held-out precision stays high where the crawl's is long gone."""
    slope = _fit_slope(positives, negatives)
    if precision is None:
        return Calibration(slope, EVEN)
    scores = np.concatenate([positives, negatives])
    weights = np.ones(len(scores))
    if groups is not None:
        weights = np.concatenate([_even_weights(one) for one in groups])
    order = np.argsort(-scores, kind="stable")
    positive = order < len(positives)
    ranked, taken = scores[order], weights[order]
    ends = np.append(ranked[1:] < ranked[:-1], True)
    share = np.cumsum(taken * positive) / np.cumsum(taken)
    n_above = int((ranked >= 0).sum())
    if not n_above or share[n_above - 1] >= precision:
        return Calibration(slope, EVEN)
    enough = np.flatnonzero((ends & (share >= precision))[:n_above])
    lowest = ranked[enough[-1]] if len(enough) else ranked[0]
    return Calibration(slope, float(sigmoid(slope * lowest)))


def judge(
    calibration: Calibration,
    positives: Float64,
    negatives: Float64,
    groups: tuple[Groups, Groups] | None = None,
) -> HeldOut:
    """Precision and recall of held-out scores at the threshold, and how sure they are: without
    `groups` (the domains of both classes) each document is a domain of its own."""
    positive = np.repeat([True, False], [len(positives), len(negatives)])
    scores = np.concatenate([positives, negatives])
    recalled = calibration.probability(scores) >= calibration.threshold
    joined = np.concatenate(groups) if groups is not None else np.arange(len(scores))
    sure = bootstrap(positive, recalled, joined)
    n_recalled, hits = int(recalled.sum()), int((recalled & positive).sum())
    return HeldOut(
        n_positives=len(positives),
        n_negatives=len(negatives),
        precision=hits / n_recalled if n_recalled else 0.0,
        recall=hits / len(positives) if len(positives) else 0.0,
        n_domains=sure.n_domains,
        precision_low=sure.precision[0],
        precision_high=sure.precision[1],
        f1_low=sure.f1[0],
        f1_high=sure.f1[1],
    )


def _even_weights(groups: Groups) -> Float64:
    """One weight a document: each group's sum to the same, all to the number of documents."""
    _, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    return np.asarray(len(groups) / (len(sizes) * sizes[place]), np.float64)


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
