"""The 10-grams and short fields of all benchmarks, hashed, and the kernel that finds them.

A 10-gram counts if it has at least six distinct tokens, is not all digits, and occurs in at most
two distinct problems: what more problems share is phrasing, not a problem. A field of three to
nine tokens and twenty characters or more counts as a whole.

Hashes have 64 bits: with a million entries a false hit is expected once in 2e13 10-grams. Memory:
about 50 bytes a 10-gram, twice at the peak of building.
"""

import logging
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.decontaminate.benchmarks import Item
from stages.decontaminate.tokens import Tables, character_tables, next_token, token_hashes
from stages.kernels.arrow import Bytes, Offsets
from stages.kernels.shingles import mix

LOG = logging.getLogger(__name__)

N = 10
MIN_DISTINCT = 6
MAX_PROBLEMS = 2
MIN_SHORT_TOKENS = 3
MIN_SHORT_CHARACTERS = 20

FILTER_BITS = 23
"""1 MiB of bits asked before the table: most 10-grams of a document stop there."""

Hashes = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]
Found = npt.NDArray[np.int64]

_BASE = np.uint64(0x9E3779B97F4A7C15)


class Index(NamedTuple):
    """Open-addressing tables (`keys` 0 where empty) of 10-grams to items and of the last three
    tokens of short fields to ranges of `short_*`; `bits` says which 10-grams cannot be there."""

    bits: Bytes
    keys: Hashes
    items: Numbers
    tail_keys: Hashes
    tail_starts: Numbers
    short_tails: Hashes
    short_hashes: Hashes
    short_lengths: Numbers
    short_items: Numbers


def build_index(items: Sequence[Item]) -> Index:
    """The index of all items; an entry that several items share names the first of them."""
    problems: dict[tuple[str, ...], int] = {}
    grams: list[Hashes] = []
    owners: list[tuple[int, int, int]] = []
    short: dict[tuple[int, int, int], int] = {}
    guarded = set()
    for number, item in enumerate(items):
        name = item.kind.partition("/")[0]
        problem = problems.setdefault(item.problem, len(problems))
        for hashes, digits, text in _tokenised(item.texts):
            if len(hashes) >= N:
                found = _valid_grams(hashes, digits)
                grams.append(found)
                guarded.add(name)
                owners.append((len(found), problem, number))
            elif len(hashes) >= MIN_SHORT_TOKENS and len(text) >= MIN_SHORT_CHARACTERS:
                tail = int(gram_hash(hashes[-MIN_SHORT_TOKENS:]))
                short.setdefault((tail, len(hashes), int(gram_hash(hashes))), number)
                guarded.add(name)
    for name in sorted({item.kind.partition("/")[0] for item in items} - guarded):
        LOG.warning("%s: its fields are too short, nothing in it can match", name)
    kept, firsts = _rare(grams, owners)
    keys, values = _table(kept, firsts)
    bits = np.zeros(1 << (FILTER_BITS - 3), np.uint8)
    places = kept >> np.uint64(64 - FILTER_BITS)
    np.bitwise_or.at(
        bits,
        (places >> np.uint64(3)).astype(np.int64),
        np.left_shift(np.uint8(1), (places & np.uint64(7)).astype(np.uint8)),
    )
    entries = sorted((*key, number) for key, number in short.items())
    tails = np.array([entry[0] for entry in entries], np.uint64)
    distinct, starts = np.unique(tails, return_index=True)
    tail_keys, tail_starts = _table(distinct, starts.astype(np.int64))
    return Index(
        bits,
        keys,
        values,
        tail_keys,
        tail_starts,
        tails,
        np.array([entry[2] for entry in entries], np.uint64),
        np.array([entry[1] for entry in entries], np.int64),
        np.array([entry[3] for entry in entries], np.int64),
    )


def matches(offsets: Offsets, data: Bytes, index: Index) -> Found:
    """Where items occur, as rows of (row, start, end, item), in order; offsets are bytes of the
    row, overlapping occurrences of one item are one."""
    capacity = 1024
    while True:
        found = np.empty((capacity, 4), np.int64)
        needed = _match(offsets, data, character_tables(), index, found)
        if needed <= capacity:
            return found[:needed]
        capacity = needed


def _tokenised(
    texts: Iterable[str],
) -> Iterator[tuple[Hashes, npt.NDArray[np.bool_], str]]:
    for text in texts:
        composed = unicodedata.normalize("NFC", text).strip()
        data = np.frombuffer(composed.encode("utf-8", "replace"), np.uint8)
        hashes, digits = token_hashes(data, *character_tables())
        yield hashes, digits, composed


def _rare(grams: list[Hashes], owners: list[tuple[int, int, int]]) -> tuple[Hashes, Numbers]:
    """The 10-grams in at most two problems, ascending, and the first item of each."""
    if sum(map(len, grams)) == 0:
        return np.empty(0, np.uint64), np.empty(0, np.int64)
    values = np.concatenate(grams)
    lengths, problems, items = np.array(owners, np.int64).T
    problem = np.repeat(problems, lengths)
    item = np.repeat(items, lengths)
    order = np.lexsort((item, problem, values))
    values, problem, item = values[order], problem[order], item[order]
    is_new = np.ones(len(values), np.bool_)
    is_new[1:] = values[1:] != values[:-1]
    other = is_new.copy()
    other[1:] |= problem[1:] != problem[:-1]
    starts = np.flatnonzero(is_new)
    few = np.add.reduceat(other.astype(np.int64), starts) <= MAX_PROBLEMS
    return values[starts][few], np.minimum.reduceat(item, starts)[few]


