"""Elementary functions beside exact arithmetic, and the same bits on any processor."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.kernels.elementary import (
    exact_sum,
    exp,
    log,
    newton_sums,
    sigmoid,
    solve,
    weighted_columns,
)

EXP_BITS = [
    "0x1.3278bcd70e981p-54",
    "0x1.78b56362cef38p-2",
    "0x1.fffffff768fa1p-1",
    "0x1.1aec7b35a00d4p+0",
    "0x1.5bf0a8b14576ap+1",
    "0x1.4394144eeec81p+5",
    "0x1.ceb088b68e804p+28",
]
LOG_BITS = [
    "0x1.cf0f380bab162p+1",
    "0x0.0p+0",
    "-0x1.4b927f32bffb8p+4",
    "-0x1.26bb1bbb55515p+1",
    "0x0.0p+0",
    "0x1.4eeee650ae550p+0",
    "0x1.7f7427b73e391p+1",
]
NUMBERS = st.floats(-700, 700)
POSITIVE = st.floats(1e-300, 1e300)


def ulps(found: float, expected: float) -> float:
    """How many steps of the float format lie between the two."""
    return abs(found - expected) / math.ulp(expected)


@given(NUMBERS)
def test_exp_is_the_librarys_to_an_ulp(x):
    """Which itself is within one of the truth."""
    assert ulps(float(exp(x)), math.exp(x)) <= 2


@given(POSITIVE)
def test_log_is_the_librarys_to_an_ulp(x):
    """Also near 1, where it is small."""
    assert ulps(float(log(x)), math.log(x)) <= 2


def test_the_ends_of_the_ranges():
    """What is too small is 0, too large infinite."""
    assert exp([-np.inf, -1e9, 0.0, 1e9, np.inf]).tolist() == [0.0, 0.0, 1.0, np.inf, np.inf]
    assert log([0.0, 1.0, 2.0, np.inf]).tolist() == [-np.inf, 0.0, math.log(2), np.inf]
    assert np.isnan(log([-1.0, np.nan])).all()
    assert np.isnan(exp(np.nan))
    assert sigmoid([-1e9, 0.0, 1e9]).tolist() == [0.0, 0.5, 1.0]


def test_known_bits():
    """Any machine must find these."""
    values = np.array([-37.25, -1.0, -1e-9, 0.1, 1.0, 3.7, 20.0])
    assert [x.hex() for x in exp(values).tolist()] == EXP_BITS
    assert [x.hex() for x in log(np.abs(values)).tolist()] == LOG_BITS


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.randoms())
def test_an_exact_sum_has_no_order(values, random):
    """It is the rounded sum of the fractions."""
    expected = float(sum(map(Fraction, values)))
    shuffled = list(values)
    random.shuffle(shuffled)
    assert exact_sum(np.array(values)) == exact_sum(np.array(shuffled)) == expected


def test_small_linear_algebra_is_numpys():
    """Sums of products, weighted columns and the solution of normal equations."""
    random = np.random.default_rng(3)
    rows, weights = random.normal(size=(500, 6)), random.uniform(0.1, 1.0, 500)
    residuals = random.normal(size=500)
    gradient, hessian = newton_sums(rows, residuals, weights)
    assert gradient == pytest.approx(rows.T @ residuals)
    assert hessian == pytest.approx((rows * weights[:, None]).T @ rows)
    assert solve(hessian, gradient) == pytest.approx(np.linalg.solve(hessian, gradient))
    assert weighted_columns(rows, gradient.tolist()) == pytest.approx(rows @ gradient)
