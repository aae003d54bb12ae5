r"""Word shingles of UTF-8 text, without ever making a Python string.

A token is `\w+|[^\w\s]` by the Unicode rules of Python's `re`; with `cjk`, a character of a CJK
script is a token of its own. A shingle is a window of `ngram` tokens, hashed to 64 bits; a
document is the set of its shingles, and one shorter than the window (the empty one too) is a
single shingle made of all its tokens.

Every code point has a class, looked up in a table of 1.1 MB that is generated from Python's own
character predicates, so that the kernel splits exactly where the regular expression does. Tokens
are hashed by FNV-1a and a 64-bit finaliser, shingles by a rolling polynomial over the token
hashes and the same finaliser. Two different shingles among n share a hash with probability
n² / 2⁶⁵: 3e-8 for a million, so Jaccard on hashes is Jaccard on shingles.

Cost: 400-550 MB/s a core; scratch of 8 bytes a token plus a hash set of 16-32 bytes a token for
the largest document of a call.
"""

from functools import cache

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.kernels.arrow import Bytes, Offsets
from stages.kernels.code_points import N_CODE_POINTS, matching

SPACE, WORD, SYMBOL, IDEOGRAPH = 0, 1, 2, 3
"""Classes of code points: between tokens; part of a run; a token of its own; likewise, CJK."""

CJK_RANGES = (
    (0x2E80, 0x2FDF),  # CJK and Kangxi radicals
    (0x3005, 0x3007),  # ideographic iteration, closing and number zero
    (0x3021, 0x3029),  # Hangzhou numerals
    (0x3031, 0x303C),  # kana repeat marks
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x3100, 0x31BF),  # Bopomofo, Hangul compatibility jamo
    (0x31F0, 0x31FF),  # Katakana phonetic extensions
    (0x3400, 0x4DBF),  # CJK extension A
    (0x4E00, 0x9FFF),  # CJK unified ideographs
    (0xAC00, 0xD7AF),  # Hangul syllables
    (0xF900, 0xFAFF),  # CJK compatibility ideographs
    (0xFF66, 0xFFDC),  # half-width Katakana and Hangul
    (0x1AFF0, 0x1B16F),  # kana extensions and supplements
    (0x20000, 0x3FFFF),  # CJK extensions B and later
)
"""Code points that are tokens of their own with `cjk`, if they are word characters at all."""

Hashes = npt.NDArray[np.uint64]

_FNV_OFFSET = np.uint64(0xCBF29CE484222325)
_FNV_PRIME = np.uint64(0x100000001B3)
_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xFF51AFD7ED558CCD)
_MIX_2 = np.uint64(0xC4CEB9FE1A85EC53)
_SHIFT = np.uint64(33)
_ONE = np.uint64(1)
_BLOCK = 4096
"""Bytes between two looks at the room left for hashes."""


@cache
def character_classes(cjk: bool) -> npt.NDArray[np.uint8]:
    r"""The class of every code point, from the predicates behind `re`'s `\w` (`str.isalnum` and
    the underscore) and `\s` (`str.isspace`)."""
    classes = np.full(N_CODE_POINTS, SYMBOL, np.uint8)
    classes[matching(r"\s+")] = SPACE
    classes[matching(r"\w+")] = WORD
    if cjk:
        for first, last in CJK_RANGES:
            block = classes[first : last + 1]
            block[block == WORD] = IDEOGRAPH
    return classes


def distinct_shingles(
    offsets: Offsets, data: Bytes, ngram: int, cjk: bool
) -> tuple[Offsets, Hashes]:
    """The distinct shingle hashes of each string, in order of first occurrence: those of string i
    are `hashes[ends[i]:ends[i + 1]]` of the pair `(ends, hashes)` returned."""
    ends, hashes = _distinct_shingles(offsets, data, ngram, character_classes(cjk))
    return ends, hashes


