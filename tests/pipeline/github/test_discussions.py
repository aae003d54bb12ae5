"""`--discussions`: what hours of GH Archive do not tell, told by the API as more events."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.configuration import load
from pipeline.run import run
from tests.pipeline.conftest import read_shards
from tests.pipeline.github.conftest import Crawl, json_lines
from tests.pipeline.github.github_server import GitHubServer
from tests.stages.github.gharchive.feed import Feed, Timeline, Trimmed, hour

ALPHA, BETA, GAMMA = (1, "Ann/alpha"), (2, "bob/beta"), (3, "eve/gamma")
CREATED = "2014-05-06T07:08:09Z"
AT = "2025-11-01T05:00:00Z"


def at(minute: int) -> str:
    """A minute of the hour."""
    return f"2025-11-01T05:{minute:02d}:00Z"


def issue(number: int, title: str, body: str, *, when: str = AT, user: str = "alice") -> Any:
    """What the API says of a pull request, as an issue."""
    return {
        "id": 1000 + number,
        "number": number,
        "title": title,
        "body": body,
        "user": {"login": user, "type": "Bot" if user.endswith("[bot]") else "User"},
        "created_at": when,
        "updated_at": when,
        "pull_request": {"url": "https://api/pulls"},
        "comments": 9,
    }


def story(feed: Feed) -> list[Any]:
    """A pull request with a comment, two of a program, and an issue, of which every feed has the
    words."""
    known = {"created_at": CREATED, "stars": 10}
    return [
        feed.pull(ALPHA, 3, "Add a thing", "It adds it.", at=at(0), **known),
        feed.review_comment(ALPHA, 3, 5, "Why, @alice?", at=at(1)),
        feed.pull(ALPHA, 4, "Bump it", "From 1 to 2", at=at(2), user="robot[bot]", **known),
        feed.pull(ALPHA, 5, "Bump that", "From 2 to 3", at=at(3), user="robot[bot]", **known),
        feed.comment(ALPHA, 7, 9, "Me too", at=at(4), title="It fails", body="Badly"),
    ]


@pytest.fixture
def hours(tmp_path: Path, github: GitHubServer) -> Path:
    """The story as the feed tells it since October 2025, and the API that knows the rest."""
    github.repos["ann/alpha"].created_at = CREATED
    github.repos["ann/alpha"].lists = {
        "issues/3": issue(3, "Add a thing", "It adds it.", when=at(0)),
    }
    return write(tmp_path / "hours", *story(Trimmed()))


def write(folder: Path, *rows: Any, name: str = "2025-11-01-5.json.gz") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(hour(*rows))
    return folder


def documents(folder: Path, *inputs: Path) -> dict[str, dict[str, Any]]:
    """URI → row, of a run over these."""
    made = load(None, [f"github.inputs={[str(one) for one in inputs]}"], folder)
    run(made, address="local", stages=["github.documents"])
    rows = read_shards(folder / "github/documents").to_pylist()
    return {row["uri"]: row for row in rows}


def ask(crawl: Crawl, hours: Path, *options: str) -> str:
    code, out, err = crawl(options=("--discussions", str(hours), *options))
    assert code == 0, err
    return out


def ledger(tmp_path: Path) -> dict[str, str]:
    """The last outcome of each discussion."""
    rows = json_lines(tmp_path / "out/discussions.jsonl")
    return {row["asked"]: row["outcome"] for row in rows}


def asked(github: GitHubServer) -> list[str]:
    """What was asked for, in order of names."""
    return sorted(f"{one.repo}/{one.path}".strip("/") for one in github.asked)


def test_with_the_api_it_is_as_if_the_feed_had_it_all(
    crawl: Crawl, github: GitHubServer, hours: Path, tmp_path: Path
) -> None:
    """Every column of every document. What the feed has, and what a program said, is not asked."""
    whole = documents(tmp_path / "whole", write(tmp_path / "untrimmed", *story(Feed())))
    assert set(whole) == {"Ann/alpha#issue/3", "Ann/alpha#issue/7"}
    out = ask(crawl, hours)
    assert "1 of 1 hours mention 4 discussions and have not all words of 3" in out
    assert "2 bot" in out
    assert asked(github) == ["Ann/alpha", "Ann/alpha/issues/3"]
    assert documents(tmp_path / "told", hours, tmp_path / "out/discussions") == whole


def test_comments_without_words(crawl: Crawl, github: GitHubServer, tmp_path: Path) -> None:
    """The timeline names them by number: all pages are asked for; those of programs stay out."""
    then = "2013/05/01 01:00:00 -0000"
    hours = write(
        tmp_path / "hours",
        Timeline().pull(ALPHA, 1, "Old", "As it was", at=then),
        Timeline().comment(ALPHA, at=then),
        name="2013-05-01-1.json.gz",
    )
    users = ("carol", "dan", "travis[bot]", "eve", "carol")
    comments = [
        {
            "id": number,
            "body": f"Comment {number}",
            "user": {"login": user, "type": "User"},
            "created_at": f"2013-05-02T00:00:0{number}Z",
            "updated_at": f"2013-05-02T00:00:0{number}Z",
        }
        for number, user in enumerate(users)
    ]
    github.repos["ann/alpha"].lists = {
        "issues/1": issue(
            1, "Old, and edited", "As it is", when="2014-01-01T00:00:00Z", user="carol"
        ),
        "issues/1/comments": comments,
    }
    ask(crawl, hours)
    assert asked(github) == [
        "Ann/alpha",
        "Ann/alpha/issues/1",
        *["Ann/alpha/issues/1/comments"] * 3,
    ]
    (row,) = documents(tmp_path / "run", hours, tmp_path / "out/discussions").values()
    assert row["uri"] == "Ann/alpha#issue/1"
    assert row["text"] == (
        "# Old, and edited\n\nAs it is\n\n---\n\n**Author**:\n\nComment 0\n\n---\n\n"
        "**Other**:\n\nComment 1\n\n---\n\n**Other**:\n\nComment 3\n\n---\n\n"
        "**Author**:\n\nComment 4\n"
    )


def test_comments_on_programs_pull_requests(
    crawl: Crawl, github: GitHubServer, hours: Path, tmp_path: Path
) -> None:
    """The title is not worth a question: the comment stands alone."""
    rows = [*story(Trimmed()), Trimmed().review_comment(ALPHA, 4, 6, "Wait", at=at(6))]
    write(hours, *rows)
    ask(crawl, hours)
    found = documents(tmp_path / "run", hours, tmp_path / "out/discussions")
    text = found["Ann/alpha#issue/4"]["text"]
    assert text == "**Other**, on `src/thing.py`:\n\nWait\n"
    assert asked(github) == ["Ann/alpha", "Ann/alpha/issues/3"]


def test_what_cannot_be_had_is_written_down(
    crawl: Crawl, github: GitHubServer, tmp_path: Path
) -> None:
    """With the reason, discussion by discussion, and not asked for again. A name that another
    repository has now is not believed, nor is an issue that is elsewhere."""
    pulls = [
        *(Trimmed().pull(ALPHA, number, at=AT) for number in (1, 2, 3, 4)),
        Trimmed().pull((99, "bob/beta"), 1, at=AT),
        Trimmed().pull((7, "no/body"), 1, at=AT),
        Trimmed().pull((8, "no/body2"), 1, at=AT),
    ]
    github.repos["ann/alpha"].lists = {
        "issues/1": 410,
        "issues/2": "bob/beta/issues/2",
        "issues/3": issue(33, "Another", "one"),
        "issues/4": issue(4, "Here", "it is"),
    }
    github.always = {"no/body2": "451"}
    hours = write(tmp_path / "hours", *pulls)
    ask(crawl, hours)
    expected = {
        "Ann/alpha#issue/1": "not_found",
        "Ann/alpha#issue/2": "transferred",
        "Ann/alpha#issue/3": "no_answer",
        "Ann/alpha#issue/4": "had",
        "bob/beta#issue/1": "other_repository",
        "no/body#issue/1": "not_found",
        "no/body2#issue/1": "legal",
    }
    assert ledger(tmp_path) == expected
    errors = {
        row["asked"]: row.get("error") for row in json_lines(tmp_path / "out/discussions.jsonl")
    }
    assert "410" in str(errors["Ann/alpha#issue/1"])
    assert "bob/beta was number 99 and is 2 now" in str(errors["bob/beta#issue/1"])
    assert "bob/beta/issues/2" not in asked(github)
    github.asked.clear()
    assert "7 discussions, 7 of them done" in ask(crawl, hours)
    assert github.asked == []


def test_a_renamed_repository(crawl: Crawl, github: GitHubServer, tmp_path: Path) -> None:
    """Is followed; its documents are called as in the feed, and the ledger has today's name."""
    github.moved["old/name"] = "bob/beta"
    github.repos["bob/beta"].lists = {"issues/1": issue(1, "Here", "it is")}
    hours = write(tmp_path / "hours", Trimmed().pull((2, "old/name"), 1, at=AT))
    ask(crawl, hours)
    assert asked(github) == ["bob/beta", "bob/beta/issues/1", "old/name"]
    (row,) = json_lines(tmp_path / "out/discussions.jsonl")
    assert (row["asked"], row["repo"], row["id"]) == ("old/name#issue/1", "bob/beta", 2)
    found = documents(tmp_path / "run", hours, tmp_path / "out/discussions")
    assert found["old/name#issue/1"]["text"] == "# Here\n\nit is\n"


