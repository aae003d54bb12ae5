"""How sure an answer may be, from answers about repositories that the table had not seen.

The softmax is surer than it is right, and most so for short texts. So the confidence is the
probability that the best language is the right one, fitted by logistic regression to the log-odds
of the softmax and the logarithm of how much the text says. Files in no language are among those it
is fitted to: for them every answer is wrong. Languages that no other repository has are not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from stages.kernels.elementary import Float64, newton_sums, sigmoid, solve, weighted_columns
from stages.kernels.languages.model import Confidence

Bools = npt.NDArray[np.bool_]
_NEWTON_STEPS = 25
_RIDGE = 1e-3
NAMED_IN_NO_LANGUAGE = 0.12
"""The share of files in no language that may be named where figures compare abstention."""


@dataclass(frozen=True)
class Answers:
    """Of each text: its class, whether the best language is it, whether it is a whole file, whether
    the table learned from others of its class, and whether it is in a language at all; log-odds and
    the logarithm of its length."""

    truth: npt.NDArray[np.object_]
    right: Bools
    is_whole: Bools
    is_known: Bools
    is_language: Bools
    odds: Float64
    lengths: Float64

    @classmethod
    def concatenate(cls, parts: Sequence["Answers"]) -> "Answers":
        """One after another."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))


@dataclass(frozen=True)
class Figures:
    """What answers about whole files are worth. `micro`: the share of files in a language whose
    best guess is right, `macro`: its mean over languages, `micro_known`: where the table had
    learned from another repository of the language. `named_micro`: the share that is named, and
    right, at the confidence `threshold` above which 12 % of the files in no language are named."""

    n_files: int
    n_without: int
    micro: float
    macro: float
    micro_known: float
    threshold: float
    named_micro: float


def fit_confidence(answers: Answers) -> Confidence:
    """Logistic regression by Newton's method."""
    fair = answers.is_known | ~answers.is_language
    inputs = _inputs(answers.odds[fair], answers.lengths[fair])
    right = answers.right[fair].astype(np.float64)
    weights = np.array([0.0, 1.0, 0.0, 0.0])
    for _ in range(_NEWTON_STEPS):
        p = sigmoid(weighted_columns(inputs, weights.tolist()))
        slope, curve = newton_sums(inputs, p - right, p * (1 - p))
        weights -= solve(curve + _RIDGE * np.eye(4), slope + _RIDGE * weights)
    return Confidence(*(float(weight) for weight in weights))


def figures(answers: Answers, confidence: Confidence) -> Figures:
    """What the whole files say."""
    whole, language = answers.is_whole, answers.is_language
    sure = confidence(answers.odds, answers.lengths)
    positive, negative = whole & language, whole & ~language
    threshold = _threshold(sure[negative])
    right = answers.right[positive]
    names = answers.truth[positive]
    by_name = [float(right[names == name].mean()) for name in np.unique(names.astype(str))]
    return Figures(
        n_files=int(positive.sum()),
        n_without=int(negative.sum()),
        micro=_mean(right),
        micro_known=_mean(right[answers.is_known[positive]]),
        macro=float(np.mean(by_name)) if by_name else 0.0,
        threshold=threshold,
        named_micro=_mean(right & (sure[positive] > threshold)),
    )


def _threshold(negatives: Float64) -> float:
    if not len(negatives):
        return 0.0
    ranked = np.sort(negatives)
    return float(ranked[min(len(ranked) - 1, int(len(ranked) * (1 - NAMED_IN_NO_LANGUAGE)))])


def _inputs(odds: Float64, lengths: Float64) -> Float64:
    return np.column_stack([np.ones(len(odds)), odds, lengths, odds * lengths])


def _mean(flags: Bools) -> float:
    return float(flags.mean()) if len(flags) else 0.0
