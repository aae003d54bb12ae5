"""The whole stage, in memory."""

import json

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from schemas.identity import doc_id
from schemas.recall import recall_measures
from stages.contract import ALIVE, CorpusStage
from stages.errors import WaitForPerson
from stages.recall.classifier.model import load_model
from stages.recall.options import RecallOptions
from stages.recall.sites.site_lists import known_sites, seed_sites
from stages.recall.stage import RecallStage

TOPICS = {
    "code": "def return class import print for in range if else None True self lambda yield",
    "math": "theorem proof lemma let integral epsilon converges bounded matrix eigenvalue group",
    "other": "the sea was calm and we walked along the beach with bread cheese wine and songs",
}
WORDS = {topic: words.split() for topic, words in TOPICS.items()}
OPTIONS = {
    "targets": {"math": {"seeds": ["in/math*.jsonl"]}, "code": {"seeds": ["in/code.jsonl"]}},
    "negatives": ["in/other.jsonl"],
    "max_buckets": 4096,
}


def page(topic, number):
    """A page about a topic, as a row of a documents table."""
    random = np.random.default_rng([number, len(topic), ord(topic[0])])
    return {
        "doc_id": doc_id(f"{topic}:{number}"),
        "text": " ".join(random.choice(WORDS[topic], 80)),
        "domain": f"{topic}{number % 3}.org",
        "url": f"https://{topic}{number % 3}.org/{number % 2}/{number}.html",
        "n_code_blocks": int(topic == "code"),
        "n_formulas": 0,
        "warc": f"{topic}.jsonl",
        ALIVE: True,
        "topic": topic,
    }


def table(rows):
    """Rows as a shard."""
    return pa.Table.from_pylist(rows).set_column(
        1, "text", pa.array([row["text"] for row in rows], pa.large_string())
    )


@pytest.fixture
def web(memory_corpus):
    """A crawl of two shards, in which one page was dropped before, and its seeds."""
    return crawl(memory_corpus)


@pytest.fixture(scope="module")
def recalled(memory_corpus):
    """The same crawl after the stage, for tests that only look."""
    corpus = crawl(memory_corpus)
    RecallStage(RecallOptions(**OPTIONS)).run(corpus)
    return corpus


def crawl(memory_corpus):
    """Twenty pages of each topic."""
    rows = [page(topic, number) for number in range(100, 120) for topic in WORDS]
    rows[5][ALIVE] = False
    seeds = [page(topic, number) for number in range(20) for topic in WORDS]
    seeds = memory_corpus("seeds", [table(seeds)])
    return memory_corpus("web", [table(rows[:20]), table(rows[20:])], {"seeds": seeds})


def decided(corpus):
    """The decisions of all shards, with the pages' topics."""
    topics = [topic for shard in corpus.shards for topic in shard["topic"].to_pylist()]
    rows = [row for shard in corpus.decided for row in shard.to_pylist()]
    return list(zip(topics, rows, strict=True))


def test_it_is_a_corpus_stage():
    """The stage has all that the engine asks of one."""
    assert isinstance(RecallStage(RecallOptions()), CorpusStage)


def test_pages_are_recalled_by_their_target(recalled):
    """Each page goes to its topic's target; the others are dropped or drawn; dropped rows are
    null."""
    assert recalled.decided[0].schema.names[1:] == recall_measures(["code", "math"]).names
    for index, (topic, row) in enumerate(decided(recalled)):
        if index == 5:
            assert set(row.values()) == {None}
        elif topic == "other":
            assert row["recalled"] == []
            assert row["iteration"] is None
            assert (row["reason"], row["target"]) in {("not_recalled", None), (None, "natural")}
        else:
            assert (row["reason"], row["recalled"], row["target"]) == (None, [topic], topic)
            assert row["iteration"] == 1
            assert row[f"score_{topic}"] >= 0.5


@pytest.mark.parametrize(("share", "reasons"), [(0.0, {"not_recalled"}), (1.0, {None})])
def test_the_natural_share_is_drawn_from_pages_not_recalled(web, share, reasons):
    """Nothing at 0, everything at 1."""
    RecallStage(RecallOptions(**OPTIONS, natural_share=share)).run(web)
    others = [row for topic, row in decided(web) if topic == "other" and row["recalled"] == []]
    assert {row["reason"] for row in others} == reasons


def test_a_threshold_changes_verdicts_alone(recalled, memory_corpus):
    """Models, scores and domains are those of the calibrated threshold."""
    strict = crawl(memory_corpus)
    RecallStage(RecallOptions(**OPTIONS, threshold=0.9)).run(strict)
    assert strict.artefacts == recalled.artefacts
    assert strict.kept == recalled.kept
    for (_, before), (_, after) in zip(decided(recalled), decided(strict), strict=True):
        assert before["score_code"] == after["score_code"]
        expected = [t for t in ("code", "math") if (after[f"score_{t}"] or 0) >= 0.9]
        assert (after["recalled"] or []) == expected


