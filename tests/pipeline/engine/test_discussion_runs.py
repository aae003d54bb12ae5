"""Runs over hours of GH Archive: what is made again, what leaves, and the same bytes always."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.inspection.verify import verify
from pipeline.run import plan, run
from pipeline.storage.location import open_storage
from pipeline.storage.receipts import parse_receipts
from stages.errors import InputError
from tests.pipeline.conftest import write_tar
from tests.pipeline.engine.discussion_hours import (
    CAT,
    config,
    day,
    documents,
    table,
    write_hours,
)
from tests.stages.github.gharchive.feed import Feed, hour


def test_nothing_runs_twice_and_an_hour_can_be_added(tmp_path):
    """A new hour is read alone, and its words reach the discussions that are there."""
    feed = Feed()
    write_hours(tmp_path, [feed.issue(CAT, 1, "Title", "Text", at=day(1))])
    documents(tmp_path)
    assert not any(item.n_stale for item in plan(config(tmp_path), stages=["github.documents"]))
    write_hours(tmp_path, [feed.comment(CAT, 1, 5, "Late", at=day(2))], first=1)
    found = documents(tmp_path, "github.shard_bytes=1")
    assert "Late" in found["octo/cat#issue/1"]["text"]
    receipts = parse_receipts(open_storage(tmp_path / "run"), "events/documents")
    assert [one.effort["generation"] for one in receipts.values()] == [1, 2]


def test_a_plan_before_anything_is_made(tmp_path):
    """Discussions are planned; of files it cannot be told what events say of their repositories."""
    write_hours(tmp_path, [Feed().issue(CAT, 1, "Title", "Text", at=day(1))])
    stale = {item.step for item in plan(config(tmp_path)) if item.n_stale}
    assert {"events.documents", "github.documents", "github.rules.measure"} <= stale
    write_tar(tmp_path / "octo__cat.tar.gz", "top", {"a.py": b"x = 1\n"})
    both = config(tmp_path, inputs=[str(tmp_path / "*.gz")])
    reasons = {item.step: set(item.reasons) for item in plan(both)}
    assert reasons["github.documents"] == {"github.documents is to be made"}
    assert not (tmp_path / "run").exists()


def test_hours_and_repositories_share_no_shard(tmp_path):
    """In whatever order they come."""
    write_hours(tmp_path, [Feed().issue(CAT, 1, "Title", "Text", at=day(1))])
    for name in ("a__a", "octo__cat"):
        write_tar(tmp_path / f"{name}.tar.gz", "top", {"a.py": b"x = 1\n"})
    inputs = [str(tmp_path / name) for name in ("a__*.gz", "2020*.gz", "octo__*.gz")]
    documents(tmp_path, inputs=inputs)
    recorded = json.loads((tmp_path / "run" / "inputs.json").read_text())
    assert [one["shard"] for one in recorded["github"]] == [0, 1, 2]


def test_hours_that_leave_the_run(tmp_path):
    """Their events go, and what was made of them."""
    feed = Feed()
    write_hours(tmp_path, [feed.issue(CAT, 1, "Title", "Text", at=day(1))])
    write_tar(tmp_path / "octo__cat.tar.gz", "top", {"a.py": b"x = 1\n"})
    inputs = [str(tmp_path / "*.gz")]
    assert len(documents(tmp_path, inputs=inputs)) == 2
    found = documents(tmp_path, "github.drop=['2020-05-01-0.json.gz']", inputs=inputs)
    assert [row["kind"] for row in found.values()] == ["source"]
    assert not (tmp_path / "run" / "events").exists()
    assert not (tmp_path / "run" / "github" / "repositories").exists()


def test_hours_that_are_not_there_are_said(tmp_path):
    """Apart those that the archive never had; an hour without an event of use, too."""
    feed = Feed()
    for name, rows in {
        "2020-03-05-21": [feed.issue(CAT, 1, "t", "b", at=day(1))],
        "2020-03-06-0": [feed.push(CAT, at=day(1))],
    }.items():
        (tmp_path / f"{name}.json.gz").write_bytes(hour(*rows))
    report = run(config(tmp_path), address="local", stages=["github.documents"])
    assert report.flags == [
        "events.documents: no event of use came from 2020-03-06-0.json.gz: skipped other_event 1",
        "events.documents: GH Archive never had 1 hour (2020-03-05-22)",
        "events.documents: 1 hour (2020-03-05-23) between 2020-03-05-21 and 2020-03-06-0 not read",
    ]


def test_the_same_hour_twice(tmp_path):
    """Refused: its stars would count twice."""
    for folder, title in (("a", "One"), ("b", "Two")):
        (tmp_path / folder).mkdir()
        write_hours(tmp_path / folder, [Feed().issue(CAT, 1, title, "b", at=day(1))])
    with pytest.raises(InputError, match="2020-05-01-0"):
        documents(tmp_path, inputs=[str(tmp_path / "a"), str(tmp_path / "b")])


def test_a_whole_run(tmp_path):
    """Discussions pass the stages of prose and are emitted as text; the run verifies."""
    feed = Feed()
    write_hours(
        tmp_path,
        [
            feed.issue(CAT, 1, "It fails", "Write to jane.doe@mail.university.edu now", at=day(1)),
            feed.issue(CAT, 2, "It fails", "Write to jane.doe@mail.university.edu now", at=day(2)),
            feed.issue(CAT, 3, "Other words", "x" * 3000, at=day(2)),
        ],
    )
    report = run(config(tmp_path), address="local")
    assert report.shards["text"]["samples"] == 2
    assert verify(tmp_path / "run") == []
    kept = Counter(row["reason"] for row in table(tmp_path, "github/dedup"))
    assert kept == {None: 2, "exact": 1}
    card = (tmp_path / "run" / "shards" / "README.md").read_text()
    assert "put together from 3 events of GH Archive" in card


EVENTS = [
    *(
        Feed().comment(CAT, n % 3 + 1, 10 + n, f"comment {n}", at=day(2 + n // 2), opened=day(1))
        for n in range(6)
    ),
    Feed().comment(CAT, 1, 10, "comment 0, edited", at=day(3), opened=day(1)),
    Feed().issue(CAT, 1, "A title", "A body", at=day(1)),
    Feed().issue(CAT, 1, "Another title", "A body", at=day(1)),
    Feed().issue((1, "octo/lynx"), 2, "Renamed", "…", at=day(8)),
    Feed().issue((9, "octo/cat"), 1, "Taken over", "A body", at=day(9)),
    Feed().pull((1, "octo/lynx"), 4, "Add", "It adds", at=day(8), stars=4),
    Feed().pull((1, "octo/lynx"), 5, "Add more", "It adds", at=day(8), stars=5),
    Feed().watch(CAT, at=day(2)),
    Feed().fork(CAT, (9, "octo/cat"), at=day(7)),
]


@settings(max_examples=12, deadline=None)
@given(
    st.permutations(EVENTS),
    st.lists(st.integers(0, 3), min_size=len(EVENTS), max_size=len(EVENTS)),
    st.sampled_from([1, 10_000]),
)
def test_any_order_and_partition_of_events_gives_the_same(tmp_path_factory, rows, hours, size):
    """Which hour holds an event, where in it, and how hours lie in shards decide nothing."""
    folder = tmp_path_factory.mktemp("any")
    placed = [[row for row, at in zip(rows, hours, strict=True) if at == n] for n in range(4)]
    write_hours(folder, *placed)
    found = documents(folder, f"github.shard_bytes={size}")
    repositories = {row["repo_id"]: row for row in table(folder, "github/repositories")}
    first = tmp_path_factory.getbasetemp() / "expected"
    if not first.exists():
        first.mkdir()
        write_hours(first, EVENTS)
        documents(first)
    assert found == {row["uri"]: row for row in table(first, "github/documents")}
    assert repositories == {row["repo_id"]: row for row in table(first, "github/repositories")}


@pytest.mark.slow
def test_bytes_are_the_same_by_two_workers(tmp_path):
    """Documents, events and repositories."""
    for name, address, workers in (("one", "local", None), ("two", None, 2)):
        folder = tmp_path / name
        folder.mkdir()
        write_hours(folder, *(EVENTS[n::4] for n in range(4)))
        run(
            config(folder, "github.shard_bytes=1"),
            address=address,
            workers=workers,
            stages=["github.documents"],
        )
    files = sorted((tmp_path / "one" / "run").rglob("*.parquet"))
    assert len(files) > 8
    for file in files:
        other = tmp_path / "two" / file.relative_to(tmp_path / "one")
        assert file.read_bytes() == other.read_bytes(), file
