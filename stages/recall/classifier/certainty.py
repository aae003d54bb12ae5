"""How sure held-out figures are: the bootstrap over domains (Efron 1979).

Pages of a site are right or wrong together, so a few hundred held-out pages of three sites are
three observations. Domains are drawn anew with replacement, whole, those with positives and those
without apart (seeds of three sites are always three); the middle 95 % of what the draws give is the
interval. Counts are whole numbers, so it is the same on every machine. Cost: a
draw of all domains five hundred times.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

N_DRAWS = 500
N_CUT = 12
"""Draws left out at either end: 2.4 %."""

Flags = npt.NDArray[np.bool_]
Groups = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Certainty:
    """The intervals of precision and F1, and how many domains have positives."""

    n_domains: int
    precision: tuple[float, float]
    f1: tuple[float, float]


def number_groups(names: Sequence[Sequence[str] | None], sizes: Sequence[int]) -> list[Groups]:
    """The domains of several lists of documents as numbers; without names each document is one."""
    if any(one is None for one in names):
        ends = np.cumsum([0, *sizes])
        return [np.arange(end - size, end) for size, end in zip(sizes, ends[1:], strict=True)]
    joined = np.asarray([name for one in names for name in one or ()], np.str_)
    numbers = np.unique(joined, return_inverse=True)[1].astype(np.int64)
    return np.split(numbers, np.cumsum(sizes)[:-1])


def bootstrap(positive: Flags, recalled: Flags, groups: Groups) -> Certainty:
    """The intervals over documents whose `groups` are held out together."""
    _, place = np.unique(groups, return_inverse=True)
    if not positive.any():
        return Certainty(0, (0.0, 1.0), (0.0, 1.0))
    flags = (positive, recalled, positive & recalled)
    counts = np.stack([np.bincount(place[one], minlength=place.max() + 1) for one in flags], axis=1)
    strata = counts[counts[:, 0] > 0], counts[counts[:, 0] == 0]
    random = np.random.default_rng(0)
    precision, f1 = np.zeros(N_DRAWS), np.zeros(N_DRAWS)
    for draw in range(N_DRAWS):
        sums = sum(
            one[random.integers(len(one), size=len(one))].sum(axis=0) for one in strata if len(one)
        )
        n_positive, n_recalled, n_hits = np.asarray(sums).tolist()
        precision[draw] = n_hits / n_recalled if n_recalled else 0.0
        f1[draw] = 2 * n_hits / (n_positive + n_recalled)
    return Certainty(len(strata[0]), _middle(precision), _middle(f1))


def _middle(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    ordered = np.sort(values).tolist()
    return ordered[N_CUT], ordered[-1 - N_CUT]
