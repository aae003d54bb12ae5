"""What speaks for a page besides its words: the code blocks and formulas it was extracted with.

A classifier of a few hundred seeds knows their language and their sites' vocabulary; markup is the
same in every language. A ridge logistic regression on held-out scores weighs the two. Markup is
evidence for a target and never against one: a manual of an algebra system has code blocks and is
mathematics all the same, so weights of markup below zero are set to zero (on the development crawl
this takes best F1 of math from 0.86 to 0.93, of code from 0.90 to 0.91; text alone has 0.77).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stages.recall.classifier.calibrate import Calibration, Float64

MARKUP = ("n_code_blocks", "n_formulas")
"""Columns of the documents, measured when they were extracted."""
Markup = npt.NDArray[np.int64]
"""[n_pages, 2]: the columns of `MARKUP`."""

RIDGE = 10.0
MAX_STEPS = 100
CLIP = 4.0
"""Log-odds beyond which one page says no more about its directory."""


@dataclass(frozen=True)
class PageEvidence:
    """log-odds = weights · (text, any code, log code, any formula, log formulas) + bias.

    `background` is the median page's log-odds: what is expected of a site nothing is known about.
    `calibration` turns the log-odds into a probability and holds the threshold.
    """

    weights: tuple[float, ...]
    bias: float
    calibration: Calibration
    background: float = 0.0

    def logits(self, text: Float64, markup: Markup) -> Float64:
        """The log-odds of pages from the classifier's scores and their markup."""
        return np.asarray(_features(text, markup) @ np.array(self.weights) + self.bias, np.float64)


def fit_weights(
    text: Float64, markup: Markup, positive: npt.NDArray[np.bool_]
) -> tuple[tuple[float, ...], float]:
    """Weights and bias by ridge logistic regression, both classes weighing the same; the most
    negative markup weight is dropped until none is left."""
    features = _features(text, markup)
    scale = features.std(axis=0) + 1e-9
    used = np.ones(features.shape[1], bool)
    while True:
        weights = np.zeros(len(used))
        found = _regress(features[:, used] / scale[used], positive)
        weights[used], bias = found[:-1], found[-1]
        worst = int(np.argmin(weights[1:])) + 1
        if weights[worst] >= 0:
            return tuple((weights / scale).tolist()), float(bias)
        used[worst] = False


def _features(text: Float64, markup: Markup) -> Float64:
    columns = [text]
    for counts in markup.T:
        columns += [counts > 0, np.log1p(counts)]
    return np.stack(columns, axis=1).astype(np.float64)


def _regress(features: Float64, positive: npt.NDArray[np.bool_]) -> Float64:
    """Newton's method; the penalty keeps the weights finite where classes are separable."""
    inputs = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    share = positive.mean()
    sample = np.where(positive, 0.5 / share, 0.5 / (1 - share))
    penalty = np.append(np.full(features.shape[1], RIDGE), 1e-6)
    weights = np.zeros(inputs.shape[1])
    for _ in range(MAX_STEPS):
        probability = np.exp(-np.logaddexp(0, -(inputs @ weights)))
        gradient = inputs.T @ (sample * (probability - positive)) + penalty * weights
        curvature = sample * probability * (1 - probability)
        step = np.linalg.solve(
            (inputs * curvature[:, None]).T @ inputs + np.diag(penalty), gradient
        )
        weights -= step
        if np.abs(step).max() < 1e-10:
            break
    return np.asarray(weights, np.float64)
