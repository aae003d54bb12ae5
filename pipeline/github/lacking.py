"""Discussions of which hours of GH Archive have no words: no title or text that opened them in any
event read (pull requests since 2025-10-07), or comments without a word (before 2015).

What a program opened is left out, and so are programs' comments: at most a title of theirs is kept,
which is not worth a question. Of an hour one table stays in `DIR/mentions/`. Memory: 1.3 kB a
discussion, also of those that lack nothing.
"""

import datetime
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.github.hours import Notes, Rows, name_hours, read_hours
from pipeline.github.wanted import refuses
from pipeline.storage.progress import Progress
from schemas.events import TIME
from stages.github.gharchive.discussions import BOT, mention_of
from stages.github.gharchive.events import Event, stated_repositories
from stages.github.metadata import WrongField
from stages.github.selection import Selection

FOLDER = "mentions"
MENTIONS = pa.schema(
    [
        pa.field("repo_id", pa.int64(), nullable=False),
        pa.field("number", pa.int64(), nullable=False),
        pa.field("at", TIME, nullable=False),
        pa.field("repo", pa.string(), nullable=False),
        pa.field("created_at", TIME),
        pa.field("has_opening", pa.bool_(), nullable=False),
        pa.field("is_opened_by_bot", pa.bool_(), nullable=False),
        pa.field("lacks", pa.list_(pa.string()), nullable=False),
    ]
)
"""What an hour says of a discussion, a row each: when it was last spoken of, and what its
repository was called then; when that was created."""


@dataclass(frozen=True, slots=True)
class Lacking:
    """A discussion that the feed does not tell. `lacks` says which of its comments are lacking, by
    what they stand on."""

    repo_id: int
    number: int
    at: datetime.datetime
    repo: str
    created_at: datetime.datetime | None
    lacks: frozenset[str]

    @property
    def asked(self) -> str:
        """What the ledger calls it."""
        return discussion_name(self.repo, self.number)


@dataclass
class Mentioned:
    """What hours say. `problems` are those that could not be read, or not to their end."""

    lacking: list[Lacking] = field(default_factory=list)
    """By repository and number."""
    left_out: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    hours: int = 0
    discussions: int = 0


def discussion_name(repo: str, number: int) -> str:
    """OWNER/REPO#issue/N, as its document is called."""
    return f"{repo}#issue/{number}"


def read_lacking(patterns: Sequence[str], folder: Path, progress: Progress) -> Mentioned:
    """The discussions that hourly files mention and do not tell."""
    hours = name_hours(patterns, "--discussions")
    found = Mentioned(hours=len(hours))
    known: Rows = {}
    notes = Notes(FOLDER, MENTIONS, _note)
    for table in read_hours(hours, notes, folder, found.problems, progress):
        for row in table.to_pylist():
            _add(tuple(row.values()), known)
    found.discussions = len(known)
    for key in sorted(known):
        row = dict(zip(MENTIONS.names, known[key], strict=True))
        if row["has_opening"] and not row["lacks"]:
            continue
        if row["is_opened_by_bot"] and not row["lacks"]:
            found.left_out[BOT.reason] += 1
        else:
            found.lacking.append(_lacking(row))
    return found


def select(
    lacking: Iterable[Lacking], selection: Selection, min_stars: int
) -> tuple[list[Lacking], Counter[str]]:
    """Of which discussions the API is to be asked, as far as the feed tells, and how many are left
    out for each reason; an opted-out name is any that events call the repository by."""
    kept, refused = [], Counter[str]()
    for _, group in groupby(lacking, key=attrgetter("repo_id")):
        ours = list(group)
        reasons = (refuses(selection, min_stars, one.repo, one.created_at, None) for one in ours)
        reason = next(filter(None, reasons), None)
        if reason is None:
            kept += ours
        else:
            refused[reason] += len(ours)
    return kept, refused


def _lacking(row: Mapping[str, Any]) -> Lacking:
    own = {name: row[name] for name in ("repo_id", "number", "at", "repo", "created_at")}
    return Lacking(**own, lacks=frozenset(row["lacks"]))


def _note(event: Event, rows: Rows) -> None:
    try:
        mention = mention_of(event)
        stated = stated_repositories(event)
    except WrongField:
        return
    if mention is None or not stated:
        return
    own = stated[0]
    row = (own.repo_id, mention.number, own.at, own.name, own.created_at, mention.has_opening)
    lacks = [] if mention.lacks is None else [mention.lacks]
    _add((*row, mention.is_opened_by_bot, lacks), rows)


def _add(row: tuple[Any, ...], rows: Rows) -> None:
    """Put what is said of a discussion to what is known of it."""
    before = rows.setdefault(row[:2], row)
    if before is row:
        return
    at, repo = max(before[2:4], row[2:4])
    created_at = min(filter(None, (before[4], row[4])), default=None)
    said = (one or other for one, other in zip(before[5:7], row[5:7], strict=True))
    lacks = sorted({*before[7], *row[7]})
    rows[row[:2]] = (*row[:2], at, repo, created_at, *said, lacks)
