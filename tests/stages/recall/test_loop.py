"""The loop, in memory: what an iteration learns from, and whether it is accepted."""

import json

import pyarrow as pa
import pytest

from stages.contract import ALIVE
from stages.errors import WaitForPerson
from stages.recall.classifier import recipe
from stages.recall.classifier.examples import (
    EXAMPLE,
    SampleCrawl,
    TokeniseSeeds,
    drawn_scores,
)
from stages.recall.classifier.model import load_model
from stages.recall.classifier.tokens import tokenise
from stages.recall.learn import TrainTarget
from stages.recall.options import BPE, NEGATIVE, RecallOptions, Training
from stages.recall.stage import RecallStage
from tests.stages.recall.small_crawl import OPTIONS, WORDS, crawl, decided, page


def test_a_later_iteration_learns_from_accepted_patterns(recalled):
    """The second iteration has more positives and, of the other target's pages, negatives; its own
    folder; and pages keep the number of the iteration that recalled them first."""
    first, second = (
        json.loads(recalled.artefacts[f"iteration-{number}/metrics.json"].data)["targets"]["code"]
        for number in (1, 2)
    )
    assert first["held_out"]["n_positives"] == 20 < second["held_out"]["n_positives"]
    assert second["held_out"]["n_negatives"] == first["held_out"]["n_negatives"] + 20
    assert "iteration-2/patterns" in recalled.kept
    assert "iteration-3/scores" not in recalled.kept
    assert {row["iteration"] for _, row in decided(recalled)} <= {None, 1, 2}


def test_what_grows_for_another_target_is_a_negative_unless_it_was_recalled():
    """One of a site with pages of the target only if it is far from it; never one without a
    score."""
    rows = [page(topic, number) for topic in ("code", "math", "other") for number in range(20)]
    kinds = {"code": "code", "math": "math", "other": NEGATIVE}
    seeds = _examples(rows, [kinds[row["topic"]] for row in rows])
    grown = [page("code", number) | {"domain": f"site{number}.org"} for number in range(30, 36)]
    grown[0]["domain"] = grown[1]["domain"] = "math1.org"
    scored = pa.record_batch(
        [[row["doc_id"] for row in grown[:5]], [0.9] * 5, [0.3, 0.1, 0.7, 0.49, 0.5]],
        schema=drawn_scores(("code", "math")),
    )
    train = TrainTarget("math", Training(max_buckets=4096), 0.6, ("code", "math"))
    none = pa.RecordBatch.from_pylist([], SampleCrawl.schema)
    sources = [seeds], [none], [_examples(grown, ["code"] * 6)], [scored]
    model = load_model(train(*(iter(source) for source in sources)))
    assert {name: one.n_documents for name, one in model.examples.items()} == {
        recipe.NEGATIVE: 20 + 20 + 2,
        recipe.POSITIVE: 20,
    }


def _examples(rows, roles):
    columns = {name: [row[name] for row in rows] for name in EXAMPLE[:-1]}
    tokens = tokenise(pa.array([row["text"] for row in rows], pa.large_string()), BPE)
    return pa.record_batch([roles, *columns.values(), tokens], schema=TokeniseSeeds.schema)


def test_a_person_is_waited_for(memory_corpus, tmp_path):
    """The run stops until every pattern is answered, then goes on with the answers."""
    path = tmp_path / "annotations.toml"
    options = RecallOptions(**OPTIONS, annotate="person", annotations=[str(path)])
    with pytest.raises(WaitForPerson, match=r"patterns of iteration 1 wait .*annotations\.toml"):
        RecallStage(options).run(crawl(memory_corpus))
    hosts = [(topic, f"{topic}{n}.org") for topic in ("code", "math") for n in range(3)]
    others = [(topic, f"other{n}.org") for topic in ("code", "math") for n in range(3)]
    path.write_text(
        "version = 1\n"
        + "".join(
            f"[[pattern]]\ntarget = '{target}'\npattern = '{host}'\naccept = {accept}\n"
            "iteration = 1\n"
            for sites, accept in ((hosts, "true"), (others, "false"))
            for target, host in sites
        )
        + "[[pattern]]\ntarget = 'code'\npattern = 'code0.org/0/'\naccept = false\niteration = 1\n"
    )
    corpus = crawl(memory_corpus)
    RecallStage(options).run(corpus)
    refused = [
        row
        for shard, own in zip(corpus.shards, corpus.decided, strict=True)
        for url, row in zip(shard["url"].to_pylist(), own.to_pylist(), strict=True)
        if url.startswith("https://code0.org/0/")
    ]
    assert refused
    assert all("code" not in (row["recalled"] or []) for row in refused)


