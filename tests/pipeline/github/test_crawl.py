"""`sluice crawl github`: each repository once, whatever the server does, and what became of it."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.configuration import load
from pipeline.github.access import GitHub
from pipeline.run import run
from tests.pipeline.conftest import Sluice, read_shards
from tests.pipeline.github.conftest import (
    NAMES,
    Crawl,
    commit_of,
    files_of,
    json_lines,
    outcomes,
    repo,
)
from tests.pipeline.github.github_server import GitHubServer

ROOT = Path(__file__).resolve().parents[3]


def test_what_is_crawled_is_read(crawl: Crawl, tmp_path: Path) -> None:
    """Archives and what the API says of them are the inputs and metadata of a run."""
    code, out, _ = crawl(*NAMES)
    assert code == 0
    assert "3 repositories, 0 of them done" in out
    settings = [
        f"github.inputs=['{tmp_path}/out/archives']",
        f"github.metadata='{tmp_path}/out/repositories.jsonl'",
    ]
    report = run(
        load(None, settings, tmp_path / "run"), stages=["github.documents"], address="local"
    )
    assert report.steps["github.documents"].quarantined == 0
    table = read_shards(tmp_path / "run/github/documents")
    assert set(table["uri"].to_pylist()) == {
        f"{name}@{commit_of(name)}:{path}" for name in NAMES for path in files_of(name)
    }
    stars = dict(zip(table["repo"].to_pylist(), table["stars"].to_pylist(), strict=True))
    assert stars == {"Ann/alpha": 10, "bob/beta": 20, "eve/gamma": 30}
    assert {str(day.date()) for day in table["repo_created_at"].to_pylist()} == {"2020-02-02"}


def test_a_dry_run_asks_nothing(crawl: Crawl, github: GitHubServer, tmp_path: Path) -> None:
    """It says how many there are, and how long they take."""
    code, out, _ = crawl(*NAMES, options=("--dry-run",))
    assert (code, github.asked) == (0, [])
    assert "3 to ask for" in out
    assert "5,000 an hour (with a token)" in out
    assert not (tmp_path / "out/archives").exists()


def test_who_opted_out_is_not_asked_for(crawl: Crawl, github: GitHubServer, tmp_path: Path) -> None:
    """Neither by the name it opted out with, nor when another name proves to be that one; what is
    here already is removed."""
    assert crawl("bob/beta")[0] == 0
    (tmp_path / "no.txt").write_text("https://github.com/BOB  # all of it\neve/gamma\n")
    github.moved["old/name"] = "eve/gamma"
    github.asked.clear()
    options = ("--opt-out", str(tmp_path / "no.txt"))
    code, out, _ = crawl(*NAMES, "old/name", options=options)
    assert code == 0
    assert "2 opt_out" in out
    assert github.repos_asked("codeload") == ["Ann/alpha"]
    assert sorted(github.repos_asked("api")) == ["Ann/alpha", "eve/gamma", "old/name"]
    assert [path.name for path in (tmp_path / "out/archives").iterdir()] == ["Ann__alpha.tar.gz"]
    assert outcomes(tmp_path) == {
        "Ann/alpha": "had",
        "bob/beta": "opt_out",
        "old/name": "opt_out",
    }


def test_choices_by_age_and_stars(crawl: Crawl, github: GitHubServer, tmp_path: Path) -> None:
    """By what the API says; asked again when the options change."""
    github.repos["eve/gamma"].created_at = "2023-11-01T00:00:00Z"
    options = ("--created-before", "2023-11-01", "--min-stars", "15")
    assert crawl(*NAMES, options=options)[0] == 0
    assert outcomes(tmp_path) == {
        "Ann/alpha": "few_stars",
        "bob/beta": "had",
        "eve/gamma": "created_late",
    }
    assert crawl(*NAMES)[0] == 0
    assert set(outcomes(tmp_path).values()) == {"had"}
    assert sorted(github.repos_asked("codeload")) == sorted(NAMES)


def test_a_renamed_repository_is_followed_once(
    crawl: Crawl, github: GitHubServer, tmp_path: Path
) -> None:
    """The new name is recorded; two names of one repository are one archive. The token goes to the
    API alone."""
    github.moved["old/name"] = "bob/beta"
    options = ("--connections", "1")
    assert crawl("old/name", "bob/beta", options=options)[0] == 0
    rows = json_lines(tmp_path / "out/repositories.jsonl")
    assert [(row["repo"], row["asked"], row["id"]) for row in rows] == [("bob/beta", "old/name", 2)]
    assert outcomes(tmp_path) == {"old/name": "had", "bob/beta": "duplicate"}
    github_asked = list(github.asked)
    assert crawl("old/name", "bob/beta", options=options)[0] == 0
    assert github.asked == github_asked, "both are done"
    sent = {(one.kind, one.headers.get("authorization")) for one in github.asked}
    assert sent == {("api", "Bearer of-the-test"), ("codeload", None)}


@pytest.mark.parametrize("codeload_follows", [True, False])
def test_without_the_api_a_move_is_found(
    crawl: Crawl, github: GitHubServer, tmp_path: Path, codeload_follows: bool
) -> None:
    """By codeload's redirect, or by asking the API about what codeload does not know."""
    github.moved["old/name"] = "bob/beta"
    github.codeload_follows = codeload_follows
    assert crawl("old/name", "Ann/alpha", options=("--without-api",))[0] == 0
    rows = json_lines(tmp_path / "out/repositories.jsonl")
    assert {row["repo"] for row in rows} == {"bob/beta", "Ann/alpha"}
    assert len(github.repos_asked("api")) == (0 if codeload_follows else 2)


