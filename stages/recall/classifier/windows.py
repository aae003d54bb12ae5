"""Documents cut into examples of equal length, balanced and shuffled, for both trainers.

A classifier of a few hundred seeds sees several parts of each, all of the length at which one
example weighs the same.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stages.kernels.fasttext.ngrams import Tokens
from stages.kernels.fasttext.scoring import list_buffers
from stages.recall.classifier.recipe import Recipe

Ranges = npt.NDArray[np.int64]
"""[n, 2]: the first token of an example and the one after its last."""


class TrainingExamples(NamedTuple):
    """TrainingExamples of both classes, in the order in which they are seen."""

    values: Tokens
    """The tokens of all documents."""
    ranges: Ranges
    positive: npt.NDArray[np.bool_]

    @property
    def n_tokens(self) -> int:
        """Tokens of all examples, those seen twice twice."""
        return int((self.ranges[:, 1] - self.ranges[:, 0]).sum())


def draw_examples(
    negatives: pa.Array, positives: pa.Array, recipe: Recipe, seed: int
) -> TrainingExamples:
    """The windows of both classes, the smaller class repeated as the recipe has it, shuffled."""
    random = np.random.default_rng(seed)
    values, ranges, base = [], [], 0
    for documents in (negatives, positives):
        offsets, tokens = list_buffers(documents)
        ranges.append(windows(offsets, recipe.window, recipe.windows_per_document) + base)
        values.append(tokens)
        base += len(tokens)
    # `np.resize` repeats a permutation from its beginning, so every example occurs as often as any
    # other, but for one round that is not complete.
    if recipe.balance is not None:
        sizes = [len(part) for part in ranges]
        n = min(max(sizes), int(recipe.balance * min(sizes)))
        ranges = [part[np.resize(random.permutation(len(part)), n)] for part in ranges]
    labels = np.repeat([False, True], [len(part) for part in ranges])
    order = random.permutation(len(labels))
    return TrainingExamples(np.concatenate(values), np.concatenate(ranges)[order], labels[order])


def windows(offsets: npt.NDArray[np.int64], window: int | None, per_document: int) -> Ranges:
    """Cut documents into windows of `window` tokens (None: one each); a last one under a quarter
    of the size is left off, and of many windows evenly spaced ones are taken."""
    starts, sizes = offsets[:-1], np.diff(offsets)
    starts, sizes = starts[sizes > 0], sizes[sizes > 0]
    steps = sizes if window is None else np.full(len(sizes), window)
    # As many whole windows as there are, and a last one if it has a quarter of the size.
    n = np.maximum(1, (sizes + steps - steps // 4) // steps)
    taken = np.minimum(n, per_document)
    own = np.repeat(np.arange(len(sizes)), taken)
    number = np.arange(len(own)) - (np.cumsum(taken) - taken)[own]
    chosen = number * (n - 1)[own] // np.maximum(taken - 1, 1)[own]
    first = starts[own] + chosen * steps[own]
    return np.stack([first, np.minimum(first + steps[own], (starts + sizes)[own])], axis=1)
