"""Whole corpora through dedup, judged by brute force."""

import itertools
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stages.dedup.wording import changed, document, jaccard, real_files, shingles, words


def test_exact_twins_keep_the_preferred(deduplicate):
    """Of equal texts the one with a licence, then more stars, then the older repository stays."""
    text = words(50)
    outcome = deduplicate(
        [
            document("plain", text, stars=900),
            document("licensed", text, license="MIT", stars=1),
            document("starred", text, license="MIT", stars=2, repo_created_at=3_000_000),
            document("oldest", text, license="MIT", stars=2, repo_created_at=2_000_000),
        ]
    )
    assert {"oldest"} == outcome.kept()
    for name in ("plain", "licensed", "starred"):
        row = outcome.verdicts[name]
        assert tuple(row[c] for c in ("reason", "duplicate_of", "similarity", "cluster")) == (
            "exact",
            "oldest",
            1.0,
            "oldest",
        )
    assert outcome.verdicts["oldest"]["cluster"] == "oldest"
    assert outcome.verdicts["oldest"]["duplicate_of"] is None


def test_near_twin_is_dropped_with_its_exact_similarity(deduplicate):
    """A near-duplicate names the kept document and the exact Jaccard of their shingle sets."""
    tokens = words(400)
    other = changed(tokens, 4, 1)
    expected = jaccard(shingles(" ".join(tokens)), shingles(" ".join(other)))
    assert 0.85 < expected < 1
    outcome = deduplicate([document("a", other), document("b", tokens, license="MIT")])
    row = outcome.verdicts["a"]
    assert ("near", "b", expected, "b") == tuple(
        row[c] for c in ("reason", "duplicate_of", "similarity", "cluster")
    )


def test_threshold_is_inclusive(deduplicate):
    """A pair at exactly the threshold is dropped; the next value above keeps it."""
    tokens = words(204)  # 200 shingles
    other = [*tokens[:-15], *(f"z{i}" for i in range(15))]  # 185 shared of 215
    similarity = 185 / 215
    pair = [document("a", tokens, license="MIT"), document("b", other)]
    assert {"a"} == deduplicate(pair, threshold=similarity).kept()
    assert {"a", "b"} == deduplicate(pair, threshold=similarity + 1e-9).kept()


def test_chain_drops_only_against_a_kept_document(deduplicate):
    """In A~B~C with A and C apart, B goes for A and C stays."""
    a = words(600)
    b = changed(a, 8, 1, (0.0, 0.4))
    c = changed(b, 8, 2, (0.5, 1.0))
    sets = [shingles(" ".join(tokens)) for tokens in (a, b, c)]
    assert jaccard(sets[0], sets[1]) >= 0.85 <= jaccard(sets[1], sets[2])
    assert jaccard(sets[0], sets[2]) < 0.85
    outcome = deduplicate(
        [document("c", c, stars=1), document("a", a, stars=9), document("b", b, stars=5)]
    )
    assert {"a", "c"} == outcome.kept()
    assert outcome.verdicts["b"]["duplicate_of"] == "a"


def test_exact_twin_follows_a_near_duplicate(deduplicate):
    """A twin of a near-duplicate points to the kept document, with its survivor's similarity."""
    tokens = words(400)
    other = " ".join(changed(tokens, 3, 1))
    outcome = deduplicate(
        [
            document("kept", tokens, stars=9),
            document("near", other, stars=5),
            document("twin", other, stars=1),
        ]
    )
    twin, near = outcome.verdicts["twin"], outcome.verdicts["near"]
    assert (twin["reason"], twin["duplicate_of"]) == ("exact", "kept")
    assert near["reason"] == "near"
    assert near["similarity"] == twin["similarity"] < 1


def test_url_twins_follow_their_survivor_to_the_end(deduplicate):
    """An older capture of one text is dropped as url, without similarity, whatever befalls the
    newer one."""
    tokens = words(400)
    other = " ".join(changed(tokens, 3, 1))
    outcome = deduplicate(
        [
            document("kept", tokens, crawled_at=9_000_000),
            document("copy", other, crawled_at=8_000_000, url="http://example.org/page"),
            document("older", other, crawled_at=7_000_000, url="https://example.org/page#x"),
            document("again", other, crawled_at=6_000_000),
        ],
        corpus="web",
    )
    assert {"kept"} == outcome.kept()
    reasons = {name: row["reason"] for name, row in outcome.verdicts.items()}
    assert reasons == {"kept": None, "copy": "near", "older": "url", "again": "exact"}
    assert {"kept"} == {row["cluster"] for row in outcome.verdicts.values()}
    assert outcome.verdicts["older"]["similarity"] is None
    assert outcome.verdicts["again"]["similarity"] == outcome.verdicts["copy"]["similarity"] < 1


