"""The sum that scores a document: over its words and their hashed n-grams, as fastText forms them.

`src/dictionary.cc` of fastText 0.9.2 (`hash`, `addWordNgrams`, `getLine`), for words that are
numbers: fastText hashes their decimal strings.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from numba import njit

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Tokens = npt.NDArray[np.uint32]

PRIME = np.uint64(116049371)
"""By which a hash of words is multiplied before the next word's is added."""


@njit(cache=True, nogil=True)
def token_hash(token: int) -> np.int32:  # pragma: no cover
    """fastText's hash of the decimal string of `token`."""
    divisor = 1
    while token // divisor >= 10:
        divisor *= 10
    value = np.uint32(2166136261)
    while divisor > 0:
        digit = (token // divisor) % 10
        value = np.uint32((value ^ np.uint32(48 + digit)) * np.uint32(16777619))
        divisor //= 10
    return np.int32(value)


@njit(cache=True, nogil=True)
def hash_tokens(tokens: Tokens) -> npt.NDArray[np.int32]:  # pragma: no cover
    """[n] int32: the hash of every token id."""
    hashes = np.empty(len(tokens), np.int32)
    for place in range(len(tokens)):
        hashes[place] = token_hash(int(tokens[place]))
    return hashes


@lru_cache(maxsize=2)
def hashes_below(n: int) -> npt.NDArray[np.int32]:
    """[n] int32: the hash of every token id below n; nobody writes to it."""
    return hash_tokens(np.arange(n, dtype=np.uint32))


END_HASH = np.int32(-677604519)
"""The hash of `</s>`."""


@njit(cache=True, nogil=True)
def _look_up(
    word_ids: Tokens, word_scores: Float32, token: int
) -> tuple[float, int]:  # pragma: no cover
    """The score of `token`, if `word_ids` (ascending) has it, and whether it has."""
    low, high = 0, len(word_ids)
    while low < high:
        middle = (low + high) // 2
        if word_ids[middle] < token:
            low = middle + 1
        else:
            high = middle
    if low < len(word_ids) and word_ids[low] == token:
        return float(word_scores[low]), 1
    return 0.0, 0


@njit(cache=True, nogil=True)
def sum_scores(
    offsets: npt.NDArray[np.int64],
    tokens: Tokens,
    hashes: npt.NDArray[np.int32],
    known: npt.NDArray[np.uint8],
    scores: Float32,
    word_ids: Tokens,
    word_scores: Float32,
    buckets: Float32,
    end_score: float,
    ngrams: int,
) -> Float64:  # pragma: no cover
    """The mean score of every document's rows, [n] float64.

    `offsets` int64 [n + 1] into `tokens` uint32; `hashes`, `known`, `scores` by token id, for the
    larger ones `word_scores` by place in `word_ids` (ascending); `buckets` by n-gram bucket.
    Replaces `fasttext.predict` up to the softmax; tests/stages/kernels/fasttext/test_scoring.py
    holds the two equal. The n-gram ending at a word extends the previous word's shorter n-gram, so
    each costs one multiplication; three sums keep the additions independent.
    """
    n = len(offsets) - 1
    result = np.zeros(n, np.float64)
    n_ids = len(hashes)
    n_buckets = np.uint64(len(buckets))
    mask = n_buckets - np.uint64(1)
    is_power = n_buckets & mask == np.uint64(0)
    for document in range(n):
        start, end = offsets[document], offsets[document + 1]
        n_words = end - start + 1
        words, pairs, triples = 0.0, 0.0, 0.0
        n_rows = 0
        previous = np.uint64(0)
        pair = np.uint64(0)
        for position in range(n_words):
            if position == n_words - 1:
                own = np.uint64(np.int64(END_HASH))
                if not np.isnan(end_score):
                    words += end_score
                    n_rows += 1
            else:
                token = tokens[start + position]
                if token < n_ids:
                    own = np.uint64(np.int64(hashes[token]))
                    words += scores[token]
                    n_rows += known[token]
                else:
                    own = np.uint64(np.int64(token_hash(int(token))))
                    score, is_known = _look_up(word_ids, word_scores, token)
                    words += score
                    n_rows += is_known
            if ngrams > 2 and position > 1:
                triple = pair * PRIME + own
                bucket = triple & mask if is_power else triple % n_buckets
                triples += buckets[bucket]
            if ngrams > 1 and position > 0:
                pair = previous * PRIME + own
                bucket = pair & mask if is_power else pair % n_buckets
                pairs += buckets[bucket]
            previous = own
        if ngrams > 1:
            n_rows += n_words - 1
        if ngrams > 2 and n_words > 2:
            n_rows += n_words - 2
        if n_rows > 0:
            result[document] = (words + pairs + triples) / n_rows
    return result
