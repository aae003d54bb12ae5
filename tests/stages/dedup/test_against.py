"""A corpus that is compared with those of earlier runs, judged by brute force."""

import itertools
import random
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.identity import doc_id
from stages.dedup.limits import Limits
from stages.dedup.options import DedupOptions
from tests.stages.dedup.wording import changed, document, jaccard, shingles, words

Documents = list[dict[str, Any]]


def corpus(generator: random.Random, name: str, families: list[list[str]], n: int) -> Documents:
    """Documents that are versions of a few texts, some of them equal."""
    found = []
    for place in range(n):
        tokens = list(generator.choice(families))
        for _ in range(generator.choice([0, 1, 1, 2, 3, 5])):
            tokens[generator.randrange(len(tokens))] = f"z{generator.randrange(40)}"
        found.append(document(f"{name}{place}", tokens, stars=generator.randrange(3)))
    return found


def preferred(documents: Documents) -> Documents:
    """In the order of preference."""
    return sorted(
        documents,
        key=lambda one: (-one["stars"], -len(one["text"].encode()), doc_id(one["name"])),
    )


def judge(
    documents: Documents, earlier: dict[str, Documents], threshold: float
) -> dict[str, tuple[Any, ...]]:
    """Reason, kept document and its run of each, by comparing everything with everything."""
    sets = {
        one["name"]: shingles(one["text"]) for one in itertools.chain(documents, *earlier.values())
    }
    kept = [(run, one) for run, given in earlier.items() for one in preferred(given)]
    first: dict[str, tuple[str | None, dict[str, Any]]] = {}
    for run, one in kept:
        first.setdefault(one["text"], (run, one))
    verdicts: dict[str, tuple[Any, ...]] = {}
    for one in preferred(documents):
        run, twin = first.setdefault(one["text"], (None, one))
        if twin is not one:
            _, following, whose = verdicts.get(twin["name"], (None, None, None))
            verdicts[one["name"]] = (
                "exact",
                following or twin["name"],
                whose if following else run,
            )
            continue
        near = [
            (-jaccard(sets[one["name"]], sets[other["name"]]), place)
            for place, (_, other) in enumerate(kept)
        ]
        near = [(how, place) for how, place in near if -how >= threshold]
        if near:
            whose, other = kept[min(near)[1]]
            verdicts[one["name"]] = ("near", other["name"], whose)
        else:
            verdicts[one["name"]] = (None, None, None)
            kept.append((None, one))
    return verdicts


def found(outcome: Any) -> dict[str, tuple[Any, ...]]:
    return {
        name: (row["reason"], row["duplicate_of"], row["duplicate_run"])
        for name, row in outcome.verdicts.items()
    }


LIMITS = {
    "small": Limits(),
    "sieved": Limits(few=2, cell_shingles=1_000, band_rows=200, link_documents=10),
    "rounds": Limits(few=2, task_shingles=2_000, pair_documents=4, text_rows=16),
}


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("seed", range(4))
def test_verdicts_are_those_of_brute_force(deduplicate, seed, limits):
    """Of two earlier runs that repeat one another, and whatever the work is cut into: every
    document names the most similar kept one, in whatever run it is."""
    generator = random.Random(seed)
    families = [words(200, seed * 100 + number) for number in range(6)]
    earlier = {
        name: corpus(generator, name, families[start : start + 4], 12)
        for name, start in (("runs/a", 0), ("runs/b", 2))
    }
    documents = corpus(generator, "new", families, 30)
    outcome = deduplicate(documents, against=earlier, limits=LIMITS[limits], shard_rows=9)
    expected = judge(documents, earlier, 0.85)
    if limits == "rounds":  # the most similar one of the round that drops a document
        assert {k: row[0] for k, row in expected.items()} == {
            k: row[0] for k, row in found(outcome).items()
        }
        return
    assert expected == found(outcome)
    assert {whose for _, _, whose in expected.values()} == {None, "runs/a", "runs/b"}


