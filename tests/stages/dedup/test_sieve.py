"""Comparing sets, each piece against its plain definition."""

import itertools

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.dedup.arrays import document_numbers
from stages.dedup.prefixes import count_shingles, prefixes
from stages.dedup.sets import Sets, similarity_from
from stages.dedup.sieve import Kept, sieve
from stages.dedup.verify import compare_all

WORD = st.integers(0, 2**64 - 1)
SETS = st.lists(st.sets(st.integers(0, 25), min_size=1, max_size=20), min_size=1, max_size=25)


def jaccard(a: set[int], b: set[int]) -> float:
    return len(a & b) / len(a | b)


def hashed(value: int) -> int:
    return (value + 1) * 0x9E3779B97F4A7C15 % 2**64


def as_sets(
    given_sets: list[set[int]], components: list[int] | None = None, n_earlier: int = 0
) -> Sets:
    ends = np.cumsum([0, *map(len, given_sets)])
    words = [sorted(map(hashed, one)) for one in given_sets]
    hashes = np.array(list(itertools.chain(*words)), np.uint64)
    component = pa.array(components or [0] * len(given_sets), pa.int64())
    runs = np.arange(len(given_sets)) < n_earlier
    document = document_numbers(np.zeros(len(runs), np.int64), np.arange(len(runs)), runs)
    return Sets(pa.table({"component": component, "document": document}), ends, hashes)


@given(st.sets(WORD, max_size=40), st.sets(WORD, max_size=40), st.floats(0, 1))
def test_similarity_is_exact_from_the_floor_on(one, other, floor):
    """It is that of the sets, or -1 where that is below the floor."""
    shared = set(list(one)[::2])
    left, right = one | other, shared | other
    if not left | right:
        return
    expected = jaccard(left, right)
    found = similarity_from(
        np.array(sorted(left), np.uint64), np.array(sorted(right), np.uint64), floor
    )
    assert found == (expected if expected >= floor else -1)


@settings(max_examples=100, deadline=None)
@given(SETS, st.sampled_from([0.3, 0.85, 1.0]))
def test_near_sets_share_a_key_of_their_prefixes(given_sets, threshold):
    """A prefix is the first n - ceil(t n) + 1 shingles in the order of counts and hashes, and two
    sets at the threshold have a key in common."""
    sets = as_sets(given_sets)
    counts = count_shingles(sets.hashes)
    ends, keys = prefixes(sets.ends, sets.hashes, sets.components, counts, threshold)
    chosen = [set(keys[a:b].tolist()) for a, b in itertools.pairwise(ends.tolist())]
    mask = len(counts) - 1
    for one, prefix in zip(given_sets, chosen, strict=True):
        order = sorted((int(counts[hashed(v) & mask]) << 44 | hashed(v) >> 20) for v in one)
        length = len(one) - int(np.ceil(threshold * len(one) - 1e-6)) + 1
        assert prefix == set(order[: max(1, length)])
    for (a, one), (b, other) in itertools.combinations(zip(given_sets, chosen, strict=True), 2):
        if jaccard(a, b) >= threshold:
            assert one & other


def plain_sieve(
    given_sets: list[set[int]], components: list[int], threshold: float, n_earlier: int = 0
) -> list[int]:
    """For each set the most similar kept one of its component at the threshold, or -1; the first
    `n_earlier` are kept."""
    kept: list[int] = []
    result = []
    for place, one in enumerate(given_sets):
        options = [
            (-jaccard(one, given_sets[k]), k)
            for k in kept
            if components[k] == components[place] and jaccard(one, given_sets[k]) >= threshold
        ]
        options = options if place >= n_earlier else []
        result.append(min(options)[1] if options else -1)
        if not options:
            kept.append(place)
    return result


@settings(max_examples=200, deadline=None)
@given(SETS, st.sampled_from([0.2, 0.5, 0.85, 1.0]), st.data())
def test_sieve_compares_with_the_kept_alone(given_sets, threshold, data):
    """In order of preference, each is dropped for the most similar kept one of its component; those
    of an earlier run are not."""
    components = sorted(data.draw(st.sampled_from([0, 1])) for _ in given_sets)
    n_earlier = data.draw(st.integers(0, len(given_sets)))
    nearest, similarity = sieve(as_sets(given_sets, components, n_earlier), threshold)
    found = [
        near if how >= threshold else -1
        for near, how in zip(nearest.tolist(), similarity.tolist(), strict=True)
    ]
    assert plain_sieve(given_sets, components, threshold, n_earlier) == found
    for place, near in enumerate(nearest.tolist()):
        if near >= 0:
            assert similarity[place] == jaccard(given_sets[place], given_sets[near])


@settings(max_examples=100, deadline=None)
@given(SETS, SETS, st.sampled_from([0.2, 0.5, 0.85, 1.0]))
def test_kept_sets_find_whom_they_drop(held, probed, threshold):
    """Others are compared with all kept ones."""
    kept = [
        one
        for one, near in zip(held, plain_sieve(held, [0] * len(held), threshold), strict=True)
        if near < 0
    ]
    _, similarity = Kept(as_sets(kept), threshold).nearest(as_sets(probed))
    for one, found in zip(probed, similarity.tolist(), strict=True):
        best = max(jaccard(one, other) for other in kept)
        assert (best if best >= threshold else None) == (found if found >= threshold else None)


@settings(max_examples=60, deadline=None)
@given(SETS, st.floats(0, 1), st.data())
def test_all_pairs_of_a_component_are_compared(given_sets, floor, data):
    """Every pair that reaches the floor, once, with its similarity."""
    components = sorted(data.draw(st.integers(0, 3)) for _ in given_sets)
    sets = as_sets(given_sets, components)
    starts = np.flatnonzero(np.diff(sets.components, prepend=-1, append=99))
    left, right, similarity = compare_all(starts, sets.ends, sets.hashes, floor, 400)
    expected = {
        (i, j): jaccard(given_sets[i], given_sets[j])
        for i, j in itertools.combinations(range(len(given_sets)), 2)
        if components[i] == components[j] and jaccard(given_sets[i], given_sets[j]) >= floor
    }
    found = dict(zip(zip(left.tolist(), right.tolist(), strict=True), similarity, strict=True))
    assert expected == found
    assert len(found) == len(left)
