"""Finds features in a table, and sums what they speak for.

A feature that the table lacks is found out in one probe or two: the slots are half empty. What a
text has is counted first, so that each of its features is weighted once. Nine tenths of a text's
entries are those of a few hundred features that most classes have: these have a whole row each,
which is added eight classes at a time.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.kernels.arrow import Bytes, Offsets
from stages.kernels.languages.features import PER_BYTE, hash_features

Int64 = npt.NDArray[np.int64]

MOST_ROWS = 16_384
"""Whole rows at most, so that their sums fit into 32 bits: a weight is below 2^8, a logarithm's
multiple below 2^9."""
_ROW_PART = 5
"""A feature that one class in so many has, has a whole row."""


@njit(cache=True, nogil=True)
def slots(features: npt.NDArray[np.uint32]) -> npt.NDArray[np.int32]:  # pragma: no cover
    """int32 [a power of two, at least twice the features]: where each feature (uint32) is, by the
    low bits of its hash and then the next free slot; -1 where none is."""
    size = 2
    while size < 2 * len(features):
        size *= 2
    table = np.full(size, -1, np.int32)
    for place in range(len(features)):
        slot = np.int64(features[place]) & (size - 1)
        while table[slot] >= 0:
            slot = (slot + 1) & (size - 1)
        table[slot] = place
    return table


@njit(cache=True, nogil=True)
def find(
    table: npt.NDArray[np.int32], features: npt.NDArray[np.uint32], feature: np.uint32
) -> int:  # pragma: no cover
    """The place of `feature` in `features`, or -1; `table` is `slots(features)`."""
    size = len(table)
    slot = np.int64(feature) & (size - 1)
    while table[slot] >= 0:
        if features[table[slot]] == feature:
            return int(table[slot])
        slot = (slot + 1) & (size - 1)
    return -1


@njit(cache=True, nogil=True)
def find_all(
    table: npt.NDArray[np.int32],
    features: npt.NDArray[np.uint32],
    wanted: npt.NDArray[np.uint32],
) -> npt.NDArray[np.int32]:  # pragma: no cover
    """int32: the place of each of `wanted` in `features`, or -1."""
    places = np.empty(len(wanted), np.int32)
    for k in range(len(wanted)):
        places[k] = find(table, features, wanted[k])
    return places


def whole_rows(
    starts: Int64,
    entry_classes: npt.NDArray[np.uint16],
    entry_weights: npt.NDArray[np.uint8],
    n_classes: int,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """int32 [features] which row a common feature has, -1 for others; uint8 [rows, n_classes] its
    weights. A class has one entry of a feature at most."""
    common = np.flatnonzero(_ROW_PART * np.diff(starts) >= max(n_classes, 1))[:MOST_ROWS]
    row_of = np.full(len(starts) - 1, -1, np.int32)
    row_of[common] = np.arange(len(common), dtype=np.int32)
    rows = np.zeros((len(common), n_classes), np.uint8)
    for row, feature in enumerate(common.tolist()):
        entries = slice(starts[feature], starts[feature + 1])
        rows[row, entry_classes[entries]] = entry_weights[entries]
    return row_of, rows


@njit(cache=True, nogil=True)
def sum_weights(
    offsets: Offsets,
    data: Bytes,
    limit: int,
    byte_classes: npt.NDArray[np.uint8],
    logarithms: npt.NDArray[np.int32],
    table: npt.NDArray[np.int32],
    features: npt.NDArray[np.uint32],
    starts: Int64,
    entry_classes: npt.NDArray[np.uint16],
    entry_weights: npt.NDArray[np.uint8],
    row_of: npt.NDArray[np.int32],
    rows: npt.NDArray[np.uint8],
) -> tuple[Int64, Int64]:  # pragma: no cover
    """int64 [n, classes] the sums of weights, int64 [n] the sums of logarithms, for the first
    `limit` bytes of every text. By dictionaries: tests/stages/language/classifier/test_model.py."""
    n, n_classes = len(offsets) - 1, rows.shape[1]
    longest = 0
    for text in range(n):
        longest = max(longest, min(offsets[text + 1] - offsets[text], limit))
    buffer = np.empty(PER_BYTE * longest + 1, np.uint32)
    seen = np.zeros(len(features), np.int32)
    touched = np.empty(len(features), np.int32)
    sums = np.zeros((n, n_classes), np.int64)
    lengths = np.zeros(n, np.int64)
    common = np.zeros(n_classes, np.int32)
    for text in range(n):
        end = min(offsets[text + 1], offsets[text] + limit)
        n_hashes = hash_features(data, offsets[text], end, byte_classes, buffer)
        n_touched = 0
        for k in range(n_hashes):
            place = find(table, features, buffer[k])
            if place >= 0:
                if seen[place] == 0:
                    touched[n_touched] = place
                    n_touched += 1
                seen[place] += 1
        own = sums[text]
        common[:] = 0
        for k in range(n_touched):
            place = touched[k]
            weight = np.int64(logarithms[min(seen[place], len(logarithms) - 1)])
            lengths[text] += weight
            seen[place] = 0
            if row_of[place] >= 0:
                row, narrow = rows[row_of[place]], np.int32(weight)
                for kind in range(n_classes):
                    common[kind] += narrow * np.int32(row[kind])
                continue
            for entry in range(starts[place], starts[place + 1]):
                own[entry_classes[entry]] += weight * np.int64(entry_weights[entry])
        for kind in range(n_classes):
            own[kind] += common[kind]
    return sums, lengths
