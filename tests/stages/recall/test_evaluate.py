"""Comparing recalled pages with labels."""

import pyarrow as pa
import pytest

from stages.errors import InputError
from stages.recall.evaluate import evaluate

RECALL = pa.table(
    {
        "keep": [True, True, False, True, None],
        "recalled": [["code"], ["code", "math"], [], ["math"], None],
        "score_code": [0.9, 0.8, 0.1, 0.2, None],
        "score_math": [0.1, 0.7, 0.1, 0.9, None],
    }
)
DOCUMENTS = pa.table(
    {
        "doc_id": pa.array([bytes([i]) * 16 for i in range(5)], pa.binary(16)),
        "warc": ["a", "a", "b", "b", "b"],
        "warc_offset": [0, 9, 0, 9, 18],
        "url": ["u0", "u1", "u2", "u3", "u4"],
        "domain": ["x.org", "x.org", "y.org", "y.org", "y.org"],
        "natural_language": ["en", "de", "en", "en", "en"],
    }
)
LABELS = {"label": ["code", "code", "code", "other", "math"], "also": ["", "math", "", "", ""]}


def line(evaluation, target, by="all", value=None):
    """One row of the metrics."""
    rows = evaluation.metrics.to_pylist()
    return next(r for r in rows if (r["target"], r["by"], r["value"]) == (target, by, value))


@pytest.mark.parametrize(
    "key",
    [
        {"doc_id": DOCUMENTS["doc_id"]},
        {"warc": DOCUMENTS["warc"], "offset": DOCUMENTS["warc_offset"]},
        {"url": DOCUMENTS["url"]},
    ],
)
def test_labels_find_their_pages_by_any_key(key):
    """doc_id, warc and offset, or url: the same counts."""
    evaluation = evaluate(RECALL, DOCUMENTS, pa.table({**LABELS, **key}))
    code, math = line(evaluation, "code"), line(evaluation, "math")
    assert (code["precision"], code["recall"], code["f1"]) == (1.0, 2 / 3, 0.8)
    assert (math["precision"], math["recall"]) == (0.5, 1.0)
    assert (evaluation.n_judged, evaluation.n_unjudged) == (4, 1)


def test_pages_are_counted_by_language_and_domain():
    """Each group has its own ratios; one without denominator is null."""
    evaluation = evaluate(RECALL, DOCUMENTS, pa.table({**LABELS, "url": DOCUMENTS["url"]}))
    assert line(evaluation, "code", "domain", "y.org")["recall"] == 0.0
    assert line(evaluation, "code", "domain", "y.org")["precision"] is None
    assert line(evaluation, "math", "natural_language", "de")["f1"] == 1.0


def test_unscorable_and_ambiguous_labels_are_left_out():
    """Neither counts for nor against."""
    labels = pa.table(
        {
            **LABELS,
            "url": DOCUMENTS["url"],
            "scorable": [True, True, False, True, True],
            "ambiguous": [False, False, False, True, None],
        }
    )
    evaluation = evaluate(RECALL, DOCUMENTS, labels)
    assert line(evaluation, "code")["recall"] == 1.0
    assert line(evaluation, "math")["precision"] == 1.0
    assert evaluation.n_judged == 2


def test_unknown_pages_are_counted_apart():
    """A label whose page is no document is unjudged."""
    labels = pa.table({"label": ["code"], "url": ["nowhere"]})
    assert evaluate(RECALL, DOCUMENTS, labels).n_unjudged == 1


@pytest.mark.parametrize(
    ("columns", "missing"), [({"url": ["u0"]}, "label"), ({"label": ["code"]}, "name no pages")]
)
def test_labels_without_needed_columns_are_refused(columns, missing):
    """The message names what is missing."""
    with pytest.raises(InputError, match=missing):
        evaluate(RECALL, DOCUMENTS, pa.table(columns))
