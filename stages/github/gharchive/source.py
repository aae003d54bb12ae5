"""Hourly files of GH Archive become a table of events: those that say something of a discussion or
of a repository, each with its words.

Skipped and counted: `other_event` (pushes, releases, …), `no_text` (the feed has no words of a
discussion: comments before 2015, pull requests since 2025-10-07), `bot` (all words are a program's)
and `no_repository` (rows of 2011 that do not say which). So every event is a row, skipped, or
quarantined with file and line.

Two files of one hour are refused. Memory: a batch (1,024 events or 16 MiB) and one line.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from schemas.documents import DOCUMENT_COLUMNS
from schemas.events import EVENTS
from schemas.identity import doc_id
from stages.contract import SKIPPED, Identity, Input, Options, Quarantined, Skipped, SourceEvent
from stages.github.entries import Damaged
from stages.github.gharchive.discussions import (
    BOTS,
    OTHER_EVENT,
    Discussion,
    Nothing,
    discussion_of,
)
from stages.github.gharchive.events import (
    HEAD_BYTES,
    BadEvent,
    Event,
    Stated,
    read_events,
    stated_repositories,
)
from stages.github.gharchive.hours import hour_name, hour_of
from stages.github.metadata import WrongField
from stages.github.options import GithubOptions

NO_REPOSITORY = "no_repository"

BATCH_EVENTS = 1024
BATCH_BYTES = 16 << 20

_COUNTED = ("WatchEvent", "ForkEvent")
"""Types that tell of a repository although they may say no more than its name."""
_OF_REPOSITORIES = (*_COUNTED, "CreateEvent")
"""In the timeline pushes say as much of repositories, but there are too many."""

_MADE_LATER = {field.name for field in DOCUMENT_COLUMNS} - {"text"}
_RAW_SCHEMA = pa.schema(
    [
        pa.field("origin", pa.string(), nullable=False),
        pa.field("offset", pa.int64()),
        *(field.remove_metadata() for field in EVENTS if field.name not in _MADE_LATER),
    ]
)


class EventSource:
    """One hour in, the events that are of use out."""

    name: ClassVar[str] = "documents"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ()
    tables: ClassVar[tuple[str, ...]] = (BOTS,)
    Options: ClassVar[type[Options]] = GithubOptions
    read_with: ClassVar[frozenset[str]] = frozenset()
    """The options that what it reads depends on: none. Repositories are chosen when discussions
    are put together."""
    schema: ClassVar[pa.Schema] = EVENTS
    raw_schema: ClassVar[pa.Schema] = _RAW_SCHEMA

    def __init__(self, options: GithubOptions) -> None:
        pass

    def read(self, source: Input) -> Iterator[SourceEvent]:
        """The events of an hour as raw batches, and what became of the others."""
        hour = hour_of(source.name)
        yield Identity(hour_name(hour) if hour is not None else source.name)
        skipped: Counter[str] = Counter()
        assert source.open is not None
        with source.open() as stream:
            yield from _in_batches(_until_damage(source.name, stream, skipped))
        for reason in sorted(skipped):
            yield Skipped(reason, skipped[reason])

    def convert(self, raw: pa.RecordBatch) -> pa.RecordBatch:
        """The columns that every documents table has."""
        origins: list[str] = raw["origin"].to_pylist()
        columns = {
            "doc_id": pa.array([doc_id(origin) for origin in origins], pa.binary(16)),
            "uri": raw["origin"],
            "kind": pa.repeat(pa.scalar("issue"), len(origins)),
            "n_bytes": pc.binary_length(raw["text"]).cast(pa.int64()),
        }
        names = [*EVENTS.names, SKIPPED]
        columns[SKIPPED] = pa.nulls(len(origins), pa.string())
        arrays = [columns[name] if name in columns else raw[name] for name in names]
        fields = [*EVENTS, pa.field(SKIPPED, pa.string())]
        return pa.record_batch(arrays, schema=pa.schema(fields))


def _until_damage(
    name: str, stream: BinaryIO, skipped: Counter[str]
) -> Iterator[dict[str, Any] | Quarantined]:
    try:
        yield from _rows(name, read_events(stream), skipped)
    except Damaged as damage:
        yield Quarantined(name, damage.reason, damage.error, damage.offset, damage.head)


def _rows(
    name: str, events: Iterator[Event | BadEvent], skipped: Counter[str]
) -> Iterator[dict[str, Any] | Quarantined]:
    for event in events:
        origin = f"{name}:{event.place}"
        if isinstance(event, BadEvent):
            yield Quarantined(origin, event.reason, event.error, None, event.head)
            continue
        try:
            row = _row(event)
        except WrongField as error:
            head = str(event.payload)[:HEAD_BYTES].encode("utf-8", "replace")
            yield Quarantined(origin, "wrong_field", str(error), None, head)
            continue
        if isinstance(row, str):
            skipped[row] += 1
        else:
            yield {"origin": origin, "offset": event.line, **row}


def _row(event: Event) -> dict[str, Any] | str:
    """An event's row, or why there is none."""
    stated = stated_repositories(event)
    said = discussion_of(event)
    if not stated:
        is_other = said is OTHER_EVENT and event.type not in _OF_REPOSITORIES
        return OTHER_EVENT.reason if is_other else NO_REPOSITORY
    own, fork = stated[0], stated[1] if len(stated) > 1 else None
    if isinstance(said, Nothing) and not _tells(event, said, own):
        return said.reason
    return {
        "type": event.type,
        "at": event.at,
        "repo_id": own.repo_id,
        "repo": own.name,
        "repo_created_at": own.created_at,
        "stars": own.stars,
        "forks": own.forks,
        "fork_id": fork and fork.repo_id,
        "fork": fork and fork.name,
        "fork_created_at": fork and fork.created_at,
        **({"text": ""} if isinstance(said, Nothing) else _words(said)),
    }


def _tells(event: Event, said: Nothing, stated: Stated) -> bool:
    """Whether an event without words is kept for what it says of its repository."""
    if event.type in _COUNTED:
        return True
    known = (stated.created_at, stated.stars, stated.forks)
    is_of_use = said is not OTHER_EVENT or event.type in _OF_REPOSITORIES
    return is_of_use and any(one is not None for one in known)


def _words(said: Discussion) -> dict[str, Any]:
    row = {
        "number": said.number,
        "is_pull": said.is_pull,
        "title": said.title,
        "author": said.author,
        "updated_at": said.updated_at,
        "text": said.body,
    }
    comment = said.comment
    if comment is None:
        return row
    return row | {
        "text": comment.text,
        "body": said.body,
        "comment_id": comment.id,
        "comment_on": comment.on,
        "comment_author": comment.author,
        "commented_at": comment.created_at,
        "comment_updated_at": comment.updated_at,
        "comment_path": comment.path,
        "comment_deleted": comment.is_deleted,
    }


def _in_batches(
    items: Iterator[dict[str, Any] | Quarantined],
) -> Iterator[pa.RecordBatch | Quarantined]:
    rows: list[dict[str, Any]] = []
    n_bytes = 0
    for item in items:
        if isinstance(item, Quarantined):
            yield item
            continue
        rows.append(item)
        n_bytes += len(item["text"]) + len(item.get("body") or "") + len(item.get("title") or "")
        if len(rows) == BATCH_EVENTS or n_bytes >= BATCH_BYTES:
            yield pa.RecordBatch.from_pylist(rows, schema=_RAW_SCHEMA)
            rows, n_bytes = [], 0
    if rows:
        yield pa.RecordBatch.from_pylist(rows, schema=_RAW_SCHEMA)
