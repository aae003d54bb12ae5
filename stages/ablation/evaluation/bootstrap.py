"""Intervals for what two corpora's models measure on the same units.

A measure is a ratio of sums over units: bits over bytes of documents, or solved over asked
problems. With several strata (programming languages) it is the mean of their ratios. Two sources
of chance are resampled together (a hierarchical, paired bootstrap): units, the same draw for both
corpora, so that what makes a document hard cancels in the difference; and each corpus's training
seeds, independently. Of n seeds n - 1 are drawn, which makes the variance of their mean unbiased
(McCarthy and Snowden 1985, "The Bootstrap and Finite Population Sampling", section 3). Intervals
are percentiles. Few seeds remain few: where all chance comes from three seeds a side, a 95 %
interval holds the true difference 87 times in 100 (n of n: 81; ten seeds: 93).

Cost: `n_resamples` × units multiplications a seed and stratum; 10,000 resamples of 2,000 documents
take 0.4 s and 64 MB.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

N_RESAMPLES = 10_000
CONFIDENCE = 0.95
CHUNK_CELLS = 4 << 20
"""Weights drawn at once, as 64-bit numbers."""


@dataclass(frozen=True)
class Measured:
    """What one corpus's models measured: `sums` is seeds × strata × units (bits, or problems
    solved), `sizes` strata × units (bytes, or problems asked; 0 where a stratum lacks the unit).
    """

    sums: Floats
    sizes: Floats

    def __post_init__(self) -> None:
        if self.sums.ndim != 3 or self.sums.shape[1:] != self.sizes.shape:
            raise ValueError(f"sums {self.sums.shape} do not fit sizes {self.sizes.shape}")
        if not self.sums.shape[0] or not (self.sizes.sum(axis=1) > 0).all():
            raise ValueError("a measure needs a seed and, in every stratum, something measured")

    @property
    def ratios(self) -> Floats:
        """Seeds × strata."""
        found: Floats = self.sums.sum(axis=2) / self.sizes.sum(axis=1)
        return found

    @property
    def value(self) -> float:
        """The mean over seeds and strata of the ratio of sums."""
        return float(self.ratios.mean())


@dataclass(frozen=True)
class Interval:
    """A value and the percentile interval around it."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        value, low, high = (round(x, 3) + 0.0 for x in (self.value, self.low, self.high))  # no -0
        return f"{value:.3f} [{low:.3f}, {high:.3f}]"

    @property
    def excludes_zero(self) -> bool:
        """Whether the sign of the value is beyond chance."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Comparison:
    """Two corpora on the same units; `difference` is b - a."""

    a: Interval
    b: Interval
    difference: Interval


def ratio(bits: Floats, n_bytes: Floats) -> Measured:
    """One stratum: `bits` seeds × units (or one seed's units), `n_bytes` units."""
    sums = np.atleast_2d(np.asarray(bits, np.float64))
    return Measured(sums[:, None, :], np.asarray(n_bytes, np.float64)[None, :])


def compare(
    a: Measured,
    b: Measured,
    *,
    n_resamples: int = N_RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Comparison:
    """Intervals of a, b and b - a. Units and strata of the two must be the same."""
    if not np.array_equal(a.sizes, b.sizes):
        raise ValueError("two corpora are compared on the same units, of the same sizes")
    drawn_a, drawn_b = _resampled([a, b], n_resamples, seed)
    return Comparison(
        _interval(a.value, drawn_a, confidence),
        _interval(b.value, drawn_b, confidence),
        _interval(b.value - a.value, drawn_b - drawn_a, confidence),
    )


def estimate(
    a: Measured,
    *,
    n_resamples: int = N_RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Interval:
    """The interval of one corpus's measure."""
    return _interval(a.value, _resampled([a], n_resamples, seed)[0], confidence)


def _interval(value: float, drawn: Floats, confidence: float) -> Interval:
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(value, float(low), float(high))


def _resampled(measures: list[Measured], n_resamples: int, seed: int) -> list[Floats]:
    """For each measure its value under every resample. Units are drawn once for all measures."""
    rng = np.random.default_rng(seed)
    sizes = measures[0].sizes
    ratios = [np.empty((len(one.sums), len(sizes), n_resamples)) for one in measures]
    start = 0
    for weights in _unit_weights(rng, sizes.shape[1], n_resamples):
        end = start + len(weights)
        drawn_sizes = sizes @ weights.T
        for one, out in zip(measures, ratios, strict=True):
            drawn = (one.sums @ weights.T) / np.maximum(drawn_sizes, 1)
            # A resample without any unit of a stratum says nothing about it.
            out[:, :, start:end] = np.where(drawn_sizes > 0, drawn, one.ratios[:, :, None])
        start = end
    return [_mean_over_seeds(rng, out.mean(axis=1)) for out in ratios]


def _unit_weights(rng: np.random.Generator, n_units: int, n_resamples: int) -> Iterator[Floats]:
    """How often each unit is drawn: resamples × units, in chunks."""
    rows = max(1, CHUNK_CELLS // n_units)
    for start in range(0, n_resamples, rows):
        n = min(rows, n_resamples - start)
        drawn = rng.integers(0, n_units, (n, n_units)) + np.arange(n)[:, None] * n_units
        counts = np.bincount(drawn.ravel(), minlength=n * n_units)
        yield counts.reshape(n, n_units).astype(np.float64)


def _mean_over_seeds(rng: np.random.Generator, values: Floats) -> Floats:
    """`values` is seeds × resamples: each resample's mean over its own draw of seeds."""
    n_seeds, n_resamples = values.shape
    drawn = rng.integers(0, n_seeds, (max(1, n_seeds - 1), n_resamples))
    mean: Floats = np.take_along_axis(values, drawn, axis=0).mean(axis=0)
    return mean