@pytest.mark.parametrize("seed", range(3))
def test_nothing_near_is_left_between_the_two(deduplicate, seed):
    """What is kept of a corpus against what was kept of another is what one run over both keeps of
    it if the other is preferred, and no two of them are near-duplicates."""
    generator = random.Random(100 + seed)
    families = [words(200, 1_000 + seed * 100 + number) for number in range(5)]
    one, other = (corpus(generator, name, families, 25) for name in ("old", "new"))
    kept = deduplicate(one).kept()
    remaining = [row for row in one if row["name"] in kept]
    outcome = deduplicate(other, against={"old": remaining})
    both = [*({**row, "stars": row["stars"] + 10} for row in one), *other]
    whole = deduplicate(both)
    assert whole.kept() == kept | outcome.kept()
    for name, row in outcome.verdicts.items():
        assert row["duplicate_of"] == whole.verdicts[name]["duplicate_of"]
    sets = {row["name"]: shingles(row["text"]) for row in both if row["name"] in whole.kept()}
    assert all(jaccard(*pair) < 0.85 for pair in itertools.combinations(sets.values(), 2))


def test_an_earlier_run_is_never_judged(deduplicate):
    """Its documents are not compared with one another: no pair of them is written down, however
    many hang together, and only those are read that are linked to a new one."""
    text = words(300)
    old = [document(f"old{n}", changed(text, 2, n)) for n in range(40)]
    apart = [document(f"apart{n}", words(300, n + 1)) for n in range(50)]
    new = [document("new", text), document("alone", words(300, 99))]
    outcome = deduplicate(new, against={"runs/a": [*old, *apart]})
    assert {"alone"} == outcome.kept()
    rows = [row for batch in outcome.corpus.kept["pairs"].read() for row in batch.to_pylist()]
    assert {(row["left_run"], row["right"]) for row in rows} == {("runs/a", doc_id("new"))}
    assert outcome.corpus.before["runs/a"].texts_read == 40


def test_of_equal_documents_the_earlier_listed_run_counts(deduplicate):
    """Runs have the priority in which they are listed, whatever their documents have to say."""
    text = words(100)
    earlier = {
        "runs/second": [document("plain", text)],
        "runs/first": [document("starred", text, stars=99, license="MIT")],
    }
    row = deduplicate([document("new", text, stars=500)], against=earlier).verdicts["new"]
    assert (row["reason"], row["duplicate_of"], row["duplicate_run"], row["similarity"]) == (
        "exact",
        "plain",
        "runs/second",
        1.0,
    )
    assert row["cluster"] == "plain"


@pytest.mark.parametrize("kind", ["github", "web"])
def test_a_document_that_is_in_both_runs_is_an_exact_duplicate(deduplicate, kind):
    """The same origin, so the same doc_id, in the other run; no address makes it a capture."""
    both = [document(name, words(80, n), url=None) for n, name in enumerate(("one", "two"))]
    outcome = deduplicate(both, corpus=kind, against={"runs/a": both})
    assert found(outcome) == {name: ("exact", name, "runs/a") for name in ("one", "two")}


def test_a_new_capture_of_an_old_page_goes_as_url(deduplicate):
    """The old one stays although it is older; where the page changed, both do."""
    text, url = words(300), "https://example.org/page"
    old = [document("old", text, url=url, crawled_at=1_000_000)]
    same = document("same", changed(text, 1, 7), url=url, crawled_at=9_000_000)
    other = document("other", words(300, 5), url=url, crawled_at=9_000_000)
    outcome = deduplicate([same, other], corpus="web", against={"runs/a": old})
    row = outcome.verdicts["same"]
    assert (row["reason"], row["duplicate_of"], row["duplicate_run"]) == ("url", "old", "runs/a")
    assert outcome.kept() == {"other"}


def test_near_and_exact_apart(deduplicate):
    """Each of the two comparisons can be left out."""
    text = words(300)
    old = {"runs/a": [document("old", text)]}
    new = [document("same", text), document("near", changed(text, 2, 1))]
    assert deduplicate(new, against=old, near=False).kept() == {"near"}
    outcome = deduplicate(new, against=old, exact=False)
    assert {row["reason"] for row in outcome.verdicts.values()} == {"near"}


def test_repositories_are_not_compared_with_earlier_runs():
    """The two settings exclude one another, and the message says so."""
    with pytest.raises(ValidationError, match=r"against.*compares files.*unit = \"file\""):
        DedupOptions(unit="repository", against=("runs/a",))
