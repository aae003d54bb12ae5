"""Fill-in-the-middle against its definition."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stages.ablation.training.configuration import SpecialTokens
from stages.ablation.training.data.fim import draw, rearrange

SPECIAL = SpecialTokens(end=1000, fim_begin=1001, fim_hole=1002, fim_end=1003)


@given(st.binary(min_size=16, max_size=16), st.integers(0, 2**40), st.integers(0, 99))
def test_cuts_lie_in_the_document_and_depend_on_what_is_named(
    sample_id: bytes, seed: int, n_tokens: int
) -> None:
    """Same sample, seed and epoch: same cuts."""
    cuts = draw(sample_id, seed, 3, 1.0, n_tokens)
    assert cuts is not None
    assert 0 <= cuts[0] <= cuts[1] <= n_tokens
    assert draw(sample_id, seed, 3, 1.0, n_tokens) == cuts
    assert draw(sample_id, seed, 3, 0.0, n_tokens) is None


@given(st.lists(st.integers(0, 999), max_size=30), st.data())
def test_a_rearranged_document_is_prefix_suffix_middle(ids: list[int], data: st.DataObject) -> None:
    """With DeepSeek-Coder's sentinels, and the end of text last."""
    first, second = sorted(data.draw(st.tuples(*[st.integers(0, len(ids))] * 2)))
    found = rearrange(np.array(ids, np.uint32), (first, second), SPECIAL)
    prefix, middle, suffix = ids[:first], ids[first:second], ids[second:]
    assert found.tolist() == [1001, *prefix, 1002, *suffix, 1003, *middle, 1000]
    assert found.dtype == np.uint32


def test_an_undrawn_document_only_gets_its_end() -> None:
    """Nothing else is added."""
    assert rearrange(np.array([5, 6], np.uint32), None, SPECIAL).tolist() == [5, 6, 1000]


def test_rate_and_cuts_are_uniform() -> None:
    """Half of 4,000 documents are drawn, each boundary is cut as often as the others."""
    n_tokens = 3
    drawn = [draw(number.to_bytes(16, "big"), 0, 0, 0.5, n_tokens) for number in range(4000)]
    cuts = [cut for cut in drawn if cut is not None]
    assert abs(len(cuts) - 2000) < 4 * 32
    ends = np.bincount(np.array(cuts).ravel(), minlength=n_tokens + 1) / (2 * len(cuts))
    assert np.abs(ends - 0.25).max() < 0.03


def test_seed_and_epoch_change_the_cuts() -> None:
    """A document is not cut alike twice."""
    sample = bytes(16)
    cuts = {draw(sample, seed, epoch, 1.0, 10**6) for seed in range(10) for epoch in range(10)}
    assert len(cuts) == 100
