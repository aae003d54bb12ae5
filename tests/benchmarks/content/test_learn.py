"""The tables that are shipped say what they were learned from, and can be learned again."""

import json
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from stages.web.content.describe import N_ALL, N_FEATURES
from stages.web.content.forest import N_QUESTIONS, learned_forests
from stages.web.content.words import LONGEST, SLOTS, learned_words

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"


def test_the_forests_fit_the_rows() -> None:
    for forest, n_columns in zip(learned_forests(), (N_FEATURES, N_ALL), strict=True):
        assert forest.feature.shape[1] == N_QUESTIONS
        assert forest.feature.shape == forest.threshold.shape
        assert forest.answer.shape == (len(forest.feature), N_QUESTIONS + 1)
        assert forest.feature.max() < n_columns


def test_every_class_word_can_be_found() -> None:
    text = files("seeds").joinpath("content_words.tsv").read_text("utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    words = [word for word, _ in rows]
    assert words == sorted(set(words))
    assert all(word.isascii() and word.isalpha() and word.islower() for word in words)
    assert all(2 <= len(word) <= LONGEST for word in words)
    assert np.count_nonzero(learned_words()[:SLOTS]) == len(words) < 0.75 * SLOTS
    assert all(-127 <= int(weight) <= 127 for _, weight in rows)


def test_the_record_says_how_well_it_does_on_other_domains() -> None:
    path = files("seeds").joinpath("content_forest.npz")
    assert len(path.read_bytes()) <= 200_000
    record = json.loads(np.load(BytesIO(path.read_bytes()))["record"].tobytes())
    assert record["word_f1"]["wcxb"]["cross_validated"] >= 0.86
    assert record["word_f1"]["wcxb: documentation"]["cross_validated"] >= 0.93
    assert record["word_f1"]["wcxb: article"]["cross_validated"] >= 0.92
    assert record["word_f1"]["gold"]["cross_validated"] >= 0.86


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "web").exists(), reason="needs ../shared/data")
def test_the_same_pages_give_the_same_tables(tmp_path: Path) -> None:
    """And what `choose` keeps by them is what LightGBM's own prediction keeps."""
    pytest.importorskip("lightgbm")
    from benchmarks.content.labels import describe_page, label
    from benchmarks.content.learn import add_context, fit, learn, predict, to_forest
    from benchmarks.content.pages import read_pages
    from stages.web.content.forest import probabilities
    from stages.web.content.words import word_table

    pages = [label(page) for page in read_pages(DATA, 60)]
    once, again = learn(pages), learn(pages)
    assert once.words == again.words
    assert once.scores == again.scores
    for name in ("first", "second"):
        for left, right in zip(getattr(once, name), getattr(again, name), strict=True):
            np.testing.assert_array_equal(left, right)
    rows = [describe_page(page, word_table(once.words)) for page in pages]
    model = fit(rows, N_FEATURES)
    for page in rows:
        said = predict(model, page, N_FEATURES)
        np.testing.assert_allclose(
            probabilities(page.features, to_forest(model)), said, rtol=1e-4, atol=1e-5
        )
        add_context(page, said)