def test_the_rest_of_an_iteration_is_left_to_the_rule(memory_corpus, tmp_path):
    """Of that iteration and target alone: the next one waits again."""
    path = tmp_path / "annotations.toml"
    options = RecallOptions(**OPTIONS, annotate="person", annotations=[str(path)])
    rests = [f"[[rest]]\ntarget = '{target}'\niteration = 1\n" for target in ("code", "math")]
    path.write_text("version = 1\n" + rests[0])
    with pytest.raises(WaitForPerson, match="patterns of iteration 1 wait"):
        RecallStage(options).run(crawl(memory_corpus))
    path.write_text("version = 1\n" + "".join(rests))
    with pytest.raises(WaitForPerson, match="patterns of iteration 2 wait"):
        RecallStage(options).run(crawl(memory_corpus))


def test_a_drifted_iteration_is_rejected(memory_corpus, monkeypatch):
    """Its metrics say so, and the verdicts are those of one iteration."""
    monkeypatch.setattr("stages.recall.loop.precision_fell", lambda before, after: True)
    corpus, one = crawl(memory_corpus), crawl(memory_corpus)
    RecallStage(RecallOptions(**OPTIONS)).run(corpus)
    RecallStage(RecallOptions(**OPTIONS, iterations=1)).run(one)
    metrics = json.loads(corpus.artefacts["iteration-2/metrics.json"].data)
    assert (metrics["accepted"], metrics["rejected_for"]) == (False, "precision")
    assert "iteration-2/scores" not in corpus.kept
    assert decided(corpus) == decided(one)


def test_an_iteration_that_finds_nothing_new_is_not_accepted(recalled, memory_corpus):
    """Its metrics say so, and the verdicts are exactly those of the iteration before."""
    metrics = json.loads(recalled.artefacts["iteration-2/metrics.json"].data)
    assert (metrics["accepted"], metrics["rejected_for"]) == (False, "growth")
    assert "iteration-2/scores" in recalled.kept
    one = crawl(memory_corpus)
    RecallStage(RecallOptions(**OPTIONS, iterations=1)).run(one)
    assert decided(recalled) == decided(one)
    kept = crawl(memory_corpus)
    RecallStage(RecallOptions(**OPTIONS, iterations=2, min_growth=0.0)).run(kept)
    assert json.loads(kept.artefacts["iteration-2/metrics.json"].data)["accepted"]


def test_every_domain_is_counted(recalled):
    """Pages and recalled pages add up to those decided."""
    domains = recalled.kept["iteration-1/domains"].to_pylist()
    assert [row["domain"] for row in domains] == sorted(
        f"{t}{n}.org" for t in WORDS for n in range(3)
    )
    assert sum(row["n_pages"] for row in domains) == 59
    n_math = sum("math" in (row["recalled"] or ()) for _, row in decided(recalled))
    assert sum(row["n_recalled_math"] for row in domains) == n_math
    assert all(row["share_math"] == row["n_recalled_math"] / row["n_pages"] for row in domains)
    assert all(row["is_math"] == (row["share_math"] > 0.1) for row in domains)


def test_models_and_metrics_are_artefacts(recalled):
    """A model for each target, and one description of them all."""
    metrics = json.loads(recalled.artefacts["iteration-1/metrics.json"].data)
    assert metrics["accepted"]
    for target in ("code", "math"):
        trained = load_model(recalled.artefacts[f"iteration-1/model/{target}.arrow"].data)
        assert metrics["targets"][target]["calibration"]["slope"] == trained.decision.slope
        assert metrics["targets"][target]["held_out"]["n_positives"] == 20


def test_pages_of_seed_sites_are_seeds(memory_corpus):
    """A target needs no seed file: the crawl's pages on its sites teach what code is."""
    corpus = crawl(memory_corpus)
    targets = {**OPTIONS["targets"], "code": {"sites": ["code0.org", "https://code1.org/0/"]}}
    RecallStage(RecallOptions(**OPTIONS | {"targets": targets})).run(corpus)
    counted = pa.ipc.open_file(corpus.artefacts["seed-sites/counted.arrow"].read()).read_all()
    rows = [(row["target"], row["pattern"], row["n_pages"]) for row in counted.to_pylist()]
    urls = [u for shard in corpus.shards for u in shard.filter(shard[ALIVE])["url"].to_pylist()]
    on_sites = {
        site: sum(url.startswith(f"https://{site}/") for url in urls)
        for site in ("code0.org", "code1.org/0")
    }
    assert rows == [
        ("code", "code0.org", on_sites["code0.org"]),
        ("code", "code1.org/0/", on_sites["code1.org/0"]),
    ]
    recalled = [
        (topic, row["recalled"])
        for topic, row in decided(corpus)
        if row["recalled"] is not None and topic in {"code", "other"}
    ]
    assert all(("code" in targets) == (topic == "code") for topic, targets in recalled)
