"""`sluice crawl github` where servers cut, limit and refuse."""

import time
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.github.access import GitHub
from pipeline.storage.politeness.service import Service
from tests.pipeline.github.conftest import (
    NAMES,
    Crawl,
    json_lines,
    outcomes,
)
from tests.pipeline.github.github_server import GitHubServer, Quota


def test_what_cannot_be_had_is_written_down(
    crawl: Crawl, github: GitHubServer, tmp_path: Path
) -> None:
    """With the reason, and not asked for again."""
    github.always = {"bob/beta": "451", "eve/gamma": "403"}
    code, out, _ = crawl(*NAMES, "no/body")
    assert code == 0
    expected = {
        "Ann/alpha": "had",
        "bob/beta": "legal",
        "eve/gamma": "forbidden",
        "no/body": "not_found",
    }
    assert outcomes(tmp_path) == expected
    assert "not_found" in out
    errors = {
        row["asked"]: row.get("error", "") for row in json_lines(tmp_path / "out/ledger.jsonl")
    }
    assert "404 Not Found" in errors["no/body"]
    github.asked.clear()
    assert crawl(*NAMES, "no/body")[0] == 0
    assert github.asked == []


def test_nothing_to_be_had_is_an_error(crawl: Crawl) -> None:
    """Exit code 1, and where it says why."""
    code, _, err = crawl("no/body")
    assert code == 1
    assert "ledger.jsonl says why" in err


@pytest.mark.parametrize("states_length", [True, False])
@pytest.mark.parametrize("knows_ranges", [True, False])
def test_connections_that_are_cut(
    crawl: Crawl, github: GitHubServer, tmp_path: Path, knows_ranges: bool, states_length: bool
) -> None:
    """What is missing is asked for if the server knows ranges, else all of it: the archive is the
    same byte for byte."""
    github.knows_ranges, github.states_length = knows_ranges, states_length
    github.faults["codeload"] = ["reset", "short", "hang-up", "500", ""]
    github.faults["api"] = ["hang-up", "502"]
    assert crawl("bob/beta")[0] == 0
    data = (tmp_path / "out/archives/bob__beta.tar.gz").read_bytes()
    assert data == github.repos["bob/beta"].archives["HEAD"]
    ranges = [one.headers.get("range") for one in github.asked if one.kind == "codeload"]
    half = len(data) // 2
    rest = f"bytes={half + (len(data) - half) // 2}-"
    if knows_ranges:
        assert ranges == [None, f"bytes={half}-", rest, rest, rest]
    else:
        assert len(ranges) == 5


def test_an_archive_that_ends_early_as_it_should_not_is_not_taken(
    crawl: Crawl, github: GitHubServer, tmp_path: Path
) -> None:
    """The answer is whole, the gzip stream in it is not: asked for again, at last given up."""
    github.faults["codeload"] = ["cut", "garbage", ""]
    github.always = {"eve/gamma": "cut"}
    assert crawl("bob/beta", "eve/gamma", options=("--without-api", "--connections", "1"))[0] == 0
    assert outcomes(tmp_path) == {"bob/beta": "had", "eve/gamma": "damaged"}
    assert github.repos_asked("codeload") == ["bob/beta"] * 3 + ["eve/gamma"] * 3
    assert [path.name for path in (tmp_path / "out/archives").iterdir()] == ["bob__beta.tar.gz"]


def test_an_archive_that_is_too_large(crawl: Crawl, tmp_path: Path) -> None:
    assert crawl(*NAMES, options=("--max-bytes", "100"))[0] == 1
    assert set(outcomes(tmp_path).values()) == {"too_large"}


def test_the_quota_of_an_hour_is_kept(crawl: Crawl, github: GitHubServer) -> None:
    """After the last request of a window nobody asks before the next: no request is refused."""
    github.quota = Quota(limit=2, seconds=2)
    assert crawl(*NAMES)[0] == 0
    assert github.violations == 0
    times = [one.at for one in github.asked if one.kind == "api"]
    assert times[2] - times[0] >= 1


def test_a_quota_that_others_used_up(crawl: Crawl, github: GitHubServer) -> None:
    """403 without a Retry-After waits for the reset, and costs nothing but time."""
    github.quota = Quota(limit=2, seconds=2, left=0, until=int(time.time()) + 2)
    assert crawl("bob/beta")[0] == 0
    assert github.violations == 1
    assert github.repos_asked("api") == ["bob/beta"] * 2


@pytest.mark.parametrize("code", ["403:1", "429:1", "503:1"])
@pytest.mark.parametrize("kind", ["api", "codeload"])
def test_a_refusal_that_says_how_long(
    crawl: Crawl, github: GitHubServer, kind: str, code: str
) -> None:
    """Everybody waits so long, then everything is had."""
    github.faults[kind] = [code]
    assert crawl("bob/beta")[0] == 0
    times = [one.at for one in github.asked if one.kind == kind]
    assert len(times) == 2
    assert times[1] - times[0] >= 1


@property
def impatient(github: GitHub) -> Service:
    """A second stands for a minute."""
    return Service("test", 2, "blocked", pause_seconds=1.0, pause_growth=2.0)


def test_a_secondary_limit_that_does_not_say_how_long(
    crawl: Crawl, github: GitHubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It costs a minute, then twice that."""
    monkeypatch.setattr(GitHub, "api_service", impatient)
    github.faults["api"] = ["secondary", "secondary"]
    assert crawl("bob/beta")[0] == 0
    times = [one.at for one in github.asked if one.kind == "api"]
    first, second = (b - a for a, b in pairwise(times))
    assert first >= 1
    assert second >= 2


def test_a_wrong_token_ends_it_at_once(crawl: Crawl, github: GitHubServer) -> None:
    """Everything would fail; the message does not show the token."""
    github.faults["api"] = ["401"]
    code, _, err = crawl(*NAMES, options=("--connections", "1"))
    assert code == 1
    assert "GITHUB_TOKEN" in err
    assert "of-the-test" not in err
    assert len(github.asked) == 1