def test_who_is_not_wanted_is_not_asked_about(
    crawl: Crawl, github: GitHubServer, tmp_path: Path
) -> None:
    """By an opt-out of any name in the feed, or of today's; by creation, by stars."""
    github.moved["old/name"] = "bob/beta"
    github.repos["ann/alpha"].created_at = "2023-11-01T00:00:00Z"
    hours = write(
        tmp_path / "hours",
        *(Trimmed().pull(one, 1, at=AT) for one in (ALPHA, (2, "old/name"), GAMMA)),
        Trimmed().pull((3, "eve/before"), 2, at=at(1)),
        Timeline().comment((5, "late/r"), at="2012/05/01 01:00:00 -0000"),
    )
    (tmp_path / "no.txt").write_text("bob\neve/before\n")
    options = ("--opt-out", str(tmp_path / "no.txt"), "--created-before")
    code, _, err = crawl(options=("--discussions", str(hours), *options, "2011-01-01"))
    assert code == 1
    assert "no discussion could be had" in err
    assert asked(github) == ["Ann/alpha", "bob/beta", "old/name"]
    assert ledger(tmp_path) == {"Ann/alpha#issue/1": "created_late", "old/name#issue/1": "opt_out"}


def test_who_opts_out_later_is_removed(
    crawl: Crawl, github: GitHubServer, hours: Path, tmp_path: Path
) -> None:
    """From the files; the others stay."""
    github.repos["bob/beta"].lists = {"issues/1": issue(1, "Here", "it is")}
    write(hours, Trimmed().pull(BETA, 1, at=AT), name="2025-11-01-6.json.gz")
    ask(crawl, hours)
    (tmp_path / "no.txt").write_text("ann\n")
    ask(crawl, hours, "--opt-out", str(tmp_path / "no.txt"))
    (place,) = (tmp_path / "out/discussions").iterdir()
    assert [row["repo"]["name"] for row in json_lines(place)] == ["bob/beta"]
    assert ledger(tmp_path) == {"Ann/alpha#issue/3": "opt_out", "bob/beta#issue/1": "had"}


