"""Hourly files, event by event."""

import datetime
import gzip
import io
import json
import sys

import pytest

from stages.github.entries import Damaged
from stages.github.gharchive.events import BadEvent, Event, read_events, stated_repositories
from tests.stages.github.gharchive.feed import Feed, Timeline, Trimmed, hour

REPO = (42, "octo/cat")


def utc(*parts):
    return datetime.datetime(*parts, tzinfo=datetime.UTC)


def read(data):
    return list(read_events(io.BytesIO(data)))


def test_an_event_of_the_events_api():
    """Type, time, actor and repository."""
    [event] = read(hour(Feed().watch(REPO, at="2015-01-01T15:00:01Z")))
    assert (event.type, event.actor) == ("WatchEvent", "alice")
    assert (event.repo_id, event.repo) == REPO
    assert event.at == utc(2015, 1, 1, 15, 0, 1)
    assert event.place == "1"


def test_an_event_of_the_timeline():
    """Its repository is said as owner and name, its actor is a name, its time has a zone."""
    [event] = read(hour(Timeline().comment(REPO, at="2012/03/11 00:00:00 -0800")))
    assert (event.repo_id, event.repo, event.actor) == (*REPO, "carol")
    assert event.at == utc(2012, 3, 11, 8)
    [stated] = stated_repositories(event)
    assert (stated.stars, stated.forks) == (11, 3)
    assert stated.created_at == utc(2011, 2, 3, 12, 5, 6)


def test_a_repository_of_2011_without_an_id():
    """It is no repository that a key could be made of."""
    row = Feed().watch(REPO, at="2011-02-12T00:00:00Z")
    row["repo"] = {"url": "https://api.github.dev/repos//", "name": "/"}
    del row["id"]
    [event] = read(hour(row))
    assert (event.repo_id, event.repo) == (None, None)
    assert stated_repositories(event) == []


def test_what_a_pull_request_says_of_its_repository():
    """Creation, stars and forks, until payloads were trimmed."""
    at = "2024-01-01T00:00:00Z"
    [full] = read(hour(Feed().pull(REPO, 3, "t", "b", at=at, stars=9, forks=4)))
    [stated] = stated_repositories(full)
    assert (stated.stars, stated.forks) == (9, 4)
    assert stated.created_at == utc(2014, 5, 6, 7, 8, 9)
    [trimmed] = read(hour(Trimmed().pull(REPO, 3, at=at)))
    [stated] = stated_repositories(trimmed)
    assert (stated.name, stated.stars, stated.created_at) == ("octo/cat", None, None)


def test_a_creation_and_a_fork():
    """A repository is as old as the event of its creation; a fork is a repository, too."""
    feed, at = Feed(), "2016-01-01T00:00:00Z"
    created, forked = read(hour(feed.created(REPO, at=at), feed.fork(REPO, (43, "me/cat"), at=at)))
    assert [one.created_at for one in stated_repositories(created)] == [utc(2016, 1, 1)]
    assert [(one.repo_id, one.name) for one in stated_repositories(forked)] == [
        REPO,
        (43, "me/cat"),
    ]


def test_broken_lines():
    """Each is told with its line, and costs no other."""
    good = Feed().watch(REPO, at="2015-01-01T15:00:01Z")
    wrong = {**good, "created_at": "yesterday"}
    found = read(hour(good, b'{"id": "1", "type": "Watch', b"[1]", b"", wrong, b"\xff", good))
    assert [(one.line, one.reason) for one in found if isinstance(one, BadEvent)] == [
        (2, "broken_json"),
        (3, "wrong_field"),
        (5, "wrong_field"),
        (6, "broken_json"),
    ]
    assert [one.line for one in found if isinstance(one, Event)] == [1, 7]


def test_several_events_in_one_line():
    """Early files have them; the one that broke off is told from those before it."""
    row = json.dumps(Feed().watch(REPO, at="2012-01-01T15:00:01Z")).encode()
    found = read(hour(row + row + b'{"ty', row))
    assert [one.place for one in found] == ["1", "1.1", "1.2", "2"]
    assert isinstance(found[2], BadEvent)


def test_a_file_that_breaks_off():
    """What came before is read."""
    rows = [Feed().watch(REPO, at="2015-01-01T15:00:01Z") for _ in range(2000)]
    data = hour(*rows)
    events = read_events(io.BytesIO(data[: len(data) // 2]))
    assert isinstance(next(events), Event)
    with pytest.raises(Damaged):
        list(events)


def test_plain_files():
    """Expanded already."""
    data = gzip.decompress(hour(Feed().watch(REPO, at="2015-01-01T15:00:01Z")))
    assert len(read(data)) == 1


@pytest.mark.parametrize("value", ["7a", -1, True, 1.5, [], {}])
def test_a_repository_id_that_is_none(value):
    """It costs the event."""
    row = Feed().watch(REPO, at="2015-01-01T15:00:01Z")
    row["repo"]["id"] = value
    [found] = read(hour(row))
    assert isinstance(found, BadEvent)
    assert "repo.id" in found.error


def test_values_of_any_depth():
    """However deeply a value is nested, it costs its own line: also where it can just be read, and
    not be written any more."""
    before = json.dumps(Feed().watch(REPO, at="2015-01-01T15:00:01Z"))
    for depth in range(sys.getrecursionlimit() - 150, sys.getrecursionlimit() + 1):
        deep = "[" * depth + "]" * depth
        found = read("\n".join([before, deep, f'{{"type": {deep}}}', before]).encode())
        assert [Event, BadEvent, BadEvent, Event] == [type(one) for one in found], depth
