"""Signatures as datasketch reads them."""

import itertools
import random

import numpy as np
import pyarrow as pa
import pytest
from datasketch import LeanMinHash, MinHash, MinHashLSH

from schemas.dedup import N_PERMUTATIONS
from stages.dedup.measure import DedupMeasure
from stages.dedup.options import DedupOptions
from stages.kernels.arrow import utf8_buffers
from stages.kernels.minhash import permutations
from stages.kernels.shingles import distinct_shingles
from tests.stages.dedup.wording import jaccard, real_files, shingles


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Real files and copies of them in which a line was changed."""
    originals = [text for _, text in real_files(40) if len(text) > 500]
    generator = random.Random(3)
    copies = []
    for text in originals:
        lines = text.splitlines(keepends=True)
        lines[generator.randrange(len(lines))] = "another line\n"
        copies.append("".join(lines))
    return originals + copies


@pytest.fixture(scope="module")
def rows(texts: list[str]) -> list[np.ndarray]:
    measures = DedupMeasure(DedupOptions()).process(pa.record_batch({"text": pa.array(texts)}))
    return [np.array(row, np.uint32) for row in measures["signature"].to_pylist()]


def test_estimates_are_those_of_the_signature(texts, rows):
    """MinHash and LeanMinHash take a signature as it is stored and estimate the share of equal
    minima, which is near the exact similarity."""
    full = [MinHash(scheme="affine32", hashvalues=row) for row in rows]
    lean = [LeanMinHash(scheme="affine32", seed=1, hashvalues=row) for row in rows]
    sets = [shingles(text) for text in texts]
    errors = []
    for one, other in itertools.combinations(range(len(rows)), 2):
        estimate = np.mean(rows[one] == rows[other])
        assert estimate == full[one].jaccard(full[other]) == lean[one].jaccard(lean[other])
        errors.append(estimate - jaccard(sets[one], sets[other]))
    assert np.sqrt(np.mean(np.square(errors))) < 0.03


def test_an_index_finds_near_duplicates(texts, rows):
    """`MinHashLSH` over the signatures finds each file's changed copy."""
    lean = [LeanMinHash(scheme="affine32", seed=1, hashvalues=row) for row in rows]
    index = MinHashLSH(threshold=0.8, num_perm=N_PERMUTATIONS)
    half = len(lean) // 2
    for place, sketch in enumerate(lean[:half]):
        index.insert(place, sketch)
    near = [place for place in range(half) if lean[place].jaccard(lean[half + place]) > 0.9]
    assert len(near) > 5
    assert all(place in index.query(lean[half + place]) for place in near)


def test_the_scheme_is_affine32(texts, rows):
    """With our permutations datasketch makes the same signature of the same words."""
    factors, addends = permutations(N_PERMUTATIONS)
    offsets, data = utf8_buffers(pa.array(texts[:5]))
    ends, hashes = distinct_shingles(offsets, data, 5, False)
    for row, (start, end) in zip(rows, itertools.pairwise(ends.tolist()), strict=False):
        sketch = MinHash(
            num_perm=N_PERMUTATIONS,
            scheme="affine32",
            permutations=(factors, addends),
            hashfunc=lambda word: unmixed(int(word) >> 32),
        )
        sketch.update_batch(hashes[start:end])
        assert row.tolist() == sketch.hashvalues.tolist()


def unmixed(word: int) -> int:
    """What MurmurHash3's finaliser, with which datasketch begins, makes into `word`."""
    word ^= word >> 16
    word = word * pow(0xC2B2AE35, -1, 1 << 32) % (1 << 32)
    word ^= (word >> 13) ^ (word >> 26)
    word = word * pow(0x85EBCA6B, -1, 1 << 32) % (1 << 32)
    return word ^ (word >> 16)
