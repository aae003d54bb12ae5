"""`dedup.unit = "repository"` through a whole run."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from pipeline.configuration import load
from pipeline.inspection.life import lives
from pipeline.inspection.sql import query
from pipeline.inspection.verify import verify
from pipeline.run import run as run_configuration
from stages.errors import ConfigError
from tests.pipeline.conftest import write_tar

FORK, ORIGINAL = "ann/fork@" + "1" * 40, "bob/tool@" + "2" * 40


@pytest.fixture
def repositories(tmp_path: Path) -> list[str]:
    """A repository, a fork with one file changed and one added, and one that shares a file."""
    generator = random.Random(7)

    def source(n_lines: int) -> list[str]:
        return [f"value_{generator.randrange(10**6)} = {line}" for line in range(n_lines)]

    files = {f"src/part{n}.py": source(120) for n in range(4)}
    fork = {**files, "src/part0.py": [*files["src/part0.py"][:-1], "another = 1"]}
    fork["src/added.py"] = source(4)
    other = {"src/part1.py": files["src/part1.py"], "src/own.py": source(200)}
    for owner, name, commit, own in (
        ("ann", "fork", "1", fork),
        ("bob", "tool", "2", files),
        ("cid", "other", "3", other),
    ):
        data = {path: "\n".join(lines).encode() for path, lines in own.items()}
        write_tar(tmp_path / f"{owner}__{name}.tar.gz", f"{name}-main", data, commit * 40)
    rows = [{"input": "bob__tool.tar.gz", "stars": 5}, {"input": "ann__fork.tar.gz", "stars": 3}]
    (tmp_path / "stars.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return [
        f"github.inputs=['{tmp_path}/*.tar.gz']",
        f"github.metadata='{tmp_path}/stars.jsonl'",
        "github.dedup.unit='repository'",
    ]


def decided(folder: Path, settings: list[str]) -> dict[str, dict[str, Any]]:
    """The verdicts by uri, of a run that is sound and finished."""
    run_configuration(load(None, settings, folder), address="local")
    assert verify(folder) == []
    again = run_configuration(load(None, settings, folder), address="local")
    assert again.steps == {}
    select = (
        "select d.uri, v.keep, v.reason, v.similarity, t.uri as twin from github.dedup v "
        "join github.documents d using (doc_id) "
        "left join github.documents t on t.doc_id = v.duplicate_of"
    )
    rows = [row for batch in query(folder, select) for row in batch.to_pylist()]
    return {row.pop("uri"): row for row in rows}


def test_a_fork_goes_whole_and_a_shared_file_stays(tmp_path: Path, repositories: list[str]) -> None:
    """Each file of the fork names the file of its path, an added one the first; a new threshold
    decides as a run from nothing does."""
    verdicts = decided(tmp_path / "run", repositories)
    assert {uri for uri, row in verdicts.items() if not row["keep"]} == {
        uri for uri in verdicts if uri.startswith(FORK)
    }
    for n in range(4):
        row = verdicts[f"{FORK}:src/part{n}.py"]
        assert (row["reason"], row["twin"]) == ("near", f"{ORIGINAL}:src/part{n}.py")
        assert 0.85 <= row["similarity"] < 1
    assert verdicts[f"{FORK}:src/added.py"]["twin"] == f"{ORIGINAL}:src/part0.py"
    (life,) = lives(tmp_path / "run", f"{FORK}:src/part2.py")
    assert life.twin is not None
    assert life.twin.repository == ORIGINAL
    assert life.twin.why == "5 stars, the other 3"
    stricter = [*repositories, "github.dedup.threshold=0.995"]
    report = run_configuration(load(None, stricter, tmp_path / "run"), address="local")
    assert "github.dedup.decide.judge" in report.steps
    assert "github.dedup.decide.send-files" not in report.steps
    assert all(row["keep"] for row in decided(tmp_path / "run", stricter).values())
    assert decided(tmp_path / "run", repositories) == verdicts


def test_the_web_has_no_repositories(tmp_path: Path) -> None:
    """The setting is refused before anything runs, whichever table brought it there."""
    for key in ("dedup.unit", "web.dedup.unit"):
        with pytest.raises(ConfigError, match=r"web\.dedup\.unit.*github\.dedup"):
            load(None, ["web.inputs=['x.warc.gz']", f"{key}='repository'"], tmp_path)
