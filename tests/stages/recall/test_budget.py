"""A budget of tokens raises a target's threshold."""

import json

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from stages.recall.budget import NOTHING_FITS, CountTokens, FindThresholds

PAGES = st.lists(
    st.tuples(st.floats(0, 1, allow_nan=False), st.integers(0, 10_000)), min_size=1, max_size=50
)


def threshold(pages, budget, parts=1):
    """The threshold that pages (probability, tokens) in some parts get."""
    step = CountTokens(("code",))
    counts = []
    for part in range(parts):
        own = pages[part::parts]
        batch = pa.record_batch(
            {
                "n_tokens": pa.array([n for _, n in own], pa.int32()),
                "score_code": pa.array([p for p, _ in own], pa.float64()),
            }
        )
        counts += step(iter([batch]))
    return json.loads(FindThresholds((("code", budget),))(iter(counts)))["code"]


@given(PAGES, st.integers(1, 50_000))
def test_pages_at_or_above_the_threshold_hold_no_more_than_the_budget(pages, budget):
    """And the next lower bin of log-odds would: the budget is met from below, to one bin."""
    found = threshold(pages, budget)
    taken = sum(n for p, n in pages if p >= found)
    assert taken <= budget
    with np.errstate(divide="ignore"):
        odds = [float(np.clip(np.log(p) - np.log1p(-p), -32, 32)) for p, _ in pages]
    if found != NOTHING_FITS and sum(n for _, n in pages) > budget:
        edge = np.log(found) - np.log1p(-found)
        below = [o for o, (p, n) in zip(odds, pages, strict=True) if n and o < edge]
        lower = max(below) - 2 / 1024
        assert sum(n for o, (_, n) in zip(odds, pages, strict=True) if o >= lower) > budget


@given(PAGES, st.integers(1, 50_000))
def test_parts_add_up(pages, budget):
    """One part or three, the threshold is the same."""
    assert threshold(pages, budget) == threshold(pages, budget, parts=3)


def test_a_first_page_above_the_budget_leaves_nothing():
    """A budget smaller than what shares the highest score recalls nothing."""
    assert threshold([(0.9, 10), (0.9, 10), (0.1, 1)], 15) == NOTHING_FITS
    assert 0.1 < threshold([(0.9, 10), (0.1, 10)], 15) <= 0.9
    assert threshold([(0.9, 10), (0.1, 5)], 15) < 0.1
