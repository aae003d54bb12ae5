"""An index that finds every near-duplicate of a set and little else.

Prefix filtering (Chaudhuri, Ganti, Kaushik 2006; Bayardo, Ma, Srikant 2007): put the shingles of
every set in one order. If Jaccard is at least t, both sets share one of their first
n - ceil(t n) + 1 shingles: the rest of either is too short to hold what they must share. So only
these are indexed, and the order begins with the rarest: of a thousand pages made from one template
the first shingles are those that each page has to itself.

The order is by how often hashes fall in the shingle's place of a table of counts, then by the upper
44 bits of its hash; of shingles that are equal in both, all or none are in a prefix. So nothing is
lost to either: where the order is bad, more is compared.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.dedup.arrays import Int64
from stages.dedup.sets import similarity_from
from stages.kernels.shingles import Hashes

Counts = npt.NDArray[np.uint32]
Int32 = npt.NDArray[np.int32]
Float64 = npt.NDArray[np.float64]


class SetArrays(NamedTuple):
    """Set i is `hashes[ends[i]:ends[i + 1]]` (ascending) and of component `components[i]`; if
    `stays[i]`, it is near to none, whatever it is like."""

    ends: Int64
    hashes: Hashes
    components: Int64
    stays: npt.NDArray[np.bool_]


class Index(NamedTuple):
    """A hash table of posting lists."""

    heads: Int32
    """The first posting of each place, -1 where there is none; the place has a key if there is."""
    keys: Hashes
    following: Int32
    """The next posting of each, -1 at the end."""
    owners: Int32
    """Whose set each is of."""
    n_postings: Int64
    """One number."""


_COUNT_SHIFT = 44
_MAX_COUNT = (1 << (64 - _COUNT_SHIFT)) - 1


def count_shingles(hashes: Hashes) -> Counts:
    """uint32[a power of two]: how many shingles fall in each place."""
    places = 1 << max(10, min(24, (2 * len(hashes)).bit_length()))
    return _count(hashes, np.zeros(places, np.uint32))


def empty_index(n_postings: int) -> Index:
    """Room for so many postings."""
    places = 1 << (2 * n_postings + 1).bit_length()
    return Index(
        np.full(places, -1, np.int32),
        np.zeros(places, np.uint64),
        np.empty(n_postings, np.int32),
        np.empty(n_postings, np.int32),
        np.zeros(1, np.int64),
    )


# hashes uint64[n], counts uint32[a power of two] -> counts. Replaces np.bincount of the low bits.
@njit(cache=True, nogil=True)
def _count(hashes: Hashes, counts: Counts) -> Counts:
    mask = np.uint64(counts.shape[0] - 1)
    for place in range(hashes.shape[0]):
        counts[hashes[place] & mask] += np.uint32(1)
    return counts


# ends int64[sets + 1], hashes uint64 -> ends int64[sets + 1] of the prefixes, their keys uint64.
# The test compares it with a sort.
@njit(cache=True, nogil=True)
def prefixes(
    ends: Int64, hashes: Hashes, components: Int64, counts: Counts, threshold: float
) -> tuple[Int64, Hashes]:
    """The keys of the first shingles of every set; those of other components differ."""
    n_sets = ends.shape[0] - 1
    mask = np.uint64(counts.shape[0] - 1)
    prefix_ends = np.zeros(n_sets + 1, np.int64)
    out = np.empty(max(hashes.shape[0] // 4, 16), np.uint64)
    n_out = np.int64(0)
    for one in range(n_sets):
        size = ends[one + 1] - ends[one]
        keys = np.empty(size, np.uint64)
        for place in range(size):
            word = hashes[ends[one] + place]
            often = min(np.int64(counts[word & mask]), np.int64(_MAX_COUNT))
            keys[place] = (np.uint64(often) << np.uint64(_COUNT_SHIFT)) | (
                word >> np.uint64(64 - _COUNT_SHIFT)
            )
        length = size - np.int64(np.ceil(threshold * size - 1e-6)) + 1
        length = min(max(length, 1), size)
        last = _smallest(keys.copy(), length) if size > 0 else np.uint64(0)
        salt = np.uint64(components[one]) * np.uint64(0x9E3779B97F4A7C15)
        for place in range(size):
            if keys[place] <= last:
                if n_out == out.shape[0]:
                    larger = np.empty(2 * n_out, np.uint64)
                    for old in range(n_out):
                        larger[old] = out[old]
                    out = larger
                out[n_out] = keys[place] ^ salt
                n_out += 1
        prefix_ends[one + 1] = n_out
    return prefix_ends, out[:n_out].copy()


# keys uint64[n] (left in another order) -> the value that np.sort(keys)[rank - 1] has.
@njit(cache=True, nogil=True)
def _smallest(keys: Hashes, rank: int) -> np.uint64:
    low = 0
    high = keys.shape[0] - 1
    while low < high:
        pivot = keys[(low + high) // 2]
        i = low
        j = high
        while i <= j:
            while keys[i] < pivot:
                i += 1
            while keys[j] > pivot:
                j -= 1
            if i <= j:
                keys[i], keys[j] = keys[j], keys[i]
                i += 1
                j -= 1
        if rank - 1 <= j:
            high = j
        elif rank - 1 >= i:
            low = i
        else:
            break
    smallest: np.uint64 = keys[rank - 1]
    return smallest


# probed and held: sets; prefix_ends int64[n + 1], prefix_keys uint64: those of the probed, as
# `prefixes` gives them; the index is of those held -> nearest int64[n] (-1 where nothing was
# found), similarity float64[n]. The test compares it with the plain rule.
@njit(cache=True, nogil=True)
def find_nearest(
    probed: SetArrays,
    prefix_ends: Int64,
    prefix_keys: Hashes,
    held: SetArrays,
    index: Index,
    threshold: float,
    floor: float,
    grows: bool,
) -> tuple[Int64, Float64]:
    """The most similar of the sets in the index for each set, the first of them on a tie; it is
    the one that counts if it reaches `threshold`, and is told from `floor` on. If the index
    `grows`, those probed are those held, and each is added that is near to none before it."""
    ends, hashes, components, stays = probed
    held_ends, held_hashes, held_components, _ = held
    heads, keys, following, owners, n_postings = index
    n_sets = ends.shape[0] - 1
    mask = np.uint64(heads.shape[0] - 1)
    nearest = np.full(n_sets, -1, np.int64)
    similarity = np.zeros(n_sets, np.float64)
    seen = np.full(held_ends.shape[0] - 1, -1, np.int64)
    for one in range(n_sets):
        words = hashes[ends[one] : ends[one + 1]]
        size = words.shape[0]
        last = prefix_ends[one] if stays[one] else prefix_ends[one + 1]
        for at in range(prefix_ends[one], last):
            posting = heads[_place(keys, heads, prefix_keys[at], mask)]
            while posting >= 0:
                other = owners[posting]
                posting = following[posting]
                if seen[other] == one:
                    continue
                seen[other] = one
                other_size = held_ends[other + 1] - held_ends[other]
                if (
                    held_components[other] != components[one]
                    or min(size, other_size) / max(size, other_size) < threshold
                ):
                    continue
                found = similarity_from(
                    words, held_hashes[held_ends[other] : held_ends[other + 1]], floor
                )
                if found < 0:
                    continue
                nearer = found > similarity[one]
                if (
                    nearest[one] < 0
                    or nearer
                    or (found == similarity[one] and other < nearest[one])
                ):
                    nearest[one] = other
                    similarity[one] = found
        if grows and (nearest[one] < 0 or similarity[one] < threshold):
            for at in range(prefix_ends[one], prefix_ends[one + 1]):
                place = _place(keys, heads, prefix_keys[at], mask)
                posting = n_postings[0]
                keys[place] = prefix_keys[at]
                owners[posting] = one
                following[posting] = heads[place]
                heads[place] = posting
                n_postings[0] += 1
    return nearest, similarity


@njit(cache=True, nogil=True)
def _place(keys: Hashes, heads: Int32, key: np.uint64, mask: np.uint64) -> np.int64:
    place = (key ^ (key >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(20) & mask
    while heads[place] >= 0 and keys[place] != key:
        place = (place + np.uint64(1)) & mask
    return np.int64(place)
