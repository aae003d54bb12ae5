"""Sluice's own trainer against plain Python."""

import math
from dataclasses import replace

import numpy as np
import pytest

from stages.kernels.fasttext.ngrams import END_HASH, token_hash
from stages.recall.classifier.linear import START, train_linear
from stages.recall.classifier.recipe import SMALL
from stages.recall.classifier.windows import TrainingExamples, draw_examples

BUCKETS = 1 << 12
MULTIPLIER = 116049371


def features(tokens, words):
    """The words and the hashed n-grams of one example, as fastText lists them."""
    hashes = [int(token_hash(token)) % 2**64 for token in tokens] + [int(END_HASH) % 2**64]
    found = [("word", token) for token in tokens if token in words] + ["end"]
    for place in range(1, len(hashes)):
        pair = (hashes[place - 1] * MULTIPLIER + hashes[place]) % 2**64
        found.append(pair % BUCKETS)
        if place > 1:
            before = (hashes[place - 2] * MULTIPLIER + hashes[place - 1]) % 2**64
            found.append((before * MULTIPLIER + hashes[place]) % 2**64 % BUCKETS)
    return found


def trained_in_python(examples, recipe):
    """Feature → score."""
    lines = [examples.values[start:end].tolist() for start, end in examples.ranges.tolist()]
    counts = {}
    for token in (token for line in lines for token in line):
        counts[token] = counts.get(token, 0) + 1
    words = {token for token, count in counts.items() if count >= recipe.min_count}
    x, d, seen, total = {}, START, 0, sum(map(len, lines))
    for _ in range(recipe.epochs):
        for line, label in zip(lines, examples.positive.tolist(), strict=True):
            used = features(line, words)
            mean = sum(x.get(one, 0.0) for one in used) / len(used)
            rate = recipe.learning_rate * (1 - seen / (recipe.epochs * total))
            error = rate * (label - 1 / (1 + math.exp(-d * mean)))
            for one in used:
                x[one] = x.get(one, 0.0) + error * d / len(used)
            d += 2 * error * mean
            seen += len(line)
    return words, {one: value * d for one, value in x.items()}


@pytest.mark.parametrize("scale", [1, 10_000_019])
def test_scores_are_those_of_the_formulas(topic, scale):
    """Words, n-grams, `</s>` and the falling rate; also for ids that are hashes of words."""
    drawn = draw_examples(topic(6, 1, 0), topic(4, 2, 200), replace(SMALL, window=20), seed=3)
    examples = TrainingExamples(drawn.values * np.uint32(scale), drawn.ranges, drawn.positive)
    recipe = replace(SMALL, epochs=2)
    model = train_linear(examples, recipe, BUCKETS)
    words, scores = trained_in_python(examples, recipe)
    assert model.word_ids.tolist() == sorted(words)
    expected = [scores[("word", token)] for token in sorted(words)]
    np.testing.assert_allclose(model.word_scores[0], expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(model.end_scores[0], scores["end"], rtol=1e-3)
    buckets = [scores.get(bucket, 0.0) for bucket in range(BUCKETS)]
    np.testing.assert_allclose(model.bucket_scores[0], buckets, rtol=1e-3, atol=1e-5)


def test_examples_are_balanced_and_all_are_seen(topic):
    """The smaller class is repeated evenly up to half the larger one's size."""
    examples = draw_examples(topic(30, 1, 0), topic(4, 2, 200), SMALL, seed=0)
    positives = examples.ranges[examples.positive]
    assert (len(positives), (~examples.positive).sum()) == (8, 8)
    assert np.unique(positives, axis=0, return_counts=True)[1].tolist() == [2, 2, 2, 2]