def test_a_redirect_to_who_opted_out_or_is_here(
    crawl: Crawl, github: GitHubServer, tmp_path: Path
) -> None:
    """Is not followed: two names are one archive, and who opted out is left alone."""
    github.moved |= {"old/name": "bob/beta", "old/other": "eve/gamma"}
    github.codeload_follows = True
    (tmp_path / "no.txt").write_text("eve\n")
    options = ("--without-api", "--connections", "1", "--opt-out", str(tmp_path / "no.txt"))
    assert crawl("old/name", "bob/beta", "old/other", options=options)[0] == 0
    assert outcomes(tmp_path) == {
        "old/name": "had",
        "bob/beta": "duplicate",
        "old/other": "opt_out",
    }
    assert github.repos_asked("codeload") == ["old/name", "bob/beta", "old/other"]


def test_an_update_asks_by_etag(crawl: Crawl, github: GitHubServer, tmp_path: Path) -> None:
    """What has not changed is not sent again; what has, replaces what is here."""
    assert crawl(*NAMES)[0] == 0
    github.repos["bob/beta"] = repo(tmp_path / "made", "bob/beta", 2, stars=99)
    changed = repo(tmp_path / "made", "bob/Beta", 9).archives["HEAD"]
    github.repos["bob/beta"].archives["HEAD"] = changed
    before = (tmp_path / "out/archives/Ann__alpha.tar.gz").stat().st_mtime_ns
    github.asked.clear()
    assert crawl(*NAMES, options=("--update",))[0] == 0
    assert all("if-none-match" in one.headers for one in github.asked)
    assert (tmp_path / "out/archives/Ann__alpha.tar.gz").stat().st_mtime_ns == before
    assert (tmp_path / "out/archives/bob__beta.tar.gz").read_bytes() == changed
    rows = {row["repo"]: row for row in json_lines(tmp_path / "out/repositories.jsonl")}
    assert rows["bob/beta"]["stars"] == 99
    assert rows["bob/beta"]["revision"] == commit_of("bob/Beta")
    assert rows["Ann/alpha"]["stars"] == 10


