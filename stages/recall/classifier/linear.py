"""Sluice's own trainer: fastText's supervised model of two labels with one dimension.

fastText learns a vector for every word and hashed n-gram and two for the labels. Of two labels only
the difference of their vectors counts, and from a start near zero every row grows along it: what is
learned has one dimension, whatever the file says. So here a row is one float x, the difference one
float d, a document's score is d · mean(x), and stochastic gradient descent moves both,

    a = rate · (label - sigmoid(score)),    x += a · d / n,    d += 2 · a · mean(x),

at a rate that falls to zero, over the same examples, n-grams, hashes and buckets as fastText's. The
end of the text is a word, too: its share of the mean says how short a text is (without it the best
F1 of code across domains falls from 0.920 to 0.904). `benchmarks/recall_trainers.py` runs both:
fastText's F1 is within 0.004 or lower, its CPU time 15 to 22 times as long (here 40 M tokens/s a
core and epoch).

One thread, operations that IEEE 754 fixes, sums in a fixed order: the bytes are the same on every
machine. Memory: 12 bytes a token of the documents, 4 a bucket.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.contract.telling import tell
from stages.kernels.elementary import exp_in_place
from stages.kernels.fasttext.ngrams import (
    END_HASH,
    PRIME,
    Float32,
    Tokens,
    hash_tokens,
    hashes_below,
)
from stages.kernels.fasttext.scoring import KNOWN_IDS, MAX_NGRAMS, TABLED_IDS, Collapsed
from stages.recall.classifier.recipe import NEGATIVE, POSITIVE, Recipe
from stages.recall.classifier.windows import Ranges, TrainingExamples

START = 1.0
"""Of the difference d; fastText's begins at zero and its words at random. From 0.3 to 3 the F1 on
unknown domains is the same within 0.005."""


def train_linear(examples: TrainingExamples, recipe: Recipe, buckets: int) -> Collapsed:
    """A model of two labels; `buckets` is a power of two."""
    ids, hashes, places = _vocabulary(examples.values)
    rows = _rows_of(places, examples.ranges, len(ids), recipe.min_count)
    n_words = int(rows.max()) + 1
    scores, difference = np.zeros(n_words + 1 + buckets, np.float32), START
    for epoch in range(recipe.epochs):
        tell(f"epoch {epoch + 1} of {recipe.epochs}, {len(examples.ranges):,} examples")
        difference = _descend(
            scores,
            difference,
            places,
            hashes,
            rows,
            examples.ranges,
            examples.positive,
            n_words,
            recipe.learning_rate,
            epoch,
            recipe.epochs,
        )
    np.multiply(scores, difference, out=scores, dtype=np.float64, casting="same_kind")
    return Collapsed(
        labels=(NEGATIVE, POSITIVE),
        ngrams=MAX_NGRAMS,
        word_ids=ids[rows >= 0],
        word_scores=scores[None, :n_words].copy(),
        end_scores=scores[n_words : n_words + 1].copy(),
        bucket_scores=scores[None, n_words + 1 :].copy(),
    )


def _vocabulary(
    values: Tokens,
) -> tuple[Tokens, npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Ids, ascending, with their hashes, and the place of every token among them. Small ids are
    their own places."""
    n_ids = max(KNOWN_IDS, int(values.max()) + 1)
    if n_ids <= TABLED_IDS:
        return np.arange(n_ids, dtype=np.uint32), hashes_below(n_ids), values.astype(np.int64)
    ids, places = np.unique(values, return_inverse=True)
    return ids, hash_tokens(ids), places.astype(np.int64)


