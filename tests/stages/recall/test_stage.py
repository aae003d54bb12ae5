"""The whole stage, in memory."""

import pyarrow as pa
import pytest

from schemas.recall import recall_measures
from stages.contract import CorpusStage
from stages.kernels.bpe.tokenizer import load_tokenizer
from stages.recall.classifier.model import load_model
from stages.recall.classifier.score import ScorePages
from stages.recall.options import RecallOptions
from stages.recall.stage import RecallStage
from tests.stages.recall.small_crawl import OPTIONS, crawl, decided


@pytest.fixture
def web(memory_corpus):
    """A crawl of two shards, in which one page was dropped before, and its seeds."""
    return crawl(memory_corpus)


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


def test_shards_do_not_change_a_decision(recalled, memory_corpus):
    """The same pages in one shard get the same rows."""
    one = memory_corpus("web", [pa.concat_tables(recalled.shards)], recalled.others)
    RecallStage(RecallOptions(**OPTIONS)).run(one)
    assert decided(one) == decided(recalled)


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


@pytest.mark.parametrize("threshold", [None, 0.3])
def test_a_budget_of_tokens_recalls_the_best_pages_alone(recalled, memory_corpus, threshold):
    """Half the tokens: the pages with the highest scores, and no training or scoring again. It
    raises the threshold of the options as it does the calibrated one."""
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
    RecallStage(RecallOptions(**OPTIONS | {"targets": targets}, threshold=threshold)).run(corpus)
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


def test_stored_tokens_are_scored_as_the_texts_are(recalled, memory_corpus):
    """Models, scores and verdicts are the same; no text is split to score a page."""
    corpus = crawl(memory_corpus)
    corpus.shards = [
        shard.append_column("tokens", load_tokenizer().encode_batch(shard["text"].combine_chunks()))
        for shard in corpus.shards
    ]
    RecallStage(RecallOptions(**OPTIONS)).run(corpus)
    assert corpus.artefacts == recalled.artefacts
    assert corpus.kept == recalled.kept
    assert corpus.decided == recalled.decided


def test_a_step_that_scores_reads_tokens_or_texts():
    """Whichever there is; without targets neither."""
    assert "tokens" in ScorePages(("code",), (), stored=True).reads
    assert "text" not in ScorePages(("code",), (), stored=True).reads
    assert "text" in ScorePages(("code",), ()).reads
    assert not {"text", "tokens"} & {*ScorePages((), (), stored=True).reads}
