"""The words seen lately and their ids, so that only a new word is merged.

Open addressing in fixed memory. When half the slots are taken, or the room beside them, all is
forgotten: what is frequent is back at once, and no text depends on what stood before it.
"""

from stages.kernels.bpe.merging import merge
from stages.kernels.bpe.state import (
    CACHE_BITS,
    CACHE_SLOTS,
    FACTOR,
    LONGEST_CACHED,
    MAX_CACHED,
    MAX_KEPT,
    MAX_SPILLED,
    N_CACHED,
    N_IDS,
    N_KEPT,
    N_SPILLED,
    N_WHOLE,
    SLOT_WORDS,
    State,
)
from stages.kernels.compiling import Ints, inlined, int64, kernel, uint64, unaligned

_OTHER_FACTOR = uint64(0xC2B2_AE3D_27D4_EB4F)
_HALF = uint64(32)
_SHIFT = uint64(64 - CACHE_BITS)
_LAST = uint64(CACHE_SLOTS - 1)
_ONE, _EIGHT, _ZERO = uint64(1), uint64(8), uint64(0)
_SIXTEEN, _BYTE = uint64(16), uint64(0xFF)
_LOW = uint64(0xFFFF_FFFF)


@inlined
def encode_word(s: State, start: int, stop: int) -> None:
    """Append the ids of the word between two places of the text."""
    size = stop - start
    if size == 1:
        s.ids[s.counts[N_IDS]] = s.symbols[s.data[start]]
        s.counts[N_IDS] += 1
        return
    if size > LONGEST_CACHED:
        _append_merged(s, merge(s, start, stop))
        return
    head, tail = _key(s.data, s.n, start, size)
    slot = _slot(head, tail, size)
    while True:
        place = int64(slot) * SLOT_WORDS
        about = s.cache[place + 2]
        if about == _ZERO:
            break
        if s.cache[place] == head and about & _BYTE == uint64(size):
            if size <= 16 and s.cache[place + 1] == tail:
                _append_known(s, place, about)
                return
            if size > 16 and _is_kept(s, start, size, int64(s.cache[place + 1])):
                _append_known(s, place, about)
                return
        slot = (slot + _ONE) & _LAST
    _encode_new(s, int64(slot), start, size)


@kernel
def _encode_new(s: State, slot: int, start: int, size: int) -> None:
    """Append the ids of a word that is not in the cache, and put it into a free slot."""
    n = merge(s, start, start + size)
    _append_merged(s, n)
    _remember(s, slot, start, size, n)


@inlined
def _slot(head: int, tail: int, size: int) -> int:
    """Where the search for a word begins."""
    return ((head ^ (tail + uint64(size)) * _OTHER_FACTOR) * FACTOR) >> _SHIFT


@inlined
def _key(data: Ints, n: int, start: int, size: int) -> tuple[int, int]:
    """Of a word in `n` bytes the first and the last eight of up to sixteen; of more, a hash and
    zero."""
    if size <= 8:
        if start + 8 <= n:
            return unaligned(data, start) << (uint64(8 - size) * _EIGHT), _ZERO
        head = _ZERO
        for i in range(size):
            head |= uint64(data[start + i]) << (uint64(8 - size + i) * _EIGHT)
        return head, _ZERO
    head, tail = unaligned(data, start), unaligned(data, start + size - 8)
    if size <= 16:
        return head, tail
    for i in range(8, size - 8, 8):
        head = (head ^ unaligned(data, start + i)) * FACTOR
        head ^= head >> _HALF
    return (head ^ tail) * FACTOR, _ZERO


@kernel
def _is_kept(s: State, start: int, size: int, place: int) -> bool:
    """Whether a word of more than sixteen bytes is the one kept at a place."""
    for i in range(0, size - 8, 8):
        if unaligned(s.data, start + i) != unaligned(s.kept, place + i):
            return False
    return bool(unaligned(s.data, start + size - 8) == unaligned(s.kept, place + size - 8))


@inlined
def _append_known(s: State, place: int, about: int) -> None:
    """Append the ids of a slot."""
    n = int64(about >> _EIGHT & _BYTE)
    end = s.counts[N_IDS]
    s.counts[N_IDS] = end + n
    if n <= 2:
        both = s.cache[place + 3]
        s.ids[end] = both & _LOW
        if n == 2:
            s.ids[end + 1] = both >> _HALF
        return
    spilled = int64(about >> _SIXTEEN)
    for i in range(n):
        s.ids[end + i] = s.spilled[spilled + i]


@kernel
def _append_merged(s: State, n: int) -> None:
    end = s.counts[N_IDS]
    s.counts[N_IDS] = end + n
    for i in range(n):
        s.ids[end + i] = s.word[i]


@kernel
def _remember(s: State, slot: int, start: int, size: int, n: int) -> None:
    """Put a word of which the first `n` items of `word` are the ids into a slot that is free."""
    spilled, kept = s.counts[N_SPILLED], s.counts[N_KEPT]
    if s.counts[N_CACHED] >= MAX_CACHED or spilled + n > MAX_SPILLED or kept + size > MAX_KEPT:
        begin_cache(s)
        return
    head, tail = _key(s.data, s.n, start, size)
    ids = uint64(s.word[0]) | uint64(s.word[1] if n > 1 else 0) << _HALF
    about = uint64(size) | uint64(n) << _EIGHT | uint64(spilled) << _SIXTEEN
    _fill(s, s.data, start, slot, head, tail, about, ids)
    if n > 2:
        for i in range(n):
            s.spilled[spilled + i] = s.word[i]
        s.counts[N_SPILLED] = spilled + n


@kernel
def begin_cache(s: State) -> None:
    """Forget all words but those that are tokens without merges."""
    for i in range(CACHE_SLOTS):
        s.cache[i * SLOT_WORDS + 2] = _ZERO
    s.counts[N_CACHED] = s.counts[N_SPILLED] = s.counts[N_KEPT] = 0
    n = s.whole_places[s.counts[N_WHOLE]]
    for i in range(s.counts[N_WHOLE]):
        start = s.whole_places[i]
        size = s.whole_places[i + 1] - start
        head, tail = _key(s.whole, n, start, size)
        slot = int64(_slot(head, tail, size))
        while s.cache[slot * SLOT_WORDS + 2] != _ZERO:
            slot = (slot + 1) & (CACHE_SLOTS - 1)
        about = uint64(size) | _ONE << _EIGHT
        _fill(s, s.whole, start, slot, head, tail, about, uint64(s.whole_ids[i]))


@inlined
def _fill(
    s: State, data: Ints, start: int, slot: int, head: int, tail: int, about: int, ids: int
) -> None:
    size = int64(about & _BYTE)
    if size > 16:
        kept = s.counts[N_KEPT]
        tail = uint64(kept)
        for i in range(size):
            s.kept[kept + i] = data[start + i]
        s.counts[N_KEPT] = kept + size
    s.counts[N_CACHED] += 1
    place = slot * SLOT_WORDS
    s.cache[place], s.cache[place + 1] = head, tail
    s.cache[place + 2], s.cache[place + 3] = about, ids
