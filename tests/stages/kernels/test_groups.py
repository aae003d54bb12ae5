"""Grouping without sorting gives what sorting gives."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stages.kernels.groups import group, smallest

KEYS = st.lists(st.sampled_from([1, 2, 9, 8, 16, 2**63, 2**64 - 1, 2**40, 2**40 + 8]))


@given(KEYS)
def test_groups_are_those_of_unique(keys: list[int]) -> None:
    """Numbered by first appearance; colliding places do not merge keys."""
    array = np.array(keys, np.uint64)
    groups, first = group(array)
    _, expected, inverse = np.unique(array, return_index=True, return_inverse=True)
    assert sorted(first.tolist()) == sorted(expected.tolist())
    assert first.tolist() == sorted(first.tolist())
    assert (array[first[groups]] == array).all()
    assert len(set(zip(groups.tolist(), inverse.tolist(), strict=True))) == len(first)


@given(
    st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 2), st.integers(0, 9)), max_size=60),
    st.integers(1, 4),
)
def test_the_smallest_of_each_group(rows: list[tuple[int, int, int]], k: int) -> None:
    """As sorting would take them; equal keys stay in the order of rows."""
    groups = np.array([number for number, _, _ in rows], np.int32)
    words = np.array([pair for _, *pair in rows], np.uint64).reshape(-1, 2)
    found = smallest(groups, 4, words, k)
    for number in range(4):
        own = sorted(
            (r for r in range(len(rows)) if groups[r] == number), key=lambda r: rows[r][1:]
        )
        assert found[number].tolist() == (own + [-1] * k)[:k]