@njit(cache=True, nogil=True)
def _rows_of(
    places: npt.NDArray[np.int64], ranges: Ranges, n_ids: int, min_count: int
) -> npt.NDArray[np.int64]:  # pragma: no cover
    """[n_ids]: the row of every id that the examples have often enough, in order, or -1."""
    counts = np.zeros(n_ids, np.int64)
    for example in range(len(ranges)):
        for token in range(ranges[example, 0], ranges[example, 1]):
            counts[places[token]] += 1
    n_rows = np.int64(0)
    for place in range(n_ids):
        is_word = counts[place] >= min_count
        counts[place] = n_rows if is_word else -1
        n_rows += is_word
    return counts


@njit(cache=True, nogil=True)
def _descend(
    x: Float32,
    d: float,
    places: npt.NDArray[np.int64],
    hashes: npt.NDArray[np.int32],
    rows: npt.NDArray[np.int64],
    ranges: Ranges,
    positive: npt.NDArray[np.bool_],
    n_words: int,
    learning_rate: float,
    epoch: int,
    epochs: int,
) -> float:  # pragma: no cover
    """One pass over the examples, the `epoch`th of `epochs`; returns the difference.

    `x` float32 [n_words + 1 + n_buckets], the rows of the words, of `</s>` and of the buckets, is
    changed. `places` int64 [n_tokens] into `hashes` int32 and `rows` int64 [n_ids]; `ranges` int64
    [n, 2] into `places`, `positive` bool [n]. Replaces `fasttext.train_supervised`;
    tests/stages/recall/classifier/test_linear.py compares with plain Python.
    """
    mask = np.uint64(len(x) - n_words - 2)
    longest, total = np.int64(0), np.int64(0)
    for example in range(len(ranges)):
        length = ranges[example, 1] - ranges[example, 0]
        longest = max(longest, length)
        total += length
    used = np.empty(3 * (longest + 1), np.int64)
    power = np.empty(1)
    n_seen = epoch * total
    for example in range(len(ranges)):
        start, end = ranges[example, 0], ranges[example, 1]
        n = _list_rows(places, hashes, rows, start, end, n_words, mask, used)
        mean = _sum_of(x, used, n) / n
        power[0] = -d * mean
        exp_in_place(power)
        label = 1.0 if positive[example] else 0.0
        rate = learning_rate * (1.0 - n_seen / (epochs * total))
        error = rate * (label - 1.0 / (1.0 + power[0]))
        step = np.float32(error * d / n)
        for place in range(n):
            x[used[place]] += step
        d += 2.0 * error * mean
        n_seen += end - start
    return d


@njit(cache=True, nogil=True)
def _list_rows(
    places: npt.NDArray[np.int64],
    hashes: npt.NDArray[np.int32],
    rows: npt.NDArray[np.int64],
    start: int,
    end: int,
    n_words: int,
    mask: np.uint64,
    used: npt.NDArray[np.int64],
) -> np.int64:  # pragma: no cover
    """Writes the rows of an example's words and n-grams to `used`; returns how many there are."""
    previous, pair = np.uint64(0), np.uint64(0)
    n = np.int64(0)
    for token in range(start, end + 1):
        if token == end:
            own, row = np.uint64(np.int64(END_HASH)), np.int64(n_words)
        else:
            place = places[token]
            own, row = np.uint64(np.int64(hashes[place])), rows[place]
        if row >= 0:
            used[n] = row
            n += 1
        if token > start + 1:
            used[n] = n_words + 1 + np.int64((pair * PRIME + own) & mask)
            n += 1
        if token > start:
            pair = previous * PRIME + own
            used[n] = n_words + 1 + np.int64(pair & mask)
            n += 1
        previous = own
    return n


@njit(cache=True, nogil=True)
def _sum_of(x: Float32, used: npt.NDArray[np.int64], n: np.int64) -> float:  # pragma: no cover
    """The sum of the rows listed; three sums keep the additions independent."""
    first, second, third = 0.0, 0.0, 0.0
    whole = n - n % 3
    for place in range(0, whole, 3):
        first += x[used[place]]
        second += x[used[place + 1]]
        third += x[used[place + 2]]
    for place in range(whole, n):
        first += x[used[place]]
    return first + second + third
