"""Hours of GH Archive become discussions and a table of repositories."""

import json

import pytest

from pipeline.inspection.stats import funnel
from stages.errors import InputError
from tests.pipeline.conftest import write_tar
from tests.pipeline.engine.discussion_hours import (
    CAT,
    DOG,
    OWL,
    day,
    documents,
    table,
    write_hours,
)
from tests.stages.github.gharchive.feed import Feed, Timeline, Trimmed, hour

MIT = b"MIT License\n\nPermission is hereby granted, free of charge, to any person\n"


def test_a_discussion_scattered_over_hours(tmp_path):
    """Latest title and text, comments by time, each once and as it was last, nobody named."""
    feed = Feed()
    write_hours(
        tmp_path,
        [
            feed.comment(CAT, 7, 12, "second, @bob", at=day(3), user="alice", opened=day(1)),
            feed.issue(CAT, 7, "It fails", "first text", at=day(1)),
        ],
        [
            feed.comment(CAT, 7, 11, "frist", at=day(2), opened=day(1)),
            feed.issue(
                CAT, 7, "It fails badly", "@Alice: see\n@Override", at=day(5), action="edited"
            ),
            feed.comment(CAT, 7, 13, "spam", at=day(4)),
        ],
        [
            feed.comment(CAT, 7, 11, "first", at=day(2, minute=5), opened=day(1), action="edited"),
            feed.comment(CAT, 7, 13, "", at=day(4), action="deleted"),
            feed.comment(CAT, 7, 14, "Coverage fell", at=day(6), user="codecov-io"),
        ],
    )
    (row,) = documents(tmp_path).values()
    assert row["uri"] == "octo/cat#issue/7"
    assert (row["kind"], row["repo"], row["path"]) == ("issue", "octo/cat", "issues/7.md")
    assert row["text"] == (
        "# It fails badly\n\n@author: see\n@Override\n\n---\n\n"
        "**Other**:\n\nfirst\n\n---\n\n"
        "**Author**:\n\nsecond, @other\n"
    )


def test_all_forms_of_the_feed(tmp_path):
    """Those of 2013, of 2020 and of today, in one run; what has no words is counted."""
    (tmp_path / "2013-05-01-1.json.gz").write_bytes(
        hour(
            Timeline().pull(CAT, 1, "Old", "From the timeline", at="2013/05/01 01:00:00 -0000"),
            Timeline().comment(CAT, at="2013/05/01 01:00:00 -0000"),
        )
    )
    write_hours(tmp_path, [Feed().pull(CAT, 2, "Full", "With everything", at=day(1))])
    (tmp_path / "2025-11-01-1.json.gz").write_bytes(
        hour(
            Trimmed().pull(CAT, 3, at="2025-11-01T01:00:00Z"),
            Trimmed().issue(CAT, 4, "New", "Issues have words", at="2025-11-01T01:00:00Z"),
        )
    )
    found = documents(tmp_path)
    assert {uri: row["text"].splitlines()[0] for uri, row in found.items()} == {
        "octo/cat#issue/1": "# Old",
        "octo/cat#issue/2": "# Full",
        "octo/cat#issue/4": "# New",
    }
    assert found["octo/cat#issue/2"]["path"] == "pull/2.md"
    assert skipped(tmp_path, "events.documents") == {"no_text": 1}


def skipped(folder, stage):
    return next(count.skipped for count in funnel(folder / "run") if count.stage == stage)


def test_every_event_and_every_discussion_is_accounted_for(tmp_path):
    """Read = used + skipped + quarantined, with file and line; so it is for discussions."""
    feed = Feed()
    nameless = feed.watch(CAT, at=day(1))
    nameless["repo"] = {"name": "/"}
    wrong = feed.issue(CAT, 9, "x", "y", at=day(1))
    wrong["payload"]["issue"]["number"] = "nine"
    rows = [
        feed.issue(CAT, 1, "One", "Text", at=day(1)),
        feed.issue(DOG, 1, "Two", "Text", at=day(1)),
        feed.push(CAT, at=day(1)),
        feed.watch(CAT, at=day(1)),
        feed.issue(CAT, 2, "Bump", "…", at=day(1), user="renovate[bot]"),
        nameless,
        wrong,
        b'{"type": "Iss',
    ]
    write_hours(tmp_path, rows)
    settings = ("github.exclude_owners=['nobody']", "github.exclude_repositories=['octo/dog']")
    found = documents(tmp_path, *settings)
    assert set(found) == {"octo/cat#issue/1"}
    events, discussions = funnel(tmp_path / "run")[:2]
    assert events.skipped == {"bot": 1, "no_repository": 1, "other_event": 1}
    assert events.documents + sum(events.skipped.values()) + events.quarantined == len(rows)
    assert discussions.skipped == {"repository": 1}
    assert [
        (row["origin"], row["reason"]) for row in table(tmp_path, "quarantine/events/documents")
    ] == [
        ("2020-05-01-0.json.gz:7", "wrong_field"),
        ("2020-05-01-0.json.gz:8", "broken_json"),
    ]


