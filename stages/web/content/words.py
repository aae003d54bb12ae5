"""The words of class, id, role, itemprop and itemtype values, and what each tells of content.

A word is a run of ASCII letters, cut where a capital follows a small letter (`navBar-item2` is nav,
bar, item). `seeds/content_words.tsv` gives those seen on at least a handful of domains a weight:
how much likelier than the page's average text under such an element is content (-127 to 127).
"""

from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from stages.kernels.compiling import Ints, int64, kernel, uint64
from stages.web.tree.elements import FNV_OFFSET, FNV_PRIME, hash_table, name_hash

WordTable = npt.NDArray[np.int64]

SLOTS = 4096
"""Open addressing, a power of two, sparsely filled."""
LONGEST = 24
"""Letters of a word at most; longer runs are hashes and mean nothing."""


def word_table(weights: dict[str, int]) -> WordTable:
    """int64[2 * 4096]: the hashes of words (FNV-1a, 63 bits), then their weights."""
    values = ((name_hash(word) >> 1, weight) for word, weight in weights.items())
    return hash_table(values, SLOTS).view(np.int64)


@cache
def learned_words() -> WordTable:
    """The table that is shipped."""
    lines = files("seeds").joinpath("content_words.tsv").read_text("utf-8").splitlines()
    pairs = (line.split("\t") for line in lines if line and not line.startswith("#"))
    return word_table({word: int(weight) for word, weight in pairs})


@kernel
def next_word(html: Ints, position: int, stop: int) -> tuple[int, int]:
    """The next word of html[position:stop] as (start, end); (stop, stop) if there is none."""
    while position < stop:
        while position < stop and not 0x61 <= html[position] | 0x20 <= 0x7A:
            position += 1
        start = position
        while position < stop and 0x61 <= html[position] | 0x20 <= 0x7A:
            if position > start and html[position] < 0x61 <= html[position - 1]:
                break
            position += 1
        if 2 <= position - start <= LONGEST:
            return start, position
    return stop, stop


@kernel
def word_weight(html: Ints, start: int, stop: int, table: Ints) -> int:
    """The weight of the word html[start:stop], 0 if unknown."""
    key = uint64(FNV_OFFSET)
    for position in range(start, stop):
        key = (key ^ uint64(html[position] | 0x20)) * uint64(FNV_PRIME)
    wanted = int64(key >> uint64(1))
    slot = wanted & (SLOTS - 1)
    while table[slot] != 0:
        if table[slot] == wanted:
            return table[SLOTS + slot]
        slot = (slot + 1) & (SLOTS - 1)
    return 0
