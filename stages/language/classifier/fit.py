"""Learns the table: log-odds of naive Bayes for the features that say most, then tuned.

**Counting.** A class's probability of a feature is its share of the class's features over all its
files, each weighted by n ** -0.25 for the n files its repository has of the class, so that one
large repository does not speak for a language. **Choosing.** A feature is worth how far the classes
that have it are from their mean (the sum of p ln(p / mean)); chosen are those worth most for each
entry they take, up to `max_entries`. **Tuning.** Weights are moved by one pass of stochastic
gradient descent (AdaGrad) on the log-loss over all examples. An example's own class is scored
without what its own repository counted, for all features of a training file speak for its class,
and nothing could be learned from that; a class of one repository leaves out half of its files
instead. On repositories not seen before, tuning moves the best guess by a point, and how many are
named when an eighth of the files in no language may be named, from .64 to .75.

Memory: 4 bytes for each class and feature, 12 for each feature of a file.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from stages.kernels.elementary import Float64, log
from stages.language.classifier.examples import Counted
from stages.language.classifier.tune import Float32, Int32, Int64, leave_out, tune

UNSEEN = 0.003
"""What is added to a class's count of a feature (additive smoothing)."""
REPOSITORY_POWER = -0.25
ROW_COST = 1.5
"""Entries that a feature's own place costs."""
SCALE = 4.0
"""What a mean of log-odds is multiplied by before the softmax: the best of held-out files."""
RATE, RATE_OF_CLASSES = 0.05, 0.05
"""How far tuning moves weights, and a class's own two numbers."""
ABSENT = -1e4
"""The constant of a class that no example has."""


@dataclass(frozen=True)
class Fitted:
    """What was learned: `chosen` are places in the corpus's features; the rest as in
    `LanguageTable`, with weights not yet rounded."""

    chosen: Int64
    starts: Int64
    entry_classes: Int32
    entry_weights: Float32
    biases: Float64
    constants: Float64


def fit(examples: Counted, n_features: int, n_classes: int, max_entries: int, seed: int) -> Fitted:
    """Count, choose and tune."""
    order = np.lexsort((np.arange(len(examples.classes)), examples.groups, examples.classes))
    counts = sum_classes(examples, order, n_features, n_classes)
    chosen = choose(counts, n_features, n_classes, max_entries)
    places = np.full(n_features, -1, np.int32)
    places[chosen] = np.arange(len(chosen))
    examples = examples.only(places)
    classes, features, sums = counts
    kept = places[features] >= 0
    classes, features, sums = classes[kept], places[features[kept]], sums[kept]
    by_feature = np.lexsort((classes, features))
    starts = np.concatenate([[0], np.cumsum(np.bincount(features, minlength=len(chosen)))])
    totals = np.bincount(classes, sums, n_classes)
    entry_weights = log(sums[by_feature] / UNSEEN + 1.0).astype(np.float32)
    biases = -log(totals + UNSEEN * len(chosen))
    constants = np.where(totals > 0, 0.0, ABSENT)
    entry_classes = classes[by_feature].astype(np.int32)
    own, own_bias = leave_out(
        examples.starts,
        examples.features,
        examples.weights,
        examples.classes,
        examples.groups,
        examples.share,
        order,
        len(chosen),
        UNSEEN,
    )
    moved, moved_biases, constants = tune(
        examples.starts,
        examples.features,
        examples.weights,
        examples.classes,
        own,
        own_bias,
        starts,
        entry_classes,
        entry_weights,
        biases,
        constants,
        np.random.default_rng(seed).permutation(len(examples.classes)),
        SCALE,
        RATE,
        RATE_OF_CLASSES,
    )
    return Fitted(chosen, starts, entry_classes, moved, moved_biases, constants)


def shares(classes: Int32, sources: Int32) -> Float64:
    """What each whole file counts: less, the more its repository has of the class."""
    pairs = classes.astype(np.int64) * (int(sources.max(initial=0)) + 1) + sources
    _, which, n_files = np.unique(pairs, return_inverse=True, return_counts=True)
    return np.asarray(n_files[which].astype(np.float64) ** REPOSITORY_POWER)


def sum_classes(
    examples: Counted, order: Int64, n_features: int, n_classes: int
) -> tuple[Int32, Int32, Float64]:
    """Class, feature and weighted count of every pair that occurs, by class."""
    parts: list[tuple[Int32, Int32, Float64]] = []
    classes = examples.classes[order]
    for number in range(n_classes):
        own = order[np.searchsorted(classes, number) : np.searchsorted(classes, number, "right")]
        features, sums = _sum_rows(
            examples.starts, examples.features, examples.weights, examples.share, own, n_features
        )
        parts.append((np.full(len(features), number, np.int32), features, sums))
    classes_, features_, sums_ = zip(*parts, strict=True)
    return np.concatenate(classes_), np.concatenate(features_), np.concatenate(sums_)


def choose(
    counts: tuple[Int32, Int32, Float64], n_features: int, n_classes: int, max_entries: int
) -> Int64:
    """The features that are worth most for each entry they take, ascending."""
    classes, features, sums = counts
    totals = np.bincount(classes, sums, n_classes)
    p = sums / totals[classes]
    mean = np.bincount(features, p, n_features) / n_classes
    worth = np.bincount(features, p * log(p / mean[features]), n_features)
    n_entries = np.bincount(features, minlength=n_features)
    order = np.argsort(-worth / (n_entries + ROW_COST), kind="stable")
    order = order[n_entries[order] > 0]
    return np.sort(order[np.cumsum(n_entries[order]) <= max_entries])


@njit(cache=True, nogil=True)
def _sum_rows(
    starts: Int64,
    features: Int32,
    weights: Float32,
    share: Float64,
    rows: Int64,
    n_features: int,
) -> tuple[Int32, Float64]:  # pragma: no cover
    """int32 ascending features, float64 their weighted sums over `rows`."""
    dense = np.zeros(n_features, np.float64)
    for row in rows:
        if share[row] > 0:
            for k in range(starts[row], starts[row + 1]):
                dense[features[k]] += weights[k] * share[row]
    found = np.flatnonzero(dense).astype(np.int32)
    return found, dense[found]