def test_a_file_that_breaks_off(tmp_path):
    """It gives the events before the break, and one quarantined record for the rest."""
    data = hour(*(Feed().issue(CAT, n, f"Issue {n}", "Text", at=day(1)) for n in range(1, 2000)))
    (tmp_path / "2020-05-01-0.json.gz").write_bytes(data[: len(data) // 2])
    found = documents(tmp_path, "engine.max_quarantine_rate=1")
    assert "octo/cat#issue/1" in found
    assert "octo/cat#issue/1999" not in found
    assert [row["reason"] for row in table(tmp_path, "quarantine/events/documents")] == [
        "truncated"
    ]


def test_the_table_of_repositories(tmp_path):
    """Names by time, the earliest creation, the latest counts, forks as repositories."""
    feed = Feed()
    write_hours(
        tmp_path,
        [
            feed.created(CAT, at=day(1)),
            feed.pull(
                (1, "octo/lynx"), 1, "t", "b", at=day(9), created_at=day(1), stars=8, forks=1
            ),
            feed.fork((1, "octo/lynx"), (4, "me/lynx"), at=day(10)),
        ],
        [
            feed.watch((1, "octo/lynx"), at=day(8)),
            feed.pull(CAT, 1, "t", "b", at=day(2), created_at=day(1), stars=3, forks=5),
        ],
    )
    documents(tmp_path)
    rows = {row["repo_id"]: row for row in table(tmp_path, "github/repositories")}
    assert [one["name"] for one in rows[1]["names"]] == ["octo/cat", "octo/lynx"]
    assert (rows[1]["repo"], rows[1]["stars"], rows[1]["forks"]) == ("octo/lynx", 8, 1)
    assert (rows[1]["n_stars_seen"], rows[1]["n_forks_seen"]) == (1, 1)
    assert rows[1]["created_at"].isoformat() == "2020-05-01T12:00:00+00:00"
    assert (rows[4]["repo"], rows[4]["is_current"]) == ("me/lynx", True)


def test_a_name_that_changed_hands(tmp_path):
    """The repository seen last has it; discussions of both are kept, under two names."""
    feed = Feed()
    write_hours(
        tmp_path,
        [feed.issue((9, "Octo/cat"), 1, "Newer", "Text", at=day(5))],
        [feed.issue(CAT, 1, "Older", "Other text", at=day(4))],
    )
    found = documents(tmp_path)
    assert {uri: row["text"][:7] for uri, row in found.items()} == {
        "Octo/cat#issue/1": "# Newer",
        "octo/cat@1#issue/1": "# Older",
    }


def test_files_know_what_events_say_of_their_repository(tmp_path):
    """By any name it had; what `github.metadata` says wins."""
    feed, created = Feed(), "2019-01-01T00:00:00Z"
    write_hours(
        tmp_path,
        [
            feed.watch(CAT, at=day(1)),
            feed.pull((1, "octo/lynx"), 1, "t", "b", at=day(9), created_at=created, stars=8),
            feed.pull(DOG, 1, "t", "b", at=day(9), created_at="2024-01-01T00:00:00Z", stars=7),
        ],
    )
    for name in ("octo__cat", "octo__dog", "night__owl"):
        write_tar(tmp_path / f"{name}.tar.gz", "top", {"a.py": f"# {name}\n".encode()})
    metadata = tmp_path / "repositories.jsonl"
    metadata.write_text(json.dumps({"input": "octo__cat.tar.gz", "stars": 100}))
    inputs = [str(tmp_path / "*.gz")]
    settings = (f"github.metadata='{metadata}'", "github.created_before=2023-11-01")
    found = documents(tmp_path, *settings, inputs=inputs)
    files = {row["repo"]: row for row in found.values() if row["kind"] == "source"}
    assert set(files) == {"octo/cat", "night/owl"}
    assert files["octo/cat"]["stars"] == 100
    assert files["octo/cat"]["repo_created_at"].year == 2019
    assert files["night/owl"]["stars"] is None
    assert skipped(tmp_path, "github.documents") == {"created_late": 2}


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("github.created_before=2014-01-01", "created_late"),
        ("github.exclude_owners=['octo']", "owner"),
        ("github.include_repositories=['night/*']", "repository"),
        ("github.include_licenses=['MIT']", "license"),
    ],
)
def test_repositories_are_chosen_as_for_files(tmp_path, setting, reason):
    """By age, name and licence, which no event says."""
    feed = Feed()
    write_hours(
        tmp_path,
        [feed.pull(CAT, 1, "t", "b", at=day(1)), feed.issue(OWL, 1, "t", "other", at=day(1))],
    )
    write_tar(tmp_path / "night__owl.tar.gz", "top", {"LICENSE": MIT, "a.py": b"x = 1\n"})
    inputs = [str(tmp_path / "*.gz")]
    found = documents(tmp_path, setting, "github.unknown='keep'", inputs=inputs)
    assert "octo/cat#issue/1" not in found
    assert skipped(tmp_path, "github.documents")[reason] >= 1


def test_discussions_alone_that_nobody_wants(tmp_path):
    """A corpus of nothing is no success, and the message says why."""
    write_hours(tmp_path, [Feed().issue(CAT, 1, "t", "b", at=day(1))])
    with pytest.raises(InputError, match="no event is part of a discussion that is wanted"):
        documents(tmp_path, "github.exclude_owners=['octo']")


def test_who_opted_out_under_another_name(tmp_path):
    """All discussions of the repository are left out."""
    feed = Feed()
    (tmp_path / "no.txt").write_text("octo/cat\n")
    write_hours(
        tmp_path,
        [feed.issue(CAT, 1, "t", "b", at=day(1)), feed.issue(OWL, 1, "t", "other", at=day(1))],
        [feed.issue((1, "octo/lynx"), 2, "t", "b", at=day(2))],
    )
    assert set(documents(tmp_path, f"github.opt_out=['{tmp_path / 'no.txt'}']")) == {
        "night/owl#issue/1"
    }
    assert skipped(tmp_path, "github.documents") == {"opt_out": 2}