@njit(cache=True, nogil=True)
def mix(value: np.uint64) -> np.uint64:
    """MurmurHash3's 64-bit finaliser: a bijection in which every bit depends on every bit."""
    value ^= value >> _SHIFT
    value *= _MIX_1
    value ^= value >> _SHIFT
    value *= _MIX_2
    return value ^ (value >> _SHIFT)


# data uint8, classes uint8[0x110000] -> hashes uint64 (the scratch given, or a longer one), count.
# Replaces `re.findall` and tuples of tokens; tests/stages/kernels/test_shingles.py compares sets.
@njit(cache=True, nogil=True)
def shingle_hashes(
    data: Bytes,
    start: int,
    end: int,
    classes: npt.NDArray[np.uint8],
    ngram: int,
    hashes: Hashes,
) -> tuple[Hashes, int]:
    """Hash every shingle of `data[start:end]`, repeats included, into the front of `hashes`."""
    hashes, n_tokens = _token_hashes(data, start, end, classes, hashes)
    leading = _ONE
    for _ in range(ngram - 1):
        leading *= _BASE
    for index in range(n_tokens):  # this loop and the last are for vector registers
        hashes[index] = mix(hashes[index])
    rolling = np.uint64(0)
    for index in range(min(ngram - 1, n_tokens)):
        rolling = rolling * _BASE + hashes[index]
    if n_tokens < ngram:
        hashes[0] = mix(rolling ^ mix(np.uint64(n_tokens + 1)))
        return hashes, 1
    count = n_tokens - ngram + 1
    for index in range(count):
        rolling = rolling * _BASE + hashes[index + ngram - 1]
        leaving = hashes[index] * leading
        hashes[index] = rolling
        rolling -= leaving
    for index in range(count):
        hashes[index] = mix(hashes[index])
    return hashes, count


@njit(cache=True, nogil=True)
def _token_hashes(
    data: Bytes, start: int, end: int, classes: npt.NDArray[np.uint8], hashes: Hashes
) -> tuple[Hashes, int]:
    """FNV-1a of each token. The ASCII loop has no branch that depends on the text: every byte
    stores the running hash in the slot of the token it belongs to. What depends on the text is
    masked, as LLVM makes a branch of an `if` that chooses between two values, and mispredicts one
    byte in four; indices are unsigned, as a signed one is looked at whether it counts from the end.
    Both together halve the time."""
    last = -1  # slot of the current token
    token = _FNV_OFFSET
    inside = False  # the previous code point was part of a run
    position = start
    while position < end:
        stop = min(position + _BLOCK, end)
        if last + 2 + _BLOCK > hashes.shape[0]:
            grown = np.empty(2 * hashes.shape[0] + _BLOCK, np.uint64)
            _copy(hashes[: last + 1], grown)
            hashes = grown
        at, n_tokens, was_word = np.uint64(position), np.uint64(last + 1), np.uint64(inside)
        while at < np.uint64(stop) and data[at] < 0x80:
            code_class = classes[data[at]]
            word = np.uint64(code_class == WORD)
            counts = np.uint64(code_class != SPACE)
            begins = counts & ~(word & was_word)
            n_tokens += begins
            new, moves = np.uint64(0) - begins, np.uint64(0) - counts  # all bits, or none
            before = (token & ~new) ^ (_FNV_OFFSET & new)
            token = (before ^ (np.uint64(data[at]) & moves)) * (
                _ONE + (moves & (_FNV_PRIME - _ONE))
            )
            hashes[n_tokens - np.uint64(n_tokens != 0)] = token
            was_word = word
            at += _ONE
        position, last, inside = int(np.int64(at)), int(np.int64(n_tokens)) - 1, was_word != 0
        while position < stop and data[position] >= 0x80:
            code_class, width = _class_at(data, position, end, classes)
            if code_class != SPACE:
                if not (inside and code_class == WORD):
                    last += 1
                    token = _FNV_OFFSET
                for index in range(position, position + width):
                    token = (token ^ np.uint64(data[index])) * _FNV_PRIME
                hashes[last] = token
            inside = code_class == WORD
            position += width
    return hashes, last + 1


