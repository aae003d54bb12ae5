"""Corpora that make a search for near-duplicates slow or wrong."""

import random
from typing import Any

import pytest

from tests.stages.dedup.test_limits import check

LICENSE = " ".join(f"clause{i} shall{i % 7} apply{i % 11}" for i in range(60))


def named(texts: list[str]) -> list[dict[str, Any]]:
    return [{"name": str(i), "text": text, "stars": i % 9} for i, text in enumerate(texts)]


def words(n: int, seed: int) -> list[str]:
    generator = random.Random(seed)
    return [f"w{generator.randrange(10**6)}" for _ in range(n)]


def one_word_each(n_words: int, count: int) -> list[str]:
    """Pages of a template that differ in one word."""
    template = words(n_words, 1)
    middle = n_words // 2
    return [" ".join([*template[:middle], f"page{i}", *template[middle:]]) for i in range(count)]


CASES = {
    "identical": ([LICENSE] * 500, 1),
    "empty": ([""] * 300, 1),
    "one token repeated": (["spam " * n for n in range(1, 200)], 5),
    "short": (
        [" ".join(f"t{i % k}" for i in range(n)) for n in range(1, 7) for k in range(1, 7)] * 5,
        None,
    ),
    "differ in one word, long": (one_word_each(400, 400), 1),
    "differ in one word, short": (one_word_each(20, 400), 400),
    "differ in one word, just below": (one_word_each(50, 300), 300),
    "a third in one bucket": (
        [*one_word_each(20, 130), *(" ".join(words(40, i)) for i in range(270))],
        400,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_verdicts_are_right(deduplicate, name):
    """No false delete, none missed, and the expected number stays."""
    texts, expected = CASES[name]
    documents = named(texts)
    outcome = deduplicate(documents, shard_rows=100, batch_rows=50)
    if len(set(texts)) > 1:
        check(outcome, documents, 0.85)
    else:
        assert {"exact", None} == {row["reason"] for row in outcome.verdicts.values()}
    assert expected in (None, len(outcome.kept()))


def test_a_chain_of_a_thousand_is_one_component(deduplicate):
    """Each is like the next, and those further apart are not: about every second one stays, none
    is dropped for one that is not kept, and none is missed."""
    tokens = words(400, 5)
    texts = []
    for link in range(1_000):
        texts.append(" ".join(tokens))
        for change in range(4):
            tokens[(link * 4 + change) * 7 % 400] = f"x{link}_{change}"
    documents = named(texts)
    outcome = deduplicate(documents, shard_rows=500, batch_rows=100)
    n_dropped = check(outcome, documents, 0.85)
    assert 300 < n_dropped < 700
