"""Repositories by the events of GH Archive: whatever anybody did something to in some hours.

Of an hour one table stays in `DIR/feed/`: name, id, and where the events say so creation and stars
of each repository. An event names its repository as it was called then; of several names of one id
the latest counts, and of several ids of one name the one that was seen under it last. Memory: 500
bytes a repository. Cost: that of reading the events (`stages.github.gharchive.events`).
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from pipeline.github.hours import Notes, Rows, name_hours, read_hours
from pipeline.github.wanted import Wanted
from pipeline.storage.progress import Progress
from stages.github.gharchive.events import Event, stated_repositories
from stages.github.metadata import WrongField

FOLDER = "feed"
STATED = pa.schema(
    [
        pa.field("id", pa.int64()),
        pa.field("repo", pa.string(), nullable=False),
        pa.field("at", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("created_at", pa.timestamp("us", "UTC")),
        pa.field("stars", pa.int64()),
    ]
)
"""What an hour says of a repository, a row each."""

_Row = tuple[int | None, str, datetime.datetime, datetime.datetime | None, int | None]


@dataclass
class Feed:
    """What hours say. `problems` are those that could not be read, or not to their end."""

    wanted: list[Wanted] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    hours: int = 0


def read_feed(patterns: Sequence[str], folder: Path, progress: Progress) -> Feed:
    """The repositories of hourly files: paths, globs and URLs, `{0..23}` for so many of them."""
    hours = name_hours(patterns, "--gharchive")
    feed = Feed(hours=len(hours))
    known: dict[int | str, Wanted] = {}
    latest: dict[int | str, datetime.datetime] = {}
    notes = Notes(FOLDER, STATED, _note)
    for table in read_hours(hours, notes, folder, feed.problems, progress):
        for row in table.to_pylist():
            key = row["id"] or row["repo"].lower()
            before = known.get(key)
            is_newer = before is None or row["at"] >= latest[key]
            if is_newer:
                latest[key] = row["at"]
            known[key] = _merged(before, row, is_newer=is_newer)
    feed.wanted = _by_name(known, latest)
    return feed


def _by_name(
    known: Mapping[int | str, Wanted], latest: Mapping[int | str, datetime.datetime]
) -> list[Wanted]:
    """Each name once: of several repositories that have had it, who has a number and was seen
    last."""
    holders: dict[str, int | str] = {}
    for key, one in known.items():
        name = one.repo.lower()
        holder = holders.setdefault(name, key)
        if (known[holder].id is not None, latest[holder]) < (one.id is not None, latest[key]):
            holders[name] = key
    return [known[key] for key in holders.values()]


def _merged(before: Wanted | None, row: dict[str, object], *, is_newer: bool) -> Wanted:
    one = Wanted(row["repo"], row["id"], row["created_at"], row["stars"])  # type: ignore[arg-type]
    if before is None:
        return one
    first, second = (one, before) if is_newer else (before, one)
    stars = second.stars if first.stars is None else first.stars
    return Wanted(first.repo, first.id, first.created_at or second.created_at, stars)


def _note(event: Event, rows: Rows) -> None:
    """Keep what an event says: of a name in an hour the last, and what is known of it."""
    try:
        stated: list[_Row] = [
            (one.repo_id, one.name, one.at, one.created_at, one.stars)
            for one in stated_repositories(event)
        ]
    except WrongField:
        return
    if not stated and event.repo is not None:  # rows of 2011 without an id
        stated = [(None, event.repo, event.at, None, None)]
    for row in stated:
        before = rows.get(row[:2])
        if before is None:
            rows[row[:2]] = row
        else:
            created_at = row[3] or before[3]
            stars = before[4] if row[4] is None else row[4]
            rows[row[:2]] = (*row[:3], created_at, stars)