@njit(cache=True, nogil=True)
def _copy(source: Hashes, target: Hashes) -> None:
    """To the front of `target`. An assignment to a slice takes Numba two seconds to compile: it
    brings along how to say that the shapes differ."""
    for index in range(source.shape[0]):
        target[index] = source[index]


@njit(cache=True, nogil=True)
def _class_at(
    data: Bytes, position: int, end: int, classes: npt.NDArray[np.uint8]
) -> tuple[int, int]:
    """Class and width in bytes of the code point outside ASCII that begins at `position`. The
    text is valid UTF-8 by Arrow's contract; bytes that are not read as symbols of one byte."""
    first = data[position]
    if first < 0xE0:
        width = 2
        code_point = np.int64(first & 0x1F)
    elif first < 0xF0:
        width = 3
        code_point = np.int64(first & 0x0F)
    else:
        width = 4
        code_point = np.int64(first & 0x07)
    if first < 0xC2 or position + width > end:
        return SYMBOL, 1
    for index in range(position + 1, position + width):
        code_point = (code_point << 6) | np.int64(data[index] & 0x3F)
    if code_point > 0x10FFFF:
        return SYMBOL, 1
    return classes[code_point], width


@njit(cache=True, nogil=True)
def keep_distinct(hashes: Hashes, count: int, table: Hashes) -> tuple[int, Hashes]:
    """Move the distinct values of `hashes[:count]` to its front, in order, with an open hash set
    in `table` (a power of two of slots, grown when under twice `count`); return their number."""
    used = 16
    while used < 2 * count:
        used *= 2
    if used > table.shape[0]:
        table = np.empty(used, np.uint64)
    table[:used] = 0
    mask = np.uint64(used - 1)
    n_distinct = 0
    for index in range(count):
        value = max(hashes[index], _ONE)  # zero marks a free slot
        slot = value & mask
        while table[slot] != 0 and table[slot] != value:
            slot = (slot + _ONE) & mask
        is_new = table[slot] == 0
        table[slot] = value
        hashes[n_distinct] = value
        n_distinct += is_new
    return n_distinct, table


@njit(cache=True, nogil=True)
def _distinct_shingles(
    offsets: Offsets, data: Bytes, ngram: int, classes: npt.NDArray[np.uint8]
) -> tuple[Offsets, Hashes]:
    n_texts = offsets.shape[0] - 1
    ends = np.zeros(n_texts + 1, np.int64)
    hashes = np.empty(1024, np.uint64)
    table = np.empty(2048, np.uint64)
    collected = np.empty(1024, np.uint64)
    for text in range(n_texts):
        hashes, count = shingle_hashes(
            data, offsets[text], offsets[text + 1], classes, ngram, hashes
        )
        count, table = keep_distinct(hashes, count, table)
        total = ends[text] + count
        if total > collected.shape[0]:
            grown = np.empty(max(total, 2 * collected.shape[0]), np.uint64)
            _copy(collected[: ends[text]], grown)
            collected = grown
        _copy(hashes[:count], collected[ends[text] :])
        ends[text + 1] = total
    return ends, collected[: ends[n_texts]]


# two ascending uint64 arrays of distinct values -> float64. Replaces len(a & b) / len(a | b).
@njit(cache=True, nogil=True)
def jaccard(left: Hashes, right: Hashes) -> float:
    """Exact Jaccard similarity of two sets given as sorted arrays; two empty sets are equal."""
    shared = 0
    i = 0
    j = 0
    while i < left.shape[0] and j < right.shape[0]:
        a = left[i]
        b = right[j]
        shared += a == b
        i += a <= b
        j += b <= a
    union = left.shape[0] + right.shape[0] - shared
    return shared / union if union else 1.0
