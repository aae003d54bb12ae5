"""`dedup.against`: a run that is compared with earlier ones."""

import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.configuration import load
from pipeline.inspection.life import lives
from pipeline.inspection.pairs import nearest_pairs
from pipeline.inspection.sql import query
from pipeline.inspection.stats import funnel
from pipeline.inspection.verify import verify
from pipeline.run import forecast
from pipeline.run import run as run_configuration
from stages.errors import ConfigError
from tests.pipeline.conftest import page, write_tar, write_warc

generator = random.Random(11)
SOURCES = {
    f"src/part{n}.py": [f"value_{generator.randrange(10**6)} = {line}" for line in range(80)]
    for n in range(4)
}


def archive(folder: Path, owner: str, files: dict[str, list[str]]) -> None:
    folder.mkdir(exist_ok=True)
    data = {path: "\n".join(lines).encode() for path, lines in files.items()}
    write_tar(folder / f"{owner}__tool.tar.gz", "tool-main", data, owner[0] * 40)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An old crawl with a repository, its run, and a new one that has one file of it as it was, one
    with another line, and one of its own."""
    folder = tmp_path_factory.mktemp("crawls")
    archive(folder / "old", "ann", {path: SOURCES[path] for path in list(SOURCES)[:3]})
    new = {
        "same.py": SOURCES["src/part0.py"],
        "near.py": [*SOURCES["src/part1.py"][:-1], "another = 1"],
        "own.py": SOURCES["src/part3.py"],
    }
    archive(folder / "new", "bob", new)
    dedup(folder, "old")
    return folder


@pytest.fixture
def crawls(finished: Path, tmp_path: Path) -> Path:
    """A copy of all that."""
    return shutil.copytree(finished, tmp_path / "crawls")


def dedup(folder: Path, name: str, *settings: str) -> Any:
    """Run a crawl up to dedup; its report."""
    config = load(
        None, [f"github.inputs=['{folder}/{name}/*.tar.gz']", *settings], folder / f"run-{name}"
    )
    return run_configuration(config, stages=["github.dedup"], address="local")


def against(*runs: Path) -> str:
    return f"dedup.against={[str(run) for run in runs]}"


def decided(run: Path) -> dict[str, dict[str, Any]]:
    """The verdicts by path."""
    select = (
        "select d.path, v.keep, v.reason, v.duplicate_of, v.duplicate_run, v.similarity "
        "from github.dedup v join github.documents d using (doc_id)"
    )
    rows = [row for batch in query(run, select) for row in batch.to_pylist()]
    return {row.pop("path"): row for row in rows}


def test_what_an_earlier_run_kept_is_dropped(crawls: Path) -> None:
    """Equal and near; the document of the other run is named, shown, and stays what it is."""
    old, new = crawls / "run-old", crawls / "run-new"
    before = {path: path.read_bytes() for path in old.rglob("*") if path.is_file()}
    dedup(crawls, "new", against(old))
    verdicts = decided(new)
    assert {path: row["reason"] for path, row in verdicts.items()} == {
        "same.py": "exact",
        "near.py": "near",
        "own.py": None,
    }
    assert {row["duplicate_run"] for row in verdicts.values()} == {str(old), None}
    assert before == {path: path.read_bytes() for path in old.rglob("*") if path.is_file()}
    assert verify(new) == []
    (stage,) = (count for count in funnel(new) if count.stage == "github.dedup")
    assert (stage.documents, stage.kept, stage.reasons) == (3, 1, {"exact": 1, "near": 1})
    (life,) = lives(new, f"bob/tool@{'b' * 40}:near.py")
    assert life.twin is not None
    assert (life.twin.run, life.twin.uri) == (str(old), f"ann/tool@{'a' * 40}:src/part1.py")
    assert life.twin.text == "\n".join(SOURCES["src/part1.py"])
    (pair,) = nearest_pairs(new, None, 5)
    assert (pair.left.run, pair.left.uri) == (life.twin.run, life.twin.uri)
    assert (pair.right.run, pair.right.uri) == (None, life.documents["uri"])
    shutil.rmtree(old)
    (life,) = lives(new, f"bob/tool@{'b' * 40}:near.py")
    assert life.twin is not None
    assert (life.twin.run, life.twin.uri) == (str(old), None)


def test_the_stage_is_stale_when_the_earlier_run_changes(crawls: Path) -> None:
    """As long as that is what it was nothing runs again; then dedup does, and measures nothing."""
    old, new = crawls / "run-old", crawls / "run-new"
    dedup(crawls, "new", against(old))
    assert dedup(crawls, "new", against(old)).steps == {}
    archive(crawls / "old", "eve", {"more.py": SOURCES["src/part3.py"]})
    dedup(crawls, "old")
    config = load(None, [f"github.inputs=['{crawls}/new/*.tar.gz']", against(old)], new)
    plan = {item.step: item for item in forecast(config, stages=["github.dedup"]).items}
    assert plan["github.dedup.measure"].n_stale == 0
    assert f"against.{old} changed" in plan["github.dedup.decide.judge"].reasons
    report = dedup(crawls, "new", against(old))
    assert {step.rpartition(".")[0] for step in report.steps} == {"github.dedup.decide"}
    assert decided(new)["own.py"]["reason"] == "exact"
    dedup(crawls, "new")
    assert all(row["keep"] for row in decided(new).values())


def test_runs_that_cannot_be_compared_with_are_refused(crawls: Path) -> None:
    """Before anything runs, naming the run, what is wrong, and what to do."""
    old = crawls / "run-old"
    for settings, message in (
        ([against(crawls / "nowhere")], r"nowhere: there is no run"),
        ([against(crawls / "run-new")], r"this run itself"),
        ([against(old, old)], r"named twice"),
        ([against(old), "dedup.ngram=3"], r"`github\.dedup\.ngram` is 5 there and 3 here"),
        ([against(old), "dedup.cjk=true"], r"`github\.dedup\.cjk` is false there and true here"),
        ([against(old), "github.dedup.unit='repository'"], r"github\.dedup.*compares files"),
    ):
        with pytest.raises(ConfigError, match=message):
            dedup(crawls, "new", *settings)
    assert not (crawls / "run-new" / "github").exists()
    next((old / "github/dedup").glob("*.parquet")).unlink()
    with pytest.raises(ConfigError, match=r"its github\.dedup lacks 00000\.parquet"):
        dedup(crawls, "new", against(old))
    (old / "github/_dedup.ledger").unlink()
    with pytest.raises(ConfigError, match=r"its github\.dedup is not complete"):
        dedup(crawls, "new", against(old))


def test_a_run_that_is_half_made_anew_is_refused(tmp_path: Path, crawls: Path) -> None:
    """Its verdicts are of documents that it has no longer."""
    archive(tmp_path / "old", "ann", {"src/part0.py": SOURCES["src/part0.py"]})
    dedup(tmp_path, "old")
    archive(tmp_path / "old", "ann", {"src/part0.py": SOURCES["src/part3.py"]})
    config = load(None, [f"github.inputs=['{tmp_path}/old/*.tar.gz']"], tmp_path / "run-old")
    run_configuration(config, stages=["github.documents"], address="local")
    with pytest.raises(
        ConfigError, match=r"its github\.dedup\.measure is stale: github\.documents"
    ):
        dedup(crawls, "new", against(tmp_path / "run-old"))


def test_the_web_is_compared_with_the_web(tmp_path: Path) -> None:
    """A page of a later crawl goes although it is the latest capture; a run without pages is
    refused."""
    pages = {f"http://site{n}.example/": page(f"Subject {n}", 30) for n in range(3)}
    write_warc(tmp_path / "old.warc.gz", dict(list(pages.items())[:2]))
    write_warc(tmp_path / "new.warc.gz", dict(list(pages.items())[1:]), "2025-05-17T00:00:00Z")
    for name, extra in (("old", []), ("new", [against(tmp_path / "old")])):
        settings = [f"web.inputs=['{tmp_path}/{name}.warc.gz']", *extra]
        config = load(None, settings, tmp_path / name)
        run_configuration(config, stages=["web.dedup"], address="local")
    select = (
        "select d.url, v.reason, v.duplicate_run from web.dedup v "
        "join web.documents d using (doc_id)"
    )
    rows = [row for batch in query(tmp_path / "new", select) for row in batch.to_pylist()]
    assert {row["url"]: (row["reason"], row["duplicate_run"]) for row in rows} == {
        "http://site1.example/": ("url", str(tmp_path / "old")),
        "http://site2.example/": (None, None),
    }
    archive(tmp_path / "code", "ann", SOURCES)
    with pytest.raises(ConfigError, match=r"old: it has no corpus github"):
        dedup(tmp_path, "code", against(tmp_path / "old"))
