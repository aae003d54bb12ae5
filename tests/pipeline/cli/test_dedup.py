"""`sluice dedup pairs`, over tables as a run has them."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.cli import main
from schemas.identity import doc_id
from stages.dedup.near import EVIDENCE

TEXTS = {
    "a": "same line\nfirst wording\nlast line",
    "b": "same line\nsecond wording\nlast line",
    "c": "another\n" * 50,
}
COMPARED = [("a", "b", 0.9, True), ("a", "c", 0.86, True), ("b", "c", 0.8, False)]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Documents and compared pairs."""
    for folder in ("web/documents", "web/dedup/pairs"):
        (tmp_path / folder).mkdir(parents=True)
    documents = {
        "doc_id": pa.array([doc_id(name) for name in TEXTS], pa.binary(16)),
        "uri": [f"crawl:{name}" for name in TEXTS],
        "url": [f"http://example.org/{name}" for name in TEXTS],
        "text": list(TEXTS.values()),
    }
    pq.write_table(pa.table(documents), tmp_path / "web/documents/00000.parquet")
    left, right, similarity, accepted = zip(*COMPARED, strict=True)
    ends = ([doc_id(name) for name in side] for side in (left, right))
    columns = [*ends, list(similarity), list(accepted), [None] * len(COMPARED)]
    arrays = [pa.array(one, f.type) for one, f in zip(columns, EVIDENCE, strict=True)]
    pq.write_table(pa.table(arrays, schema=EVIDENCE), tmp_path / "web/dedup/pairs/00000.parquet")
    return tmp_path


def sluice(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["sluice", "dedup", "pairs", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)


def test_pairs_near_the_threshold_come_first(run, monkeypatch, capsys):
    """The accepted pairs that are least similar, then the rejected ones that are most."""
    assert sluice(monkeypatch, str(run), "--json", "--limit", "1") == 0
    pairs = json.loads(capsys.readouterr().out)
    assert [(pair["similarity"], pair["accepted"]) for pair in pairs] == [
        (0.86, True),
        (0.8, False),
    ]
    assert pairs[0]["left"] == {
        "doc_id": doc_id("a").hex(),
        "uri": "crawl:a",
        "text": TEXTS["a"],
        "run": None,
    }


def test_a_person_sees_the_lines_that_differ(run, monkeypatch, capsys):
    """Beside one another, with a line around them; a long difference is cut."""
    assert sluice(monkeypatch, str(run)) == 0
    out = capsys.readouterr().out
    assert "web: 0.9000, near-duplicates" in out
    assert "web: 0.8000, not near" in out
    (row,) = (line for line in out.splitlines() if "first wording" in line and "second" in line)
    assert row.index("first") < row.index("second")
    assert "lines more" in out


def test_a_corpus_without_pairs_is_named(run, monkeypatch, capsys):
    """What is not there is an error, not nothing."""
    assert sluice(monkeypatch, str(run), "--corpus", "github") == 1
    assert "no pairs of github were compared" in capsys.readouterr().err
