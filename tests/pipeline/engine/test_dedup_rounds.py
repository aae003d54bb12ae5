"""Dedup through the engine's own verbs where components are contracted and sieved in rounds."""

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import stages.dedup.stage
from pipeline.apply.dedup import apply_dedup
from pipeline.configuration import load
from pipeline.inspection.sql import query
from pipeline.inspection.verify import verify
from pipeline.run import run as run_configuration
from stages.dedup.limits import Limits
from tests.pipeline.conftest import write_warc

ROUNDS = Limits(few=2, link_documents=20, component_documents=20, task_shingles=4_000)


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every limit of dedup is tiny."""
    monkeypatch.setattr(stages.dedup.stage, "Limits", lambda: ROUNDS)


def clusters(path: Path) -> Path:
    generator = random.Random(4)
    texts = []
    for size in (1, 2, 3, 40):
        base = [f"w{generator.randrange(10**6)}" for _ in range(200)]
        for copy in range(size):
            place = generator.randrange(200)
            texts.append(" ".join([*base[:place], f"new{copy}", *base[place + 1 :]]))
    generator.shuffle(texts)
    pq.write_table(pa.table({"text": texts}), path)
    return path


def verdicts(path: Path, scratch: Path) -> list[dict[str, object]]:
    return [
        row
        for batch, _ in apply_dedup(path, scratch, [])
        for row in batch.select(["keep", "reason"]).to_pylist()
    ]


def test_rounds_keep_the_same_documents(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Contraction over partitions and rounds of sieving leave the verdicts alone."""
    path = clusters(tmp_path / "texts.parquet")
    expected = verdicts(path, tmp_path)
    assert sum(bool(row["keep"]) for row in expected) == 4
    request.getfixturevalue("rounds")
    assert expected == verdicts(path, tmp_path)


@pytest.mark.slow
def test_a_new_threshold_compares_large_components_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It decides as a run from nothing does, though the scratch data are gone; the run is whole,
    and nothing is left to do."""
    limits = Limits(few=2, link_documents=4, task_shingles=1_000)
    monkeypatch.setattr(stages.dedup.stage, "Limits", lambda: limits)
    generator = random.Random(5)
    words = [f"word{generator.randrange(900)}" for _ in range(250)]
    pages = {}
    for copy in range(12):
        text = [f"other{copy}" if place % 125 < copy % 6 else w for place, w in enumerate(words)]
        body = "".join(f"<p>{' '.join(text[i : i + 25])}.</p>" for i in range(0, 250, 25))
        html = f"<html><body><main>{body}</main></body></html>"
        pages[f"https://example.org/{copy}"] = html
    write_warc(tmp_path / "crawl.warc.gz", pages, "2024-05-10T00:00:00Z")
    web = f"web.inputs=['{tmp_path}/crawl.warc.gz']"

    def decided(folder: Path, threshold: float) -> list[dict[str, object]]:
        settings = [web, f"web.dedup.threshold={threshold}"]
        run_configuration(load(None, settings, folder), address="local")
        assert verify(folder) == []
        assert (folder / "web/dedup/cuts/1").is_dir()
        again = run_configuration(load(None, settings, folder), address="local")
        assert not [step for step in again.steps if ".dedup" in step]
        select = "select doc_id, reason, duplicate_of, similarity from web.dedup order by doc_id"
        return [row for batch in query(folder, select) for row in batch.to_pylist()]

    before = decided(tmp_path / "run", 0.85)
    again = decided(tmp_path / "run", 0.95)
    assert again == decided(tmp_path / "fresh", 0.95)
    assert again != before
    assert "near" in {row["reason"] for row in again}
