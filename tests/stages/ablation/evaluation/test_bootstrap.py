"""Intervals hold what they promise: checked against SciPy, brute force and known variances."""

import numpy as np
import pytest

from stages.ablation.evaluation.bootstrap import Interval, Measured, compare, estimate, ratio


def documents(seed: int, n: int = 300, gain: float = 0.1) -> tuple[np.ndarray, ...]:
    """Bits of two models on the same documents, most of whose spread is the documents' own."""
    rng = np.random.default_rng(seed)
    n_bytes = rng.integers(200, 4000, n).astype(float)
    hardness = rng.gamma(8.0, 0.3, n)
    a = n_bytes * (hardness + rng.normal(0, 0.1, n))
    b = n_bytes * (hardness - gain + rng.normal(0, 0.1, n))
    return a, b, n_bytes


def test_a_paired_difference_agrees_with_scipy() -> None:
    """SciPy's percentile bootstrap of the same statistic gives the same ends."""
    stats = pytest.importorskip("scipy.stats")
    a, b, n_bytes = documents(0)

    def difference(bits_a, bits_b, size, axis=-1):
        return (bits_b.sum(axis) - bits_a.sum(axis)) / size.sum(axis)

    expected = stats.bootstrap(
        (a, b, n_bytes),
        difference,
        paired=True,
        vectorized=True,
        n_resamples=8_000,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    found = compare(ratio(a, n_bytes), ratio(b, n_bytes), n_resamples=8_000).difference
    width = expected.high - expected.low
    assert found.value == pytest.approx(((b - a).sum()) / n_bytes.sum())
    assert found.low == pytest.approx(expected.low, abs=0.05 * width)
    assert found.high == pytest.approx(expected.high, abs=0.05 * width)


def test_pairing_makes_the_difference_sharper_than_its_parts() -> None:
    """The documents' own hardness cancels."""
    a, b, n_bytes = documents(2)
    found = compare(ratio(a, n_bytes), ratio(b, n_bytes))
    assert found.difference.excludes_zero
    assert found.difference.high < 0
    assert found.a.low < found.b.high, "the single intervals overlap"
    width = found.difference.high - found.difference.low
    assert width < (found.a.high - found.a.low) / 5


def test_weights_equal_a_loop_over_resamples() -> None:
    """Counting draws is the same as gathering rows, for several seeds and strata."""
    rng = np.random.default_rng(3)
    sums, sizes = rng.random((1, 2, 7)), rng.integers(1, 5, (2, 7)).astype(float)
    found = estimate(Measured(sums, sizes), n_resamples=400, seed=9)
    again = np.random.default_rng(9)
    drawn = again.integers(0, 7, (400, 7))
    values = [
        np.mean([sums[0, s, rows].sum() / sizes[s, rows].sum() for s in range(2)]) for rows in drawn
    ]
    assert found.low == pytest.approx(np.quantile(values, 0.025))
    assert found.high == pytest.approx(np.quantile(values, 0.975))


def test_coverage_over_documents_is_nominal() -> None:
    """Of 95 % intervals about 95 in 100 hold the true difference."""
    n, hits = 250, 0
    for trial in range(n):
        a, b, n_bytes = documents(100 + trial, n=120)
        found = compare(ratio(a, n_bytes), ratio(b, n_bytes), n_resamples=600, seed=trial)
        hits += found.difference.low <= -0.1 <= found.difference.high
    assert 0.90 <= hits / n <= 0.98


def test_the_spread_of_few_seeds_is_not_understated() -> None:
    """Where seeds are the only source of chance, the resampled variance is that of their mean;
    six of six seeds would give 5/6 of it."""
    variances = []
    for trial in range(600):
        seeds = np.random.default_rng(trial).normal(1.0, 0.1, 6)
        bits = np.repeat(seeds[:, None], 2, axis=1)
        found = estimate(ratio(bits, np.ones(2)), n_resamples=800, confidence=0.6827, seed=trial)
        variances.append(((found.high - found.low) / 2) ** 2)
    assert np.mean(variances) == pytest.approx(0.1**2 / 6, rel=0.1)


def test_seeds_of_a_corpus_are_resampled_apart_from_the_other_s() -> None:
    """The difference of two means of noisy seeds is as wide as both together."""
    bits_a = np.repeat([[0.9], [1.0], [1.1]], 50, axis=1)
    alone = estimate(ratio(bits_a, np.ones(50)))
    both = compare(ratio(bits_a, np.ones(50)), ratio(bits_a + 0.0, np.ones(50))).difference
    assert both.value == 0
    assert both.high - both.low > alone.high - alone.low


def test_a_stratum_counts_once_whatever_its_size() -> None:
    """An average over languages is the mean of their rates; a missing problem has size 0."""
    sums = np.array([[[1.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.0]]])
    sizes = np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 1.0, 0.0]])
    assert estimate(Measured(sums, sizes)).value == pytest.approx((3 / 4 + 1 / 2) / 2)


def test_the_same_seed_draws_the_same_interval() -> None:
    a, b, n_bytes = documents(5)
    pair = ratio(a, n_bytes), ratio(b, n_bytes)
    assert compare(*pair, seed=4) == compare(*pair, seed=4)
    assert compare(*pair, seed=4) != compare(*pair, seed=5)


def test_other_documents_are_refused() -> None:
    """A paired comparison of different held-out sets would be meaningless."""
    a, b, n_bytes = documents(6)
    with pytest.raises(ValueError, match="same units"):
        compare(ratio(a, n_bytes), ratio(b, n_bytes + 1))


def test_an_interval_reads_as_the_table_shows_it() -> None:
    bits = np.repeat([[0.123]], 10, axis=1)
    assert str(estimate(ratio(bits, np.ones(10)))) == "0.123 [0.123, 0.123]"
    assert str(Interval(-0.0001, -0.01, 0.01)) == "0.000 [-0.010, 0.010]"
