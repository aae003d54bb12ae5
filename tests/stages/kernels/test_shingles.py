"""Shingles and MinHash against `re`, sets of tuples, NumPy and datasketch."""

import re
import sys

import datasketch
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.kernels.arrow import utf8_buffers
from stages.kernels.minhash import band_hashes, minimise, permutations, signatures
from stages.kernels.shingles import CJK_RANGES, character_classes, distinct_shingles, jaccard

CJK = "".join(f"{chr(first)}-{chr(last)}" for first, last in CJK_RANGES)
TOKEN = re.compile(r"\w+|[^\w\s]")
TOKEN_CJK = re.compile(rf"(?=\w)[{CJK}]|(?:(?![{CJK}])\w)+|[^\w\s]")

TEXTS = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="ab_ \n\t()1éß漢字カナ한글̈\u00a0\u3000\x1c\U00020000😀、", max_size=80),
)


def shingles(text: str, ngram: int, cjk: bool) -> set[tuple[str, ...]]:
    tokens = (TOKEN_CJK if cjk else TOKEN).findall(text)
    if len(tokens) < ngram:
        return {tuple(tokens)}
    return {tuple(tokens[i : i + ngram]) for i in range(len(tokens) - ngram + 1)}


def hashed(texts: list[str], ngram: int = 5, cjk: bool = False) -> list[set[int]]:
    buffers = utf8_buffers(pa.array(texts, pa.large_string()))
    ends, hashes = distinct_shingles(*buffers, ngram, cjk)
    assert len(texts) + 1 == len(ends)
    found = [hashes[ends[i] : ends[i + 1]].tolist() for i in range(len(texts))]
    assert all(len(set(values)) == len(values) for values in found)
    return [set(values) for values in found]


def test_classes_are_those_of_re():
    r"""Every code point that UTF-8 can hold is `\w`, `\s` or neither, as `re` says."""
    text = "".join(chr(c) for c in range(sys.maxunicode + 1) if not 0xD800 <= c < 0xE000)
    expected = np.full(sys.maxunicode + 1, 2, np.uint8)
    for pattern, code_class in ((r"\w", 1), (r"\s", 0)):
        found = [ord(character) for character in re.findall(pattern, text)]
        expected[found] = code_class
    valid = np.r_[0:0xD800, 0xE000 : sys.maxunicode + 1]
    np.testing.assert_array_equal(expected[valid], character_classes(False)[valid])


@settings(max_examples=400, deadline=None)
@given(TEXTS, TEXTS, st.sampled_from([1, 2, 5]), st.booleans())
def test_shingles_are_those_of_the_regular_expression(one, other, ngram, cjk):
    """As many distinct shingles as sets of tuples have, and as many shared ones."""
    sets = [shingles(text, ngram, cjk) for text in (one, other)]
    found = hashed([one, other], ngram, cjk)
    assert [len(s) for s in sets] == [len(s) for s in found]
    assert len(sets[0] & sets[1]) == len(found[0] & found[1])
    as_arrays = [np.array(sorted(s), np.uint64) for s in found]
    assert len(sets[0] & sets[1]) / len(sets[0] | sets[1]) == jaccard(*as_arrays)


@pytest.mark.parametrize("filler", ["x", "é", "漢", "+", "x y(", "é 漢+"])
def test_long_texts_cross_every_internal_block(filler):
    """Texts longer than a block are split as short ones are, with tokens across the seams."""
    for length in (4090, 4096, 4099, 9000):
        text = "a+b " + filler * (length // len(filler)) + " end of it"
        (found,) = hashed([text])
        assert len(shingles(text, 5, False)) == len(found)


def test_many_distinct_shingles():
    """Scratch grows with the document, and shrinks for none."""
    texts = [" ".join(map(str, range(n))) for n in (50_000, 3, 2_000)]
    assert [len(found) for found in hashed(texts)] == [49_996, 1, 1_996]


def test_slices_and_nulls():
    """A slice hashes as its own strings; a null as the empty text."""
    array = pa.array(["skip", "a b c d e f", None, "é f"], pa.string())
    ends, hashes = distinct_shingles(*utf8_buffers(array.slice(1)), 5, False)
    assert ends.tolist() == [0, 2, 3, 4]
    (empty,) = hashed([""])
    assert empty == set(hashes[2:3].tolist())


def test_short_documents_differ():
    """Documents shorter than the window are one shingle each, of all their tokens in order."""
    texts = ["", "a", "a a", "a b", "b a", "a b c d", "a b c d e", "ab", "a\tb"]
    found = hashed(texts)
    assert all(len(values) == 1 for values in found)
    assert len(texts) - 1 == len(set.union(*found))
    assert found[3] == found[-1]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=40))
