"""One pass of stochastic gradient descent over weights that were counted.

The gradient of the log-loss moves only entries that the table has, by AdaGrad (Duchi et al. 2011);
an example's own class is scored by what is left without its repository.
"""

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.kernels.elementary import Float64

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


@njit(cache=True, nogil=True)
def leave_out(
    starts: Int64,
    features: Int32,
    weights: Float32,
    classes: Int32,
    groups: Int32,
    share: Float64,
    order: Int64,
    n_features: int,
    unseen: float,
) -> tuple[Float32, Float32]:  # pragma: no cover
    """float32, for each feature of each example, what it speaks for the example's class without the
    example's group; float32 [n] the class's bias without it, NaN where nothing is left. `order`
    sorts examples by class and group."""
    n = len(order)
    own = np.zeros(len(features), np.float32)
    own_bias = np.full(n, np.nan, np.float32)
    everything = np.zeros(n_features, np.float64)
    without = np.zeros(n_features, np.float64)
    at = 0
    while at < n:
        end = at
        everything[:] = 0
        while end < n and classes[order[end]] == classes[order[at]]:
            row = order[end]
            for k in range(starts[row], starts[row + 1]):
                everything[features[k]] += weights[k] * share[row]
            end += 1
        while at < end:
            last = at
            without[:] = everything
            while last < end and groups[order[last]] == groups[order[at]]:
                row = order[last]
                for k in range(starts[row], starts[row + 1]):
                    without[features[k]] -= weights[k] * share[row]
                last += 1
            left = 0.0
            for feature in range(n_features):
                if without[feature] < 1e-6:
                    without[feature] = 0.0
                left += without[feature]
            while at < last:
                row = order[at]
                for k in range(starts[row], starts[row + 1]):
                    own[k] = math.log(without[features[k]] / unseen + 1.0)
                if left > 0:
                    own_bias[row] = -math.log(left + unseen * n_features)
                at += 1
    return own, own_bias


@njit(cache=True, nogil=True)
def _score(
    start: int,
    end: int,
    features: Int32,
    weights: Float32,
    own: Float32,
    label: int,
    entry_starts: Int64,
    entry_classes: Int32,
    entry_weights: Float32,
    moved: Float32,
    scores: Float64,
) -> float:  # pragma: no cover
    """Fill `scores` [classes] with the sums of an example's weights, that of `label` from `own`;
    the example's length."""
    scores[:] = 0
    length, of_label = 0.0, 0.0
    for k in range(start, end):
        feature, weight = features[k], weights[k]
        length += weight
        of_label += weight * own[k]
        for entry in range(entry_starts[feature], entry_starts[feature + 1]):
            if entry_classes[entry] == label:
                of_label += weight * moved[entry]
            else:
                scores[entry_classes[entry]] += weight * (entry_weights[entry] + moved[entry])
    scores[label] = of_label
    return length


@njit(cache=True, nogil=True)
def _to_probabilities(scores: Float64) -> None:  # pragma: no cover
    """The softmax, in place."""
    highest = scores.max()
    total = 0.0
    for number in range(len(scores)):
        scores[number] = math.exp(scores[number] - highest)
        total += scores[number]
    for number in range(len(scores)):
        scores[number] /= total


@njit(cache=True, nogil=True)
def tune(
    starts: Int64,
    features: Int32,
    weights: Float32,
    classes: Int32,
    own: Float32,
    own_bias: Float32,
    entry_starts: Int64,
    entry_classes: Int32,
    entry_weights: Float32,
    biases: Float64,
    constants: Float64,
    order: Int64,
    scale: float,
    rate: float,
    rate_of_classes: float,
) -> tuple[Float32, Float64, Float64]:  # pragma: no cover
    """Weights, biases and constants after one pass over the examples in `order`; those without an
    `own_bias` (`leave_out`) or a feature are passed over."""
    n_classes = len(biases)
    least = np.float32(1e-6)
    moved = np.zeros(len(entry_weights), np.float32)
    squares = np.full(len(entry_weights), 1e-2, np.float32)
    bias_moved, bias_squares = np.zeros(n_classes), np.ones(n_classes)
    constants, constant_squares = constants.copy(), np.ones(n_classes)
    scores = np.zeros(n_classes)
    slopes = np.zeros(n_classes, np.float32)
    for row in order:
        if math.isnan(own_bias[row]) or starts[row] == starts[row + 1]:
            continue
        label = classes[row]
        length = _score(
            starts[row],
            starts[row + 1],
            features,
            weights,
            own,
            label,
            entry_starts,
            entry_classes,
            entry_weights,
            moved,
            scores,
        )
        for number in range(n_classes):
            bias = biases[number] if number != label else np.float64(own_bias[row])
            mean = scores[number] / length + bias + bias_moved[number]
            scores[number] = mean * scale + constants[number]
        _to_probabilities(scores)
        scores[label] -= 1.0
        slopes[:] = scores * (scale / length)
        for k in range(starts[row], starts[row + 1]):
            feature = features[k]
            for entry in range(entry_starts[feature], entry_starts[feature + 1]):
                slope = slopes[entry_classes[entry]] * weights[k]
                if abs(slope) > least:
                    squares[entry] += slope * slope
                    moved[entry] -= np.float32(rate) * slope / math.sqrt(squares[entry])
        for number in range(n_classes):
            slope = scores[number]
            constant_squares[number] += slope * slope
            constants[number] -= rate_of_classes * slope / math.sqrt(constant_squares[number])
            slope *= scale
            bias_squares[number] += slope * slope
            bias_moved[number] -= 0.1 * rate_of_classes * slope / math.sqrt(bias_squares[number])
    return entry_weights + moved, biases + bias_moved, constants
