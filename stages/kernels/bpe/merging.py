"""Byte-pair merges of one word: again and again the pair of lowest rank, of equals the first.

Pairs of ids lie in one table of open addressing, with their rank and what they become. A short word
is searched for its lowest rank after each merge; a long one keeps its pairs in a heap, so that
16 MiB without a break take n log n and not n².
"""

import numpy as np
import numpy.typing as npt

from stages.kernels.bpe.state import FACTOR, State
from stages.kernels.compiling import inlined, int64, kernel, uint64

Table = npt.NDArray[np.uint64]
Symbols = npt.NDArray[np.int32]
"""Ids of the 256 bytes, -1 of one that has none."""
Merges = npt.NDArray[np.int64]
"""(n, 3): ids of the left, the right and the merged, by rank."""

SHORT = 96
"""Bytes up to which searching is faster than a heap."""

_NOTHING = uint64(0xFFFF_FFFF_FFFF_FFFF)
_LOW = uint64(0xFFFF_FFFF)
_HALF = uint64(32)
_WIDTH = uint64(64)


def pair_table(merges: Merges) -> tuple[Table, int]:
    """The table of merges, uint64 (slots, 2), and the number of bits of a slot's number. Of a pair
    that stands there twice the later rank counts, as in the library."""
    bits = max(4, (2 * len(merges)).bit_length())
    left, right, to = merges.T.astype(np.uint64)
    values = np.arange(len(merges), dtype=np.uint64) << _HALF | to
    keys, last = np.unique((left << _HALF | right)[::-1], return_index=True)
    values = values[::-1][last]
    table = np.full((1 << bits, 2), _NOTHING, np.uint64)
    slots = (keys * FACTOR) >> (_WIDTH - uint64(bits))
    while len(keys):
        _, chosen = np.unique(slots, return_index=True)
        chosen = chosen[table[slots[chosen], 0] == _NOTHING]
        table[slots[chosen]] = np.stack([keys[chosen], values[chosen]], axis=1)
        waiting = np.ones(len(keys), np.bool_)
        waiting[chosen] = False
        keys, values = keys[waiting], values[waiting]
        slots = (slots[waiting] + uint64(1)) & uint64(len(table) - 1)
    return table, bits


def byte_pair_table(merges: Merges, symbols: Symbols) -> Table:
    """The same of two bytes side by side, which every word begins with: uint64 (65536)."""
    n_ids = int(max(merges.max(initial=0), symbols.max())) + 1
    byte_of = np.full(n_ids, -1, np.int64)
    byte_of[symbols[symbols >= 0]] = np.flatnonzero(symbols >= 0)
    first, second = byte_of[merges[:, 0]], byte_of[merges[:, 1]]
    ranks = np.flatnonzero((first >= 0) & (second >= 0))
    table = np.full(1 << 16, _NOTHING, np.uint64)
    table[first[ranks] << 8 | second[ranks]] = ranks << 32 | merges[ranks, 2]
    return table


@kernel
def merge(s: State, start: int, stop: int) -> int:
    """Write the ids of a word into `word`; returns how many."""
    n = stop - start
    for i in range(n - 1):
        first, second = int64(s.data[start + i]), int64(s.data[start + i + 1])
        s.word[i] = s.symbols[first]
        s.queue[i] = s.byte_pairs[first << 8 | second]
    s.word[n - 1] = s.symbols[s.data[stop - 1]]
    return _search(s, n) if n <= SHORT else _pop(s, n)


@inlined
def _rank(s: State, left: int, right: int) -> int:
    """Rank and merged id of a pair, in the halves of a number; _NOTHING without one."""
    key = uint64(left) << _HALF | uint64(right)
    slot = (key * FACTOR) >> (_WIDTH - uint64(s.pair_bits))
    last = (uint64(1) << uint64(s.pair_bits)) - uint64(1)
    while True:
        place = int64(slot) << 1
        found = s.pairs[place]
        if found == key:
            return s.pairs[place + 1]
        if found == _NOTHING:
            return found
        slot = (slot + uint64(1)) & last


@kernel
def _search(s: State, n: int) -> int:
    """Merge a short word; `queue` holds each pair's rank."""
    s.queue[n - 1] = _NOTHING
    while n > 1:
        best = int64(0)
        lowest = s.queue[0]
        for i in range(1, n - 1):
            if s.queue[i] < lowest:
                best, lowest = i, s.queue[i]
        if lowest == _NOTHING:
            break
        s.word[best] = lowest & _LOW
        for i in range(best + 1, n - 1):
            s.word[i] = s.word[i + 1]
            s.queue[i] = s.queue[i + 1]
        n -= 1
        if best > 0:
            s.queue[best - 1] = _rank(s, s.word[best - 1], s.word[best])
        s.queue[best] = _rank(s, s.word[best], s.word[best + 1]) if best < n - 1 else _NOTHING
    return n


@kernel
def _pop(s: State, n: int) -> int:
    """Merge a long word; `queue` is a heap of ranks with the place of each left id. What a merge
    has changed meanwhile is seen when it is popped: the pair there has another rank."""
    size = int64(0)
    for i in range(n):
        s.before[i], s.behind[i] = i - 1, i + 1
    for i in range(n - 1):
        size = _push(s, size, i, s.queue[i])
    while size > 0:
        top = s.queue[0]
        size -= 1
        _sift(s, size)
        left = int64(top & _LOW)
        right = int64(s.behind[left]) if s.word[left] >= 0 else n
        if right >= n:
            continue
        rank = _rank(s, s.word[left], s.word[right])
        if rank == _NOTHING or rank >> _HALF != top >> _HALF:
            continue
        s.word[left] = rank & _LOW
        s.word[right] = -1
        behind = int64(s.behind[right])
        s.behind[left] = behind
        if behind < n:
            s.before[behind] = left
            size = _push(s, size, left, _rank(s, s.word[left], s.word[behind]))
        before = int64(s.before[left])
        if before >= 0:
            size = _push(s, size, before, _rank(s, s.word[before], s.word[left]))
    written = int64(0)
    i = int64(0)
    while i < n:
        following = int64(s.behind[i])
        s.word[written] = s.word[i]
        written += 1
        i = following
    return written


@kernel
def _push(s: State, size: int, place: int, rank: int) -> int:
    """Put a pair into the heap if it has a rank; returns the heap's size."""
    if rank == _NOTHING:
        return size
    number = (rank >> _HALF) << _HALF | uint64(place)
    i = size
    while i > 0 and s.queue[(i - 1) >> 1] > number:
        s.queue[i] = s.queue[(i - 1) >> 1]
        i = (i - 1) >> 1
    s.queue[i] = number
    return size + 1


@kernel
def _sift(s: State, size: int) -> None:
    """Fill the heap's top with its last item, which stands at `size`."""
    number = s.queue[size]
    i = int64(0)
    child = int64(1)
    while child < size:
        if child + 1 < size and s.queue[child + 1] < s.queue[child]:
            child += 1
        if s.queue[child] >= number:
            break
        s.queue[i] = s.queue[child]
        i = child
        child = 2 * i + 1
    s.queue[i] = number