@pytest.mark.parametrize(
    "query",
    ["ref={}", "session=talk-{}", "scm={}", "session_id={}", "share=a{}", "print={}", "id=1"],
)
@pytest.mark.parametrize("corpus", ["web", "seeds"])
def test_captures_of_one_url_are_compared(deduplicate, query, corpus):
    """Of the captures of one address those with other texts stay; near-duplicates are dropped as
    url, the latest capture being the one that stays."""
    tokens = words(400)
    documents = [
        document("new", tokens),
        document("edited", changed(tokens, 4, 1)),
        document("other", words(400, 2)),
        document("rewritten", changed(tokens, 90, 3)),
        document("same", tokens),
    ]
    for number, one in enumerate(documents):
        url = f"https://example.org/page?{query.format(number)}"
        one.update(url=url, crawled_at=(9 - number) * 1_000_000)
    outcome = deduplicate(documents, corpus=corpus)
    reasons = {name: row["reason"] for name, row in outcome.verdicts.items()}
    assert reasons == {
        "new": None,
        "edited": "url",
        "other": None,
        "rewritten": None,
        "same": "url",
    }
    assert {"new"} == {outcome.verdicts[name]["duplicate_of"] for name in ("edited", "same")}
    assert outcome.verdicts["edited"]["similarity"] is None


def test_captures_are_candidates_whatever_their_signatures_say(deduplicate):
    """At a low threshold bands would miss some pairs; captures of one address never miss."""
    documents, near = [], []
    for number in range(60):
        tokens = words(60, number)
        for age, text in enumerate((tokens, changed(tokens, 4, number, (0.2, 0.9)))):
            name = f"{number}.{age}"
            url = f"http://example.org/{number}?ref={age}"
            documents.append(document(name, text, url=url, crawled_at=(2 - age) * 10**6))
        similarity = jaccard(*(shingles(one["text"]) for one in documents[-2:]))
        near += [f"{number}.1"] * (similarity >= 0.4)
    outcome = deduplicate(documents, corpus="web", threshold=0.4)
    dropped = {name for name, row in outcome.verdicts.items() if row["reason"] == "url"}
    assert dropped == set(near)
    assert len(near) > 20


def test_older_capture_is_no_survivor(deduplicate):
    """A text that only occurs in a dropped capture protects nobody and drops nobody: each is judged
    against what is kept."""
    tokens = words(400)
    ends = [changed(tokens, 10, 1, (0, 0.5)), changed(tokens, 10, 2, (0.5, 1))]
    outcome = deduplicate(
        [
            document("new", ends[0], crawled_at=9_000_000, url="http://example.org/p"),
            document("old", tokens, crawled_at=8_000_000, url="http://example.org/p"),
            document("elsewhere", ends[1], crawled_at=1_000_000),
        ],
        corpus="seeds",
        threshold=0.7,
    )
    assert jaccard(*map(shingles, map(" ".join, ends))) < 0.7
    assert {"new", "elsewhere"} == outcome.kept()


def test_switches(deduplicate):
    """Each of url, exact and near can be turned off by itself."""
    text = words(100)
    documents = [
        document("a", text, crawled_at=9_000_000, url="http://example.org/p"),
        document("b", text, crawled_at=8_000_000, url="http://example.org/p"),
        document("c", text, crawled_at=7_000_000),
    ]

    def reasons(**options: bool) -> list[str | None]:
        outcome = deduplicate(documents, corpus="web", **options)
        return [row["reason"] for row in outcome.verdicts.values()]

    assert reasons() == [None, "url", "exact"]
    assert reasons(url=False) == [None, "exact", "exact"]
    assert reasons(exact=False) == [None, "url", "near"]
    assert reasons(exact=False, url=False) == [None, "near", "near"]
    assert reasons(exact=False, near=False) == [None, "url", None]
    assert reasons(exact=False, near=False, url=False) == [None, None, None]


def test_empty_texts_are_exact_twins(deduplicate):
    """Two empty texts are exact twins; blank ones share their empty token set."""
    outcome = deduplicate([document("a", ""), document("b", ""), document("blank", " \n")])
    assert len(outcome.kept()) == 1
    assert {None, "exact", "near"} == {row["reason"] for row in outcome.verdicts.values()}


def test_rows_dropped_upstream_are_not_compared(deduplicate):
    """A document that an earlier stage dropped is no survivor and has no cluster."""
    text = words(60)
    outcome = deduplicate(
        [document("gone", text, stars=99, alive=False), document("kept", text), document("c", text)]
    )
    assert (outcome.verdicts["gone"]) == {
        "reason": None,
        "duplicate_of": None,
        "duplicate_run": None,
        "similarity": None,
        "cluster": None,
    }
    assert sum(outcome.verdicts[name]["reason"] is None for name in ("kept", "c")) == 1


