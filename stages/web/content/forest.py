"""Boosted trees as arrays: perfect binary trees of depth 4, walked without branches.

Two forests score a block: the first by its own row, the second by that row and what the first said
of it, its neighbours and its containers. Learned with LightGBM and written by
`python -m benchmarks.content`; `seeds/content_forest.npz` says in `record` from what. A tree is 15
questions (row[feature] <= threshold) and 16 answers, 139 bytes.
"""

from collections.abc import Callable
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.kernels.compiling import entry, pointer, stamp

Matrix = npt.NDArray[np.float32]
Vector = npt.NDArray[np.float32]

TREE_DEPTH = 4
N_ANSWERS = 2**TREE_DEPTH
N_QUESTIONS = N_ANSWERS - 1


class Forest(NamedTuple):
    """`feature` uint8[n_trees, 15], `threshold` float32[n_trees, 15], `answer` float32[n_trees,
    16]."""

    feature: npt.NDArray[np.uint8]
    threshold: Matrix
    answer: Matrix


@cache
def learned_forests() -> tuple[Forest, Forest]:
    """The two that are shipped."""
    stored = np.load(BytesIO(files("seeds").joinpath("content_forest.npz").read_bytes()))
    first, second = (
        Forest(*(np.ascontiguousarray(stored[f"{name}_{place}"]) for name in Forest._fields))
        for place in (1, 2)
    )
    return first, second


def probabilities(rows: Matrix, forest: Forest) -> Vector:
    """float32[n_rows]: the probability that a row's block is content."""
    found = np.empty(len(rows), np.float32)
    _score(rows, forest.feature, forest.threshold, forest.answer, found)
    return found


def _compiled(stamp: int) -> Callable[..., None]:
    def score(
        rows: Matrix, features: npt.NDArray[np.uint8], thresholds: Matrix, answers: Matrix,
        found: Vector,
    ) -> None:  # fmt: skip
        n_columns, n_trees = rows.shape[1], len(features) + (stamp & 0)
        row, feature = pointer(rows, 0), pointer(features, 0)
        threshold, answer = pointer(thresholds, 0), pointer(answers, 0)
        for index in range(len(rows)):
            total = np.float32(0)
            for tree in range(n_trees):
                place = 0
                for _ in range(TREE_DEPTH):
                    question = N_QUESTIONS * tree + place
                    value = row[n_columns * index + feature[question]]
                    place = 2 * place + 1 + (value > threshold[question])
                total += answer[N_ANSWERS * tree + place - N_QUESTIONS]
            found[index] = 1 / (1 + np.exp(-total))

    return entry(score)


_score = _compiled(stamp("stages.web.content.forest", "stages.kernels.compiling"))