def test_what_is_gone_stays_and_what_is_taken_down_does_not(
    crawl: Crawl, github: GitHubServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An update finds one deleted, and says so, and one closed for legal reasons."""
    assert crawl(*NAMES)[0] == 0
    del github.repos["ann/alpha"]
    github.always["bob/beta"] = "451"
    assert crawl(*NAMES, options=("--update",))[0] == 0
    assert outcomes(tmp_path) == {"Ann/alpha": "had", "bob/beta": "legal", "eve/gamma": "had"}
    here = {path.name for path in (tmp_path / "out/archives").iterdir()}
    assert here == {"Ann__alpha.tar.gz", "eve__gamma.tar.gz"}
    assert "Ann/alpha is not updated" in caplog.text
    assert "eve/gamma" not in caplog.text


def test_what_is_neither_here_nor_there(crawl: Crawl, github: GitHubServer, tmp_path: Path) -> None:
    """An archive that somebody removed, of a repository that is gone meanwhile, is not had."""
    assert crawl(*NAMES)[0] == 0
    (tmp_path / "out/archives/bob__beta.tar.gz").unlink()
    del github.repos["bob/beta"]
    assert "not_found  1" in crawl(*NAMES)[1]
    assert outcomes(tmp_path)["bob/beta"] == "not_found"


def test_an_interrupted_crawl_goes_on(crawl: Crawl, github: GitHubServer, tmp_path: Path) -> None:
    """Half a line of the ledger, as a dying process leaves it, is no line; an archive that is gone
    is fetched again."""
    assert crawl("Ann/alpha", "bob/beta")[0] == 0
    with (tmp_path / "out/ledger.jsonl").open("ab") as stream:
        stream.write(b'{"asked": "eve/gamma", "outco')
    (tmp_path / "out/archives/bob__beta.tar.gz").unlink()
    github.asked.clear()
    assert crawl(*NAMES)[0] == 0
    assert sorted(github.repos_asked("codeload")) == ["bob/beta", "eve/gamma"]
    assert set(outcomes(tmp_path).values()) == {"had"}


def test_a_damaged_ledger_names_its_line(crawl: Crawl, tmp_path: Path) -> None:
    assert crawl("Ann/alpha")[0] == 0
    with (tmp_path / "out/ledger.jsonl").open("ab") as stream:
        stream.write(b"no JSON\n")
    code, _, err = crawl(*NAMES)
    assert code == 1
    assert "ledger.jsonl, line 2 is damaged" in err


def test_connections_are_few(crawl: Crawl, github: GitHubServer) -> None:
    """Of all threads together."""
    github.pause = 0.05
    assert crawl(*NAMES, options=("--connections", "2", "--without-api"))[0] == 0
    assert github.open_at_most <= 2


def test_wrong_usage(crawl: Crawl, sluice: Sluice, tmp_path: Path) -> None:
    """Exit code 2 names the option and the value."""
    for arguments, message in (
        (("bob",), "no OWNER/REPO"),
        (("bob/be ta",), "list.txt"),
    ):
        code, _, err = crawl(*arguments)
        assert code == 2
        assert message in err
    code, _, err = crawl("bob/beta", options=("--api", "ftp://x"))
    assert code == 2
    assert "--api 'ftp://x'" in err
    code, _, err = sluice("crawl", "github", "-o", str(tmp_path / "out"))
    assert code == 2
    assert "--repos" in err


def test_the_rules_of_the_api() -> None:
    """900 requests a minute at most; a minute after a refusal that does not say how long, then
    two; an hour if it says so."""
    service = GitHub().api_service
    assert service.apart_seconds * 900 == pytest.approx(60)
    assert (service.pause_seconds, service.pause_growth) == (60, 2)
    assert service.longest_pause_seconds >= 3600
    assert service.connections <= 100


def test_names_that_make_no_file(crawl: Crawl, github: GitHubServer, tmp_path: Path) -> None:
    """Too long for a file system, or such that two repositories would have one archive."""
    names = ("a/" + "x" * 250, "o__o/p", "o/o__p", "u_/p", "u/_p")
    for number, name in enumerate(names, 11):
        github.repos[name] = repo(tmp_path / "made", name, number)
    assert crawl(*names)[0] == 0
    rows = json_lines(tmp_path / "out/repositories.jsonl")
    assert {row["repo"] for row in rows} == set(names)
    assert len({row["input"] for row in rows}) == len(names)
    assert len(list((tmp_path / "out/archives").iterdir())) == len(names)


@pytest.mark.parametrize("place", ["http://[bad", "ftp://x/y", "/\u00e9 x", "file:///etc/passwd"])
def test_a_move_to_nowhere(crawl: Crawl, github: GitHubServer, tmp_path: Path, place: str) -> None:
    """Is a reason, and no crash."""
    github.moved["old/name"] = "bob/beta"
    github.place = place
    assert crawl("old/name", "Ann/alpha")[0] == 0
    assert outcomes(tmp_path)["old/name"] in ("refused", "not_found")


def test_a_crawl_that_is_killed_goes_on(crawl: Crawl, github: GitHubServer, tmp_path: Path) -> None:
    """What the ledger says is done is not asked for again, and all is there in the end."""
    names = [f"many/r{number}" for number in range(12)]
    for number, name in enumerate(names, 20):
        github.repos[name] = repo(tmp_path / "made", name, number)
    github.pause = 0.1
    (tmp_path / "names.txt").write_text("\n".join(names))
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", "crawl", "github"]
    listed = ("--repos", str(tmp_path / "names.txt"), "-o", str(tmp_path / "out"))
    process = subprocess.Popen([*command, *listed, "--connections", "2"], cwd=ROOT)
    ledger = tmp_path / "out/ledger.jsonl"
    deadline = time.monotonic() + 60
    while not ledger.exists() or ledger.read_bytes().count(b"\n") < 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    done = set(outcomes(tmp_path))
    assert 3 <= len(done) < 12
    github.pause = 0.0
    github.asked.clear()
    assert crawl(*names)[0] == 0
    assert set(github.repos_asked("codeload")) == set(names) - done
    for name in names:
        data = (tmp_path / f"out/archives/{name.replace('/', '__')}.tar.gz").read_bytes()
        assert data == github.repos[name].archives["HEAD"]
    assert len(json_lines(tmp_path / "out/repositories.jsonl")) == 12
