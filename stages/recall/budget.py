"""The score from which a target's pages hold no more tokens than were asked for.

DeepSeekMath ranks a crawl's pages by score and keeps the top ones, 40 to 160 billion tokens
(arXiv 2402.03300 section 2.1). Tokens are counted by log-odds in bins of a thousandth, so a budget
is met from below, to within one bin. It only raises the calibrated threshold: a crawl with less to
recall is not filled up with other pages.
"""

import json
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages.contract import Batches
from stages.kernels.elementary import Float64, log, sigmoid

LIMIT = 32.0
BINS_PER_UNIT = 1 << 10
N_BINS = int(2 * LIMIT * BINS_PER_UNIT)


@dataclass(frozen=True)
class CountTokens:
    """The tokens of pages by their log-odds, for some targets."""

    targets: tuple[str, ...]

    schema: ClassVar[pa.Schema] = pa.schema(
        [("target", pa.string()), ("bin", pa.int32()), ("n_tokens", pa.int64())]
    )

    def __call__(self, batches: Batches) -> Batches:
        """Read `score_schema`, yield `schema`: each bin once."""
        counts = {target: np.zeros(N_BINS, np.int64) for target in self.targets}
        for batch in batches:
            n_tokens = batch.column("n_tokens").to_numpy()
            for target, own in counts.items():
                np.add.at(own, bins_of(batch.column(f"score_{target}").to_numpy()), n_tokens)
        for target, own in counts.items():
            used = np.flatnonzero(own)
            columns = [
                pa.array([target] * len(used), pa.string()),
                used.astype(np.int32),
                own[used],
            ]
            yield pa.record_batch(columns, schema=self.schema)


@dataclass(frozen=True)
class FindThresholds:
    """The probability from which each target's pages fit its budget, as JSON."""

    budgets: tuple[tuple[str, int], ...]

    def __call__(self, *sources: Batches) -> bytes:
        """Read the batches of `CountTokens`."""
        counts = {target: np.zeros(N_BINS, np.int64) for target, _ in self.budgets}
        for batch in (batch for source in sources for batch in source):
            for target, own in counts.items():
                rows = batch.filter(pc.equal(batch.column("target"), target))
                np.add.at(own, rows["bin"].to_numpy(), rows["n_tokens"].to_numpy())
        found = {target: threshold_of(counts[target], budget) for target, budget in self.budgets}
        return (json.dumps(found, indent=2, sort_keys=True) + "\n").encode()


def bins_of(probabilities: Float64) -> npt.NDArray[np.int64]:
    """The bin of each probability's log-odds."""
    log_odds = log(probabilities) - log(1.0 - probabilities)
    bins = np.floor((np.clip(log_odds, -LIMIT, LIMIT) + LIMIT) * BINS_PER_UNIT)
    return np.asarray(np.minimum(bins, N_BINS - 1), np.int64)


def threshold_of(counts: npt.NDArray[np.int64], budget: int) -> float:
    """The lowest lower edge of a bin from which on there are at most `budget` tokens; above 1 if
    the highest used bin alone has more."""
    # Tokens from each bin to the highest: falling, so the first bin that fits is the lowest.
    from_here = np.cumsum(counts[::-1])[::-1]
    fitting = np.flatnonzero(from_here <= budget)
    if not len(fitting) or from_here[fitting[0]] == 0 < from_here[0]:
        return NOTHING_FITS
    return float(sigmoid(fitting[0] / BINS_PER_UNIT - LIMIT))


NOTHING_FITS = 2.0
"""A threshold that no probability reaches."""