def test_no_documents(deduplicate):
    """A corpus whose every document is gone passes."""
    outcome = deduplicate([document("gone", "text", alive=False)])
    assert [row["cluster"] for row in outcome.verdicts.values()] == [None]


def test_evidence_holds_accepted_and_rejected_pairs(deduplicate):
    """Every verified pair is kept with its exact similarity and whether it was accepted."""
    tokens = words(600)
    variants = [changed(tokens, n, n) for n in (3, 12, 16, 20)]
    documents = [document("base", tokens), *(document(f"v{i}", v) for i, v in enumerate(variants))]
    outcome = deduplicate(documents)
    pairs = [row for batch in outcome.corpus.kept["pairs"].read() for row in batch.to_pylist()]
    assert {True, False} == {row["accepted"] for row in pairs}
    assert all((row["similarity"] >= 0.85) == row["accepted"] for row in pairs)
    assert len(pairs) == len({(row["left"], row["right"]) for row in pairs})


def test_low_and_high_thresholds(deduplicate):
    """Raising the threshold leaves the candidates alone; lowering it finds more of them."""
    tokens = words(600)
    documents = [document("base", tokens), document("copy", changed(tokens, 20, 1))]
    similarity = jaccard(*(shingles(row["text"]) for row in documents))
    assert 0.6 < similarity < 0.8
    assert len(deduplicate(documents).kept()) == 2
    assert len(deduplicate(documents, threshold=0.95).kept()) == 2
    assert len(deduplicate(documents, threshold=0.6).kept()) == 1


@pytest.fixture(scope="module")
def real_documents() -> list[dict[str, Any]]:
    """Files of forked repositories, with edited copies of some."""
    generator = random.Random(1)
    documents = [
        document(name, text, stars=generator.choice([None, 3, 50]), license="MIT")
        for name, text in real_files(330)
    ]
    planted = []
    for source in generator.sample(documents, 90):
        lines = source["text"].splitlines(keepends=True)
        for copy in range(generator.randint(1, 3)):
            edited = list(lines)
            for _ in range(max(1, int(len(lines) * generator.choice([0.01, 0.03, 0.08])))):
                if edited:
                    edited[generator.randrange(len(edited))] = f"new line {generator.random()}\n"
            planted.append(document(f"{source['name']}#{copy}", "".join(edited)))
    return documents + planted


def test_real_files_agree_with_brute_force(deduplicate, real_documents):
    """Every near-duplicate has a kept twin at the threshold with the similarity recorded; almost
    no two kept documents are similar."""
    outcome = deduplicate(real_documents, shard_rows=60)
    sets = {row["name"]: shingles(row["text"]) for row in real_documents}
    kept = outcome.kept()
    near = 0
    for name, row in outcome.verdicts.items():
        if row["reason"] is None:
            assert name == row["cluster"]
            continue
        assert row["duplicate_of"] in kept
        assert row["duplicate_of"] == row["cluster"]
        similarity = jaccard(sets[name], sets[row["duplicate_of"]])
        assert similarity == row["similarity"] >= 0.85
        near += row["reason"] == "near"
    assert near > 50
    similar = 0
    for one, other in itertools.combinations(sorted(kept), 2):
        smaller, larger = sorted((len(sets[one]), len(sets[other])))
        if smaller / larger >= 0.85 and jaccard(sets[one], sets[other]) >= 0.85:
            similar += 1
    assert similar <= 0.01 * near


def test_order_of_documents_does_not_matter(deduplicate, real_documents):
    """The verdicts are the same in whatever order and shards the documents come."""
    expected = deduplicate(real_documents, shard_rows=60).verdicts
    shuffled = list(real_documents)
    random.Random(5).shuffle(shuffled)
    assert expected == deduplicate(shuffled, shard_rows=501, batch_rows=100).verdicts


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(alphabet="ab ", max_size=12), min_size=1, max_size=12))
def test_small_documents_agree_with_a_plain_greedy(deduplicate, texts):
    """On tiny texts, where a shared shingle set is certain to be found, the outcome is that of
    the definition: in order of preference, drop what equals or resembles a kept document."""
    documents = [document(f"d{i}", text, stars=100 - i) for i, text in enumerate(texts)]
    outcome = deduplicate(documents, threshold=1.0)
    kept: list[dict[str, Any]] = []
    for row in documents:
        if not any(shingles(row["text"]) == shingles(other["text"]) for other in kept):
            kept.append(row)
    assert {row["name"] for row in kept} == outcome.kept()
