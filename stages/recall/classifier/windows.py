"""Documents cut into examples of equal length.

A classifier of a few hundred seeds sees several parts of each, all of the length at which one
line of fastText's input weighs the same.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

Ranges = npt.NDArray[np.int64]
"""[n, 2]: the first token of an example and the one after its last."""


def windows(offsets: npt.NDArray[np.int64], window: int | None, per_document: int) -> Ranges:
    """Cut documents into windows of `window` tokens (None: one each); a last one under a quarter
    of the size is left off, and of many windows evenly spaced ones are taken."""
    parts = []
    for start, end in pairwise(offsets.tolist()):
        if end == start:
            continue
        step = window or end - start
        # As many whole windows as there are, and a last one if it has a quarter of the size.
        n = max(1, (end - start + step - step // 4) // step)
        chosen = np.unique(np.linspace(0, n - 1, min(n, per_document)).astype(int))
        starts = start + chosen * step
        parts.append(np.stack([starts, np.minimum(starts + step, end)], axis=1))
    return np.concatenate(parts)
