"""What the kernels of the encoder share, as pointers, and how large it is.

All memory is fixed but for what is reserved by the longest text of a call: 46 bytes for each of its
bytes, which only a text that is one word would touch.
"""

from typing import NamedTuple

from stages.kernels.compiling import Ints, uint64

FACTOR = uint64(0x9E37_79B9_7F4A_7C15)
"""Fibonacci hashing: the upper bits of a product with it are a slot's number."""

(N_ENDS, N_IDS, N_CACHED, N_SPILLED, N_KEPT, N_WHOLE, STAMP, COUNTS) = range(8)
"""Places in `State.counts`: ends of words of the stretch at hand, ids written, words in the cache,
ids and bytes stored beside it, words that are tokens without merges, which sources compiled the
kernel; and how many places there are."""

(WAY, CONTRACTIONS, SUFFIXED, PUNCTUATED, MAX_NUMBERS, SPACED_NUMBERS, SLASH, RULES) = range(8)
"""Places in `State.rules`: which of the ways below words are parted in, and what sets a family's
apart (`families`): contractions, and whether they end words instead of being some; words behind a
mark of ASCII; how many numbers are one word, and whether a space may stand before them; whether
slashes may follow marks' line ends; and how many places there are."""
WAY_DEEPSEEK_V2, WAY_FAMILY, WAY_WHOLE = range(3)
"""By `splitting`, by `alternatives`, or not at all."""
EXACT_CASE, ANY_CASE = 1, 2
"""Of contractions."""

(UPPER, LOWER, NUMBER, MARK, BLANK, PREFIX, LINE_END, ISOLATED) = (1 << bit for bit in range(8))
"""Bits of a code point's class in a family."""

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
    `kept` bytes (`words`). `ids` is what comes out, `counts` and `rules` what the constants above
    name. Words that are tokens although no merges make them: their bytes, one behind the other
    (`whole`), the places in between (`whole_places`) and `whole_ids`."""

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
    rules: Ints
    whole: Ints
    whole_places: Ints
    whole_ids: Ints