def test_minimise_is_the_plain_minimum(values):
    """The kernel's minima are NumPy's."""
    hashes = np.array(values, np.uint64)
    factors, addends = permutations(256)
    minima = np.empty(256, np.uint32)
    minimise(hashes, factors, addends, minima)
    words = (hashes >> np.uint64(32)).astype(np.uint32)
    expected = (words[:, None] * factors + addends).min(axis=0)
    np.testing.assert_array_equal(expected, minima)


def test_permutations_are_fixed():
    """The constants never change: they are part of every signature ever written."""
    factors, addends = permutations(256)
    assert (factors % 2 == 1).all()
    assert 256 == len(set(factors.tolist())) == len(set(addends.tolist()))
    assert (int(factors[0]), int(addends[0])) == (3793791033, 3420220724)


def test_estimate_is_unbiased_and_as_sharp_as_datasketch():
    """Over many pairs the mean error is near zero and its spread that of 256 fair draws."""
    generator = np.random.default_rng(0)
    texts, exact, peer = [], [], []
    for _ in range(300):
        n_shared, n_own = int(generator.integers(20, 400)), int(generator.integers(0, 60))
        tokens = [f"t{value}" for value in generator.integers(0, 10**9, n_shared + 2 * n_own)]
        pair = [tokens[: n_shared + n_own], tokens[:n_shared] + tokens[n_shared + n_own :]]
        texts += [" ".join(side) for side in pair]
        sets = [shingles(text, 1, False) for text in texts[-2:]]
        exact.append(len(sets[0] & sets[1]) / len(sets[0] | sets[1]))
        theirs = []
        for one in sets:
            sketch = datasketch.MinHash(num_perm=256)
            sketch.update_batch([token.encode() for (token,) in one])
            theirs.append(sketch)
        peer.append(theirs[0].jaccard(theirs[1]))
    _, minima = signatures(*utf8_buffers(pa.array(texts)), 1, False, 256)
    estimate = (minima[0::2] == minima[1::2]).mean(axis=1)
    expected = np.array(exact)
    spread = np.sqrt(np.mean(expected * (1 - expected)) / 256)
    error = estimate - expected
    assert abs(error.mean()) < 3 * spread / np.sqrt(len(expected))
    assert 0.85 < np.sqrt(np.mean(error**2)) / spread < 1.15
    assert np.sqrt(np.mean(error**2)) < 1.2 * np.sqrt(np.mean((np.array(peer) - expected) ** 2))


def test_small_sets_are_estimated_without_bias():
    """Two sets of two that share one agree in a third of the permutations, on average."""
    texts = [f"k{i} {side}{i}" for i in range(400) for side in ("l", "r")]
    _, minima = signatures(*utf8_buffers(pa.array(texts)), 1, False, 256)
    agreement = (minima[0::2] == minima[1::2]).mean()
    assert agreement == pytest.approx(1 / 3, abs=0.01)


def test_band_hashes_agree_where_bands_do():
    """Equal bands have equal hashes in both documents, and no others are equal."""
    generator = np.random.default_rng(1)
    minima = generator.integers(0, 2**32, (3, 256), dtype=np.uint64).astype(np.uint32)
    minima[1, 30:60] = minima[0, 30:60]
    minima[2] = 7
    bands = band_hashes(minima, 25, 10)
    assert np.flatnonzero(bands[0] == bands[1]).tolist() == [3, 4, 5]
    assert len(set(bands[2].tolist())) == 25
