"""Repositories by the events of GH Archive: whatever anybody did something to in some hours.

Of an hour one table stays in `DIR/feed/`: name, id, and where the events say so creation and stars
of each repository. So an hour is read once, however often a command goes on. An event names its
repository as it was called then; of several names of one id the latest counts, and of several ids
of one name the one that was seen under it last. Memory: 500 bytes a repository. Cost: that of
reading the events (`stages.github.gharchive.events`).
"""

import datetime
import glob
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.github.wanted import Wanted
from pipeline.storage.credentials import public_url
from pipeline.storage.digest import fingerprint
from pipeline.storage.inputs import InputSpec, expand, open_input
from pipeline.storage.object_stores.retry import Retry, Transient
from pipeline.storage.politeness.turns import Progress
from pipeline.storage.replace import replacing
from stages.errors import ConfigError
from stages.github.entries import Damaged
from stages.github.gharchive.events import BadEvent, Event, read_events, stated_repositories
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

_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
MAX_HOURS = 1_000_000


@dataclass
class Feed:
    """What hours say. `problems` are those that could not be read, or not to their end."""

    wanted: list[Wanted] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    hours: int = 0


def read_feed(patterns: Sequence[str], folder: Path, progress: Progress) -> Feed:
    """The repositories of hourly files: paths, globs and URLs, `{0..23}` for so many of them."""
    hours = list(_hours(patterns))
    feed = Feed(hours=len(hours))
    known: dict[int | str, Wanted] = {}
    latest: dict[int | str, datetime.datetime] = {}
    for number, spec in enumerate(hours, 1):
        for row in _hour(spec, folder / FOLDER, feed.problems).to_pylist():
            key = row["id"] or row["repo"].lower()
            before = known.get(key)
            is_newer = before is None or row["at"] >= latest[key]
            if is_newer:
                latest[key] = row["at"]
            known[key] = _merged(before, row, is_newer=is_newer)
        progress("hours of GH Archive", number, len(hours))
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


def _hours(patterns: Sequence[str]) -> Iterator[InputSpec]:
    addresses = list(chain.from_iterable(_braces(pattern) for pattern in patterns))
    if len(addresses) > MAX_HOURS:
        raise ConfigError(f"--gharchive names {len(addresses):,} files; at most {MAX_HOURS:,}")
    try:
        yield from expand("github", addresses)
    except ConfigError as error:
        raise ConfigError(str(error).replace("github.inputs", "--gharchive")) from error


def _braces(pattern: str) -> Iterable[str]:
    """`{0..23}` as a shell has it: a number of two digits keeps its zeros."""
    match = _RANGE.search(pattern)
    if match is None:
        return [pattern]
    first, last = match[1], match[2]
    width = len(first) if first.startswith("0") and len(first) > 1 else 0
    numbers = range(int(first), min(int(last), int(first) + MAX_HOURS) + 1)
    before, after = pattern[: match.start()], pattern[match.end() :]
    return chain.from_iterable(_braces(f"{before}{n:0{width}}{after}") for n in numbers)


def _hour(spec: InputSpec, folder: Path, problems: list[str]) -> pa.Table:
    """What an hour says; kept unless it could not be read to its end."""
    shown = public_url(spec.uri)
    place = folder / f"{spec.name[:80]}-{fingerprint([shown, spec.size, spec.mark])[:12]}.parquet"
    if place.exists():
        return pq.read_table(place, schema=STATED)
    if spec.mark.startswith("unreadable"):
        problems.append(f"{shown}: {spec.mark}")
        return STATED.empty_table()
    rows: dict[tuple[int | None, str], _Row] = {}

    def read() -> None:
        rows.clear()
        try:
            with open_input(spec) as stream:
                for event in read_events(stream):
                    _note(event, rows)
        except OSError as error:
            if glob.has_magic(spec.uri) or "://" in spec.uri:
                raise Transient(str(error)) from error
            problems.append(f"{shown}: {error}")

    n_problems = len(problems)
    try:
        Retry().call(shown, read)
    except Damaged as damage:
        problems.append(f"{shown}: {damage.reason}: {damage.error}")
    columns = [list(column) for column in zip(*rows.values(), strict=True)] or [[]] * len(STATED)
    table = pa.table(
        [pa.array(column, kind.type) for column, kind in zip(columns, STATED, strict=True)],
        schema=STATED,
    )
    if len(problems) == n_problems:
        with replacing(place) as stream:
            pq.write_table(table, stream, compression="zstd")
    return table


def _note(event: Event | BadEvent, rows: dict[tuple[int | None, str], _Row]) -> None:
    """Keep what an event says: of a name in an hour the last, and what is known of it."""
    if isinstance(event, BadEvent):
        return
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
