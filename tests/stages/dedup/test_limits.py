"""Whole corpora of clusters, however the work is cut, against brute force."""

import itertools
import random
from typing import Any

import pytest

from stages.dedup.limits import Limits

TINY = Limits(
    text_rows=7,
    band_rows=500,
    link_documents=5,
    component_documents=9,
    few=2,
    cell_shingles=300,
    task_shingles=3_000,
    pair_documents=4,
    drop_rows=6,
)
LIMITS = {
    "default": Limits(),
    "tiny": TINY,
    "few": Limits(few=3),
    "many": Limits(few=1_000, band_rows=100),
    "huge": Limits(few=1, task_shingles=2_500),
}


def shingles(text: str) -> set[tuple[str, ...]]:
    tokens = text.split()
    if len(tokens) < 5:
        return {tuple(tokens)}
    return {tuple(tokens[i : i + 5]) for i in range(len(tokens) - 4)}


def jaccard(a: set[Any], b: set[Any]) -> float:
    return len(a & b) / len(a | b)


def clusters(generator: random.Random, sizes: list[int], length: int) -> list[dict[str, Any]]:
    """Texts of which each was copied from one of its cluster, with a few words changed."""
    documents = []
    for cluster, size in enumerate(sizes):
        family = [[f"w{generator.randrange(10**6)}" for _ in range(length)]]
        while len(family) < size:
            copy = list(generator.choice(family[-3:]))
            for _ in range(generator.randint(1, 2)):
                copy[generator.randrange(length)] = f"x{generator.randrange(10**6)}"
            family.append(copy)
        documents += [
            {"name": f"{cluster}.{i}", "text": " ".join(text), "stars": generator.randrange(50)}
            for i, text in enumerate(family)
        ]
    generator.shuffle(documents)
    return documents


def check(outcome: Any, documents: list[dict[str, Any]], threshold: float) -> int:
    """No false delete, and no two kept documents at the threshold; how many were dropped."""
    sets = {row["name"]: shingles(row["text"]) for row in documents}
    kept = outcome.kept()
    for name, row in outcome.verdicts.items():
        if row["reason"] is not None:
            assert row["duplicate_of"] in kept
            assert jaccard(sets[name], sets[row["duplicate_of"]]) == row["similarity"] >= threshold
    assert not [
        (one, other)
        for one, other in itertools.combinations(sorted(kept), 2)
        if jaccard(sets[one], sets[other]) >= threshold
    ]
    return len(documents) - len(kept)


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize(("seed", "threshold"), [(1, 0.7), (2, 0.85), (3, 0.93)])
def test_survivors_do_not_depend_on_how_the_work_is_cut(deduplicate, name, seed, threshold):
    """In whatever tasks, no near-duplicate is lost and none is dropped falsely; who is kept is the
    same, and for whom each is dropped, too, unless rounds were needed."""
    generator = random.Random(seed)
    documents = clusters(generator, [1, 2, 3, 9, 40], 150)
    expected = deduplicate(documents, threshold=threshold)
    n_dropped = check(expected, documents, threshold)
    outcome = deduplicate(documents, threshold=threshold, limits=LIMITS[name], shard_rows=23)
    assert n_dropped == check(outcome, documents, threshold)
    assert expected.kept() == outcome.kept()
    if name in ("few", "many"):
        assert expected.verdicts == outcome.verdicts


@pytest.mark.parametrize("size", [2, 31, 32, 33, 64, 512])
def test_pairs_grow_with_documents_not_with_clusters(deduplicate, size):
    """Of a cluster of any size one document stays, and a document is in at most 16 pairs."""
    documents = clusters(random.Random(size), [1] * 2, 100)
    base = documents[0]["text"].split()
    for copy in range(size):
        text = [*base[: copy % 90], f"new{copy}", *base[copy % 90 + 1 :]]
        documents.append({"name": f"c{copy}", "text": " ".join(text), "license": "MIT"})
    outcome = deduplicate(documents, threshold=0.7, shard_rows=1_000, batch_rows=500)
    assert len(outcome.kept()) == 2
    pairs = sum(batch.num_rows for batch in outcome.corpus.kept["pairs"].read())
    assert size <= pairs <= 16 * (size + 1)


def test_pairs_of_huge_components_are_spread_like_others(deduplicate):
    """A component that takes rounds has its pairs judged by as many tasks as any other."""
    documents = clusters(random.Random(5), [40], 150)
    limits = {"few": 2, "pair_documents": 4}
    parts = [
        deduplicate(documents, limits=Limits(**limits, **rounds)).corpus.kept["pairs"].n_parts
        for rounds in ({}, {"task_shingles": 2_500})
    ]
    assert parts == [16, 16]