def test_a_later_iteration_learns_from_accepted_patterns(recalled):
    """The second iteration has more positives, its own folder, and pages keep the number of the
    iteration that recalled them first."""
    first, second = (
        json.loads(recalled.artefacts[f"iteration-{number}/metrics.json"].data)["targets"]["code"]
        for number in (1, 2)
    )
    assert first["held_out"]["n_positives"] == 20 < second["held_out"]["n_positives"]
    assert "iteration-2/patterns" in recalled.kept
    assert "iteration-3/scores" not in recalled.kept
    assert {row["iteration"] for _, row in decided(recalled)} <= {None, 1, 2}


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


def test_a_person_needs_a_file():
    """Without one there is nowhere to write an answer."""
    with pytest.raises(ValidationError, match="needs `annotations`"):
        RecallOptions(**OPTIONS, annotate="person")


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


def test_shards_do_not_change_a_decision(recalled, memory_corpus):
    """The same pages in one shard get the same rows."""
    one = memory_corpus("web", [pa.concat_tables(recalled.shards)], recalled.others)
    RecallStage(RecallOptions(**OPTIONS)).run(one)
    assert decided(one) == decided(recalled)


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


def test_words_between_white_space_run_the_same_loop(memory_corpus):
    """Models know what they were trained on, and pages of plain English are recalled as ever."""
    corpus = crawl(memory_corpus)
    RecallStage(RecallOptions(**OPTIONS, tokens="whitespace", iterations=1)).run(corpus)
    for target in ("code", "math"):
        model = load_model(corpus.artefacts[f"iteration-1/model/{target}.arrow"].data)
        assert model.tokens == "whitespace"
        assert model.model.word_ids.max() > 1 << 20
    for topic, row in decided(corpus):
        assert row["recalled"] in (None, [topic] if topic != "other" else [])


def test_without_targets_every_page_is_natural(web):
    """Nothing is trained and nothing dropped."""
    RecallStage(RecallOptions()).run(web)
    assert web.artefacts == {}
    kept = [row for index, (_, row) in enumerate(decided(web)) if index != 5]
    assert {(row["reason"], row["target"]) for row in kept} == {(None, "natural")}


def test_a_seed_file_with_two_roles_is_refused():
    """The same file cannot be positive and negative."""
    with pytest.raises(ValidationError, match=r"code\.jsonl is both code and negatives"):
        RecallOptions(targets={"code": {"seeds": ["a/code.jsonl"]}}, negatives=["b/code.jsonl"])


@pytest.mark.parametrize("name", ["natural", "two words", ""])
def test_a_target_must_be_a_column_name(name):
    """`score_NAME` is a column, and natural means something else."""
    with pytest.raises(ValidationError, match="must be an identifier other than `natural`"):
        RecallOptions(targets={name: {"seeds": ["a"]}})


@pytest.mark.parametrize("target", ["code", "math"])
def test_known_sites_are_distinct_domains(target):
    """The seed list loads, has no repeats and only registrable-looking names."""
    sites = list(known_sites(target))
    assert len(sites) == len(set(sites)) > 10
    assert all("." in site and "/" not in site and site == site.lower() for site in sites)
    assert known_sites("poetry") == ()
    seeds = dict(seed_sites({target: None}))[target]
    assert all(any(site in seed for site in sites) for seed in seeds)
    assert seed_sites({target: (), "poetry": None}) == ()


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


def test_a_budget_of_tokens_recalls_the_best_pages_alone(recalled, memory_corpus):
    """Half the tokens: the pages with the highest scores, and no training or scoring again."""
    corpus = crawl(memory_corpus)
    scored = recalled.kept["iteration-1/scores"]
    total = sum(
        n
        for n, score in zip(
            scored["n_tokens"].to_pylist(), scored["score_code"].to_pylist(), strict=True
        )
        if score > 0.5
    )
    targets = {**OPTIONS["targets"]}
    targets["code"] = {**targets["code"], "max_tokens": total // 2}
    RecallStage(RecallOptions(**OPTIONS | {"targets": targets})).run(corpus)
    whole, half = (
        {
            i: row["score_code"]
            for i, (_, row) in enumerate(decided(one))
            if "code" in (row["recalled"] or ())
        }
        for one in (recalled, corpus)
    )
    assert 0 < len(half) < len(whole)
    assert min(half.values()) >= max(score for i, score in whole.items() if i not in half)


def test_a_target_without_seeds_and_sites_is_refused():
    """Nothing says what the target is."""
    with pytest.raises(ValidationError, match=r"poetry.*needs `seeds`"):
        RecallOptions(targets={"poetry": {}})
