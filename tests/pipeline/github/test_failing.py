"""A server that is away: what failed is asked for again, and when all fails the command ends."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.github.access import GitHub
from pipeline.github.crawl import MAX_FAILED_IN_A_ROW, Choice, crawl
from pipeline.github.hydration import hydrate
from pipeline.github.lacking import Lacking
from pipeline.github.materialise import materialise
from pipeline.github.plan import make_plan
from pipeline.github.wanted import Wanted
from pipeline.storage.object_stores.retry import Retry
from stages.errors import StorageError
from stages.github.options import GithubOptions
from stages.github.selection import Selection
from tests.pipeline.github.conftest import NAMES, commit_of
from tests.pipeline.github.github_server import GitHubServer

IMPATIENT = Retry(patience_seconds=0.05, first_pause_seconds=0.01)
CHOICE = Choice(Selection(GithubOptions()), asks_api=False)


def access(server: GitHubServer) -> GitHub:
    return GitHub(
        api=f"{server.url}/api",
        codeload=f"{server.url}/codeload",
        connections=1,
        retry=IMPATIENT,
    )


def silence(*_: object) -> None: ...


def test_a_repository_that_failed_is_asked_for_again(github: GitHubServer, tmp_path: Path) -> None:
    """By the next command; the others are done."""
    github.always = {"bob/beta": "500"}
    wanted = [Wanted(name) for name in NAMES]
    outcomes = crawl(wanted, CHOICE, access(github), tmp_path / "made", silence)
    assert outcomes == {"had": 2, "failed": 1}
    github.always = {}
    github.asked.clear()
    assert crawl(wanted, CHOICE, access(github), tmp_path / "made", silence) == {"had": 3}
    assert github.repos_asked("codeload") == ["bob/beta"]


def test_discussions_that_failed_are_asked_for_again(
    github: GitHubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of a repository that could not be asked for; when all fail it ends."""
    monkeypatch.setattr("pipeline.github.hydration.MAX_FAILED_IN_A_ROW", 3)
    moment = datetime(2025, 11, 1, tzinfo=UTC)
    wanted = [
        Lacking(number, 7, moment, name, None, frozenset()) for number, name in enumerate(NAMES, 1)
    ]
    for one in wanted:
        github.repos[one.repo.lower()].lists = {"issues/7": {"number": 7, "title": "Here"}}
    github.always = {"bob/beta": "500"}
    (tmp_path / "made").mkdir(exist_ok=True)
    arguments = (CHOICE, access(github), tmp_path / "made", silence)
    assert hydrate(wanted, *arguments) == {"had": 2, "failed": 1}
    github.always = {}
    github.asked.clear()
    assert hydrate(wanted, *arguments) == {"had": 3}
    assert github.repos_asked("api") == ["bob/beta"] * 2
    many = [
        replace(one, repo_id=number, repo=f"no/body{number}")
        for number, one in enumerate(2 * wanted, 10)
    ]
    github.always = {one.repo: "hang-up" for one in many}
    with pytest.raises(StorageError, match="3 questions in a row"):
        hydrate(many, *arguments)


def test_when_everything_fails_it_ends(github: GitHubServer, tmp_path: Path) -> None:
    """It is not the repositories."""
    wanted = [Wanted(f"no/body{number}") for number in range(2 * MAX_FAILED_IN_A_ROW)]
    github.always = {one.repo: "hang-up" for one in wanted}
    with pytest.raises(StorageError, match="in a row could not be had"):
        crawl(wanted, CHOICE, access(github), tmp_path / "made", silence)
    lines = (tmp_path / "made/ledger.jsonl").read_text().splitlines()
    assert MAX_FAILED_IN_A_ROW <= len(lines) < len(wanted)


def test_files_that_failed_are_asked_for_again(github: GitHubServer, tmp_path: Path) -> None:
    """With the part they are in."""
    rows = [{"repo": name, "commit": commit_of(name), "path": "README.md"} for name in NAMES]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "list.parquet")
    plan = make_plan([str(tmp_path / "list.parquet")], tmp_path / "made")
    github.always = {"bob/beta": "500"}
    arguments = (plan, CHOICE, "auto", access(github), tmp_path / "made", silence)
    assert materialise(*arguments) == {"had": 2, "failed": 1}
    github.always = {}
    assert materialise(*arguments) == {"had": 3}
    github.asked.clear()
    assert materialise(*arguments) == {"had": 3}
    assert github.asked == []