def test_an_interrupted_command_goes_on(
    crawl: Crawl, github: GitHubServer, hours: Path, tmp_path: Path
) -> None:
    """An event without a line of the ledger is written again, half an event is cut off, what has
    no file is asked for again; the documents are the same."""
    ask(crawl, hours)
    (place,) = (tmp_path / "out/discussions").iterdir()
    first = documents(tmp_path / "first", hours, place)
    (tmp_path / "out/discussions.jsonl").write_bytes(b'{"asked": "Ann/al')
    place.write_bytes(place.read_bytes() + b'{"type": "Iss')
    ask(crawl, hours)
    one, other = json_lines(place)
    assert one == other
    assert documents(tmp_path / "second", hours, place) == first
    place.unlink()
    github.asked.clear()
    ask(crawl, hours)
    assert asked(github) == ["Ann/alpha", "Ann/alpha/issues/3"]
    assert documents(tmp_path / "third", hours, tmp_path / "out/discussions") == first


def test_a_limit_is_kept(crawl: Crawl, github: GitHubServer, hours: Path, tmp_path: Path) -> None:
    """A question about a discussion that is refused for a while is asked after that."""
    github.faults["api"] = ["", "429:1", "hang-up"]
    ask(crawl, hours)
    told = [one.at for one in github.asked if one.path]
    assert len(told) == 3
    assert told[1] - told[0] >= 1
    assert ledger(tmp_path) == {"Ann/alpha#issue/3": "had"}


def test_a_dry_run_asks_nothing(crawl: Crawl, github: GitHubServer, hours: Path) -> None:
    """It says how many requests there are: one a repository, one a discussion."""
    out = ask(crawl, hours, "--dry-run")
    assert "1 discussion, 0 of them done, 2 bot" in out
    assert "2 to ask for: 1 min at 5,000 an hour" in out
    assert github.asked == []


def test_files_are_of_no_hour_and_end(
    crawl: Crawl, github: GitHubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is added to until it is full; names differ as what they hold."""
    monkeypatch.setattr("pipeline.github.hydration.FILE_BYTES", 400)
    numbers = range(1, 5)
    github.repos["ann/alpha"].lists = {f"issues/{n}": issue(n, "Title", "x" * 150) for n in numbers}
    hours = write(tmp_path / "hours", *(Trimmed().pull(ALPHA, n, at=AT) for n in numbers))
    ask(crawl, hours)
    files = sorted((tmp_path / "out/discussions").iterdir())
    assert len(files) > 1
    rows = [row for file in files for row in json_lines(file)]
    assert sorted(row["payload"]["issue"]["number"] for row in rows) == list(numbers)
    assert len(documents(tmp_path / "run", hours, tmp_path / "out/discussions")) == 4


def test_options_that_do_not_go_together(crawl: Crawl, hours: Path) -> None:
    """Exit code 2 names them."""
    for more in (("--update",), ("--without-api",), ("--files", "x.parquet")):
        code, _, err = crawl(options=("--discussions", str(hours), *more))
        assert code == 2
        assert "--discussions" in err
