"""Draws by identity for many documents at once.

`schemas.identity.seeded_hash` of one document costs a microsecond of Python, and every page of a
crawl is drawn from in every iteration. xxh3_64 of 16 bytes is a few instructions (`xxhash.h`,
version 0.8: `XXH3_len_9to16_64b`): 20 ns a document here.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from schemas.columns import DOC_ID

Words = npt.NDArray[np.uint64]

WORDS = 2
"""Of 8 bytes, in an identity."""

_FLIP_LOW = np.uint64(0x1F67B3B7A4A44072 ^ 0x78E5C0CC4EE679CB)
_FLIP_HIGH = np.uint64(0x2172FFCC7DD05A82 ^ 0x8E2443F7744608B8)
"""Bytes 24 to 56 of xxh3's secret, in pairs."""


def identity_words(doc_ids: pa.Array) -> Words:
    """[n, 2]: the identities (none null) as little-endian words; of `DOC_ID` without a copy."""
    doc_ids = doc_ids.cast(DOC_ID)
    data = doc_ids.buffers()[1]
    if data is None or not len(doc_ids):
        return np.zeros((0, WORDS), np.uint64)
    first = doc_ids.offset * WORDS
    words = np.frombuffer(data, "<u8")[first : first + len(doc_ids) * WORDS]
    return np.asarray(words.reshape(-1, WORDS), np.uint64)


def seeded_hashes(seed: int, doc_ids: pa.Array) -> Words:
    """`schemas.identity.seeded_hash` of every identity, [n]."""
    return np.asarray(_hashes(identity_words(doc_ids), np.uint64(seed)), np.uint64)


@njit(cache=True, nogil=True)
def _hashes(words: Words, seed: np.uint64) -> Words:  # pragma: no cover
    """words uint64 [n, 2]; xxh3_64 with a seed of each row's 16 bytes, uint64 [n].
    tests/stages/kernels/test_identity.py compares them with the library's."""
    result = np.empty(len(words), np.uint64)
    for index in range(len(words)):
        low = words[index, 0] ^ (_FLIP_LOW + seed)
        high = words[index, 1] ^ (_FLIP_HIGH - seed)
        value = np.uint64(16) + _swap(low) + high + _folded(low, high)
        value ^= value >> np.uint64(37)
        value *= np.uint64(0x165667919E3779F9)
        result[index] = value ^ (value >> np.uint64(32))
    return result


@njit(cache=True, nogil=True)
def _swap(value: np.uint64) -> np.uint64:  # pragma: no cover
    """The word's bytes in the other order."""
    eight, sixteen, half = np.uint64(8), np.uint64(16), np.uint64(32)
    odd = np.uint64(0x00FF00FF00FF00FF)
    value = ((value >> eight) & odd) | ((value & odd) << eight)
    pairs = np.uint64(0x0000FFFF0000FFFF)
    value = ((value >> sixteen) & pairs) | ((value & pairs) << sixteen)
    return (value >> half) | (value << half)


@njit(cache=True, nogil=True)
def _folded(a: np.uint64, b: np.uint64) -> np.uint64:  # pragma: no cover
    """The product's upper 64 bits xor its lower ones."""
    half, ones = np.uint64(32), np.uint64(0xFFFFFFFF)
    low, high = (a & ones) * (b & ones), (a >> half) * (b >> half)
    cross, other = (a >> half) * (b & ones), (a & ones) * (b >> half)
    carried = (low >> half) + (cross & ones) + other
    upper = (cross >> half) + (carried >> half) + high
    return upper ^ ((carried << half) | (low & ones))
