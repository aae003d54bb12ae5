"""A server that is away: what failed is asked for again, and when all fails the command ends."""

import shutil
from collections import Counter
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
from tests.pipeline.conftest import Sluice
from tests.pipeline.github.conftest import NAMES, commit_of, files_of
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


def parts_of(folder: Path) -> dict[str, bytes]:
    """The parts of files and problems, by name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for kind in ("files", "problems")
        for path in (folder / kind).iterdir()
    }


def wanted_files(folder: Path) -> str:
    """Every file of three repositories, one that is not there, one whose commit is none."""
    rows = [
        {"repo": name, "commit": commit_of(name), "path": path}
        for name in NAMES
        for path in (*files_of(name), "left/out.py")
    ]
    rows.append({"repo": "bob/beta", "commit": "../etc", "path": "evil.py"})
    pq.write_table(pa.Table.from_pylist(rows), folder / "list.parquet")
    return str(folder / "list.parquet")


@pytest.mark.parametrize("name", NAMES)
def test_files_that_failed_are_asked_for_again(
    github: GitHubServer, tmp_path: Path, name: str
) -> None:
    """They alone, and the part has the bytes that it would have if nothing had failed; also where
    the table was written last time and its problems were not."""
    list_ = wanted_files(tmp_path)

    def fetch(folder: str) -> Counter[str]:
        (tmp_path / folder).mkdir(exist_ok=True)
        plan = make_plan([list_], tmp_path / folder)
        github.asked.clear()
        return materialise(plan, CHOICE, "auto", access(github), tmp_path / folder, silence)

    whole = fetch("clean")
    github.always = {name: "500"}
    assert fetch("made")["failed"] == len(files_of(name)) + 1
    told = tmp_path / "made/problems/part-00000.jsonl"
    before = told.read_bytes()
    github.always = {}
    for _ in range(2):
        assert fetch("made") == whole
        assert github.repos_asked("codeload") == [name]
        assert parts_of(tmp_path / "made") == parts_of(tmp_path / "clean")
        told.write_bytes(before)
    assert fetch("clean") == whole
    assert github.asked == []


def test_who_opts_out_while_others_failed(github: GitHubServer, tmp_path: Path) -> None:
    """By the name that the list has, or by today's: its files are taken out and told once."""
    github.moved["old/name"] = "bob/beta"
    rows = [
        {"repo": name, "commit": commit_of(commit), "path": "README.md"}
        for name, commit in (
            ("Ann/alpha", "Ann/alpha"),
            ("old/name", "bob/beta"),
            ("eve/gamma",) * 2,
        )
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "list.parquet")
    for opted_out in ("old/name", "bob/beta"):
        folder = tmp_path / opted_out.replace("/", "-")
        folder.mkdir()
        plan = make_plan([str(tmp_path / "list.parquet")], folder)
        github.always = {"eve/gamma": "500"}
        arguments = ("auto", access(github), folder, silence)
        assert materialise(plan, CHOICE, *arguments) == {"had": 2, "failed": 1}
        github.always = {}
        (tmp_path / "no.txt").write_text(opted_out)
        options = GithubOptions(opt_out=(str(tmp_path / "no.txt"),))
        choice = Choice(Selection(options), asks_api=False)
        for _ in range(2):
            assert materialise(plan, choice, *arguments) == {"had": 2, "opt_out": 1}


def test_choices_that_changed(github: GitHubServer, sluice: Sluice, tmp_path: Path) -> None:
    """What is done was chosen otherwise: it is said, with both, until nothing is done any more."""
    arguments = ("crawl", "github", "--files", wanted_files(tmp_path), "-o", str(tmp_path / "out"))
    for _ in range(2):
        assert sluice(*arguments, "--min-stars", "2")[0] == 0
    code, _, err = sluice(*arguments, "--min-stars", "3", "--from", "archives")
    assert code == 2
    assert "--min-stars 2, --from auto, not --min-stars 3, --from archives" in " ".join(err.split())
    shutil.rmtree(tmp_path / "out/files")
    assert sluice(*arguments, "--min-stars", "3")[0] == 0
    assert sluice(*arguments, "--min-stars", "2")[0] == 2
