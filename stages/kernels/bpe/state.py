"""What the kernels of the encoder share, as pointers, and how large it is.

All memory is fixed but for what is reserved by the longest text of a call: 46 bytes for each of its
bytes, which only a text that is one word would touch.
"""

from typing import NamedTuple

from stages.kernels.compiling import Ints, uint64

FACTOR = uint64(0x9E37_79B9_7F4A_7C15)
"""Fibonacci hashing: the upper bits of a product with it are a slot's number."""

(N_ENDS, N_IDS, N_CACHED, N_SPILLED, N_KEPT, STAMP, COUNTS) = range(7)
"""Places in `State.counts`: ends of words of the line at hand, ids written, words in the cache, ids
and bytes stored beside it, which sources compiled the kernel; and how many places there are."""

CACHE_BITS = 19
CACHE_SLOTS = 1 << CACHE_BITS
MAX_CACHED = CACHE_SLOTS // 2
SLOT_WORDS = 4
"""A slot of the cache (16 MiB in all): the word's first and last eight bytes (of a long one a hash,
and where its bytes are kept), its size with the number of its ids and where they are spilled, and
up to two ids."""
MAX_SPILLED = 1 << 21
MAX_KEPT = 1 << 23
LONGEST_CACHED = 255
"""Bytes of a word; a longer one is hardly met again."""


class State(NamedTuple):
    """`data`: the UTF-8 of all texts, `n` bytes. Of the pre-tokenizer, `byte_kinds` of 256 bytes
    and `classes` of all code points (`splitting`), and for the stretch at hand each character's
    class (`kinds`), place (`places`) and whether it begins a word (`cuts`); `ends` of the line's
    words. Of the model, ids of bytes (`symbols`), values of `byte_pairs`, and `pairs`, 2 **
    `pair_bits` slots of key and value (`merging`); for the word at hand its ids (`word`), their
    neighbours (`before`, `behind`) and the merges that wait (`queue`). `cache`, `spilled` ids and
    `kept` bytes (`words`). `ids` is what comes out, `counts` what the constants above name."""

    data: Ints
    n: int
    byte_kinds: Ints
    classes: Ints
    kinds: Ints
    places: Ints
    cuts: Ints
    ends: Ints
    symbols: Ints
    byte_pairs: Ints
    pairs: Ints
    pair_bits: int
    word: Ints
    before: Ints
    behind: Ints
    queue: Ints
    cache: Ints
    spilled: Ints
    kept: Ints
    ids: Ints
    counts: Ints