def _table(keys: Hashes, values: Numbers) -> tuple[Hashes, Numbers]:
    size = 16
    while size < 2 * len(keys):
        size *= 2
    return _filled(keys, values, size)


@njit(cache=True, nogil=True)
def _filled(keys: Hashes, values: Numbers, size: int) -> tuple[Hashes, Numbers]:
    table = np.zeros(size, np.uint64)
    stored = np.zeros(size, np.int64)
    mask = np.uint64(size - 1)
    for index in range(len(keys)):
        place = keys[index] & mask
        while table[place] != 0:
            place = (place + np.uint64(1)) & mask
        table[place] = keys[index]
        stored[place] = values[index]
    return table, stored


@njit(cache=True, nogil=True)
def _look_up(table: Hashes, stored: Numbers, key: np.uint64) -> int:
    mask = np.uint64(len(table) - 1)
    place = key & mask
    while table[place] != 0:
        if table[place] == key:
            return int(stored[place])
        place = (place + np.uint64(1)) & mask
    return -1


# hashes uint64[n] -> one hash, never 0: the polynomial that _match rolls, finished by `mix`.
@njit(cache=True, nogil=True)
def gram_hash(hashes: Hashes) -> np.uint64:
    """The hash of a sequence of tokens."""
    value = np.uint64(0)
    for each in hashes:
        value = value * _BASE + each
    value = mix(value)
    return value if value != 0 else np.uint64(1)


# hashes uint64[n], digits bool[n] -> the hashes of the 10-grams that may count.
@njit(cache=True, nogil=True)
def _valid_grams(hashes: Hashes, digits: npt.NDArray[np.bool_]) -> Hashes:
    found = np.empty(len(hashes) - N + 1, np.uint64)
    count = 0
    for start in range(len(hashes) - N + 1):
        n_distinct = 0
        n_digits = 0
        for place in range(start, start + N):
            is_new = True
            for before in range(start, place):
                if hashes[before] == hashes[place]:
                    is_new = False
                    break
            n_distinct += is_new
            n_digits += digits[place]
        if n_distinct >= MIN_DISTINCT and n_digits < N:
            found[count] = gram_hash(hashes[start : start + N])
            count += 1
    return found[:count]


# offsets int64[n + 1], data uint8, tables, index, found int64[m, 4] -> how many rows `found` needs
# (those beyond m are not written). Replaces a set of token tuples; the oracle is in
# tests/stages/decontaminate/test_stage.py. State is the last ten tokens, whatever the row's size.
@njit(cache=True, nogil=True)
def _match(offsets: Offsets, data: Bytes, tables: Tables, index: Index, found: Found) -> int:
    ring = np.zeros(N, np.uint64)
    starts = np.zeros(N, np.int64)
    recent = np.zeros(N, np.uint64)
    leading = np.uint64(1)
    for _ in range(N):
        leading *= _BASE
    count = 0
    for row in range(len(offsets) - 1):
        first, end = offsets[row], offsets[row + 1]
        position = first
        n_tokens = 0
        rolling = np.uint64(0)
        row_count = count
        ring[:] = 0
        while True:
            value, start, position, _ = next_token(
                data, position, end, tables.classes, tables.lower
            )
            if value == 0:
                break
            slot = n_tokens % N
            rolling = rolling * _BASE + value - ring[slot] * leading
            ring[slot] = value
            starts[slot] = start
            n_tokens += 1
            if n_tokens >= N:
                key = mix(rolling)
                place = key >> np.uint64(64 - FILTER_BITS)
                if (
                    index.bits[np.int64(place >> np.uint64(3))] >> np.uint8(place & np.uint64(7))
                    & 1
                ):
                    item = _look_up(index.keys, index.items, key)
                    if item >= 0:
                        begin = starts[n_tokens % N] - first
                        count = _add(found, count, row_count, row, begin, position - first, item)
            if n_tokens < MIN_SHORT_TOKENS or len(index.short_hashes) == 0:
                continue
            tail = ring[(n_tokens - 3) % N] * _BASE + ring[(n_tokens - 2) % N]
            tail = mix(tail * _BASE + value)
            entry = _look_up(index.tail_keys, index.tail_starts, tail)
            if entry < 0:
                continue
            for back in range(N):
                recent[N - 1 - back] = ring[(n_tokens - 1 - back) % N]
            while entry < len(index.short_hashes) and index.short_tails[entry] == tail:
                length = index.short_lengths[entry]
                if (
                    length <= n_tokens
                    and gram_hash(recent[N - length :]) == index.short_hashes[entry]
                ):
                    begin = starts[(n_tokens - length) % N] - first
                    count = _add(
                        found,
                        count,
                        row_count,
                        row,
                        begin,
                        position - first,
                        index.short_items[entry],
                    )
                entry += 1
    return count


# Appends an occurrence, or lengthens the last one of the row if it is the same item and overlaps.
@njit(cache=True, nogil=True)
def _add(
    found: Found, count: int, row_count: int, row: int, start: int, end: int, item: int
) -> int:
    if row_count < count <= len(found):
        last = count - 1
        if found[last, 3] == item and start <= found[last, 2]:
            found[last, 1] = min(found[last, 1], start)
            found[last, 2] = max(found[last, 2], end)
            return count
    if count < len(found):
        found[count, 0] = row
        found[count, 1] = start
        found[count, 2] = end
        found[count, 3] = item
    return count + 1
