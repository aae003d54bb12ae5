"""`--gharchive`: the repositories that hours of events name."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline.github.feed import FOLDER, read_feed
from pipeline.github.wanted import Wanted
from stages.errors import ConfigError
from tests.pipeline.commoncrawl.bucket_server import serve_bucket
from tests.pipeline.github.conftest import Crawl, json_lines
from tests.pipeline.github.github_server import GitHubServer


def event(repo_id: int | None, name: str, at: str, **more: Any) -> dict[str, Any]:
    """An event of the Events API's form."""
    kind = more.pop("type", "PushEvent")
    return {
        "id": "1",
        "type": kind,
        "created_at": at,
        "actor": {"login": "x"},
        "repo": {"id": repo_id, "name": name},
        "payload": more,
    }


TIMELINE = {
    "type": "WatchEvent",
    "created_at": "2012/03/11 00:00:00 -0800",
    "actor": "x",
    "repository": {
        "id": 5,
        "owner": "dan",
        "name": "delta",
        "created_at": "2010/01/01 00:00:00 -0800",
        "watchers": 12,
    },
    "payload": {},
}


def hour(path: Path, *rows: Any) -> Path:
    """An hourly file; what is no object is a line as it stands."""
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_bytes(gzip.compress("\n".join(lines).encode() + b"\n"))
    return path


@pytest.fixture
def hours(tmp_path: Path) -> Path:
    """Three hours: of today's form, of the timeline, and one that breaks off."""
    folder = tmp_path / "hours"
    folder.mkdir()
    hour(
        folder / "2023-01-01-00.json.gz",
        event(2, "old/name", "2023-01-01T00:00:01Z"),
        "{broken",
        event(9, "new/born", "2023-01-01T00:00:02Z", type="CreateEvent", ref_type="repository"),
        event(2, "bob/beta", "2023-01-01T00:00:09Z"),
        event(2, "old/name", "2023-01-01T00:00:03Z"),
    )
    hour(
        folder / "2023-01-01-01.json.gz", TIMELINE, event(None, "Ann/alpha", "2011-05-05T00:00:00Z")
    )
    whole = hour(
        folder / "2023-01-01-02.json.gz", *(event(3, "eve/gamma", "2023-01-01T02:00:00Z"),) * 900
    )
    whole.write_bytes(whole.read_bytes()[:-30])
    return folder


def silence(*_: object) -> None: ...


def test_repositories_of_hours(hours: Path, tmp_path: Path) -> None:
    """The latest name of each, with creation and stars where the events say so. What is broken is
    told, what stands before it counts."""
    feed = read_feed([str(hours / "2023-01-01-{00..02}.json.gz")], tmp_path / "out", silence)
    found = {one.repo: one for one in feed.wanted}
    assert set(found) == {"bob/beta", "new/born", "dan/delta", "Ann/alpha", "eve/gamma"}
    assert found["bob/beta"] == Wanted("bob/beta", 2)
    assert str(found["new/born"].created_at) == "2023-01-01 00:00:02+00:00"
    assert (found["dan/delta"].id, found["dan/delta"].stars) == (5, 12)
    assert str(found["dan/delta"].created_at) == "2010-01-01 08:00:00+00:00"
    assert found["Ann/alpha"].id is None
    assert feed.hours == 3
    assert [problem.rpartition("/")[2][:13] for problem in feed.problems] == ["2023-01-01-02"]


def test_a_name_that_changed_hands(tmp_path: Path) -> None:
    """It is that of the repository that was seen under it last, whichever was met first."""
    day = "2023-01-01T0{}:00:00Z"
    born = {"type": "CreateEvent", "ref_type": "repository"}
    rows = [
        event(2, "y/other", day.format(1), **born),
        event(1, "x/name", day.format(2), **born),
        event(2, "x/Name", day.format(3)),
    ]
    for number, row in enumerate(rows):
        hour(tmp_path / f"2023-01-01-{number}.json.gz", row)
    [found] = read_feed([str(tmp_path / "*.json.gz")], tmp_path / "out", silence).wanted
    assert (found.id, found.repo, found.created_at and found.created_at.hour) == (2, "x/Name", 1)


def test_an_hour_is_read_once(hours: Path, tmp_path: Path) -> None:
    """Unless it could not be read to its end."""
    pattern = str(hours / "*.json.gz")
    first = read_feed([pattern], tmp_path / "out", silence)
    kept = sorted((tmp_path / "out" / FOLDER).iterdir())
    assert [path.name[:13] for path in kept] == ["2023-01-01-00", "2023-01-01-01"]
    pq.write_table(pq.read_table(kept[0]).slice(0, 0), kept[0])
    second = read_feed([pattern], tmp_path / "out", silence)
    assert {one.repo for one in first.wanted} - {one.repo for one in second.wanted} == {
        "bob/beta",
        "new/born",
    }


def test_hours_by_url(hours: Path, tmp_path: Path) -> None:
    """One that the server does not have is told, and the rest is read."""
    files = {path.name: path.read_bytes() for path in hours.iterdir()}
    with serve_bucket(files) as server:
        feed = read_feed([f"{server.url}/2023-01-01-0{{1..3}}.json.gz"], tmp_path / "out", silence)
    assert {one.repo for one in feed.wanted} == {"dan/delta", "Ann/alpha", "eve/gamma"}
    assert ["2023-01-01-02" in feed.problems[0], "2023-01-01-03" in feed.problems[1]] == [True] * 2
    assert len(feed.problems) == 2


def test_a_pattern_that_names_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--gharchive: nothing matches"):
        read_feed([str(tmp_path / "*.json.gz")], tmp_path, silence)


def test_a_crawl_by_events(crawl: Crawl, github: GitHubServer, hours: Path, tmp_path: Path) -> None:
    """What the feed says of creation and stars counts before anything is asked."""
    options = ("--gharchive", str(hours / "*.gz"), "--created-before", "2022-01-01")
    code, out, _ = crawl(options=(*options, "--min-stars", "20", "--without-api"))
    assert code == 0
    assert "2 of 3 hours name 5 repositories" in out
    assert "1 created_late" in out
    assert "1 few_stars" in out
    assert sorted(github.repos_asked("codeload")) == ["Ann/alpha", "bob/beta", "eve/gamma"]
    rows = json_lines(tmp_path / "out/repositories.jsonl")
    assert {row["repo"] for row in rows} == {"Ann/alpha", "bob/beta", "eve/gamma"}
