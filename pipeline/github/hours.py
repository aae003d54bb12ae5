"""Hours of GH Archive, of each of which one small table is kept: what a reader notes of its events.

So an hour is read once, however often a command goes on. One that could not be read to its end is
told, what stands before that counts, and the next command reads it again.
"""

import glob
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.storage.credentials import public_url
from pipeline.storage.digest import fingerprint
from pipeline.storage.intake.inputs import InputSpec, expand, open_input
from pipeline.storage.object_stores.retry import Retry, Transient
from pipeline.storage.progress import Progress
from pipeline.storage.replace import replacing
from stages.errors import ConfigError
from stages.github.entries import Damaged
from stages.github.gharchive.events import Event, read_events

MAX_HOURS = 1_000_000
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")

Rows = dict[Any, tuple[Any, ...]]


@dataclass(frozen=True)
class Notes:
    """What is noted of an hour."""

    folder: str
    """Where the tables are, in the crawl's folder."""
    schema: pa.Schema
    note: Callable[[Event, Rows], None]
    """Adds what an event says to the hour's rows, by a key of theirs."""


def name_hours(patterns: Sequence[str], option: str) -> list[InputSpec]:
    """The hourly files of an option: paths, globs and URLs, `{0..23}` for so many of them."""
    addresses = list(chain.from_iterable(_braces(pattern) for pattern in patterns))
    if len(addresses) > MAX_HOURS:
        raise ConfigError(f"{option} names {len(addresses):,} files; at most {MAX_HOURS:,}")
    try:
        return expand("github", addresses)
    except ConfigError as error:
        raise ConfigError(str(error).replace("github.inputs", option)) from error


def read_hours(
    hours: Sequence[InputSpec], notes: Notes, folder: Path, problems: list[str], progress: Progress
) -> Iterator[pa.Table]:
    """The table of each hour. `problems` are told of those that could not be read to their end."""
    for number, spec in enumerate(hours, 1):
        yield _hour(spec, notes, folder / notes.folder, problems)
        progress("hours of GH Archive", number, len(hours))


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


def _hour(spec: InputSpec, notes: Notes, folder: Path, problems: list[str]) -> pa.Table:
    """What an hour says; kept unless it could not be read to its end."""
    shown = public_url(spec.uri)
    place = folder / f"{spec.name[:80]}-{fingerprint([shown, spec.size, spec.mark])[:12]}.parquet"
    if place.exists():
        return pq.read_table(place, schema=notes.schema)
    if spec.mark.startswith("unreadable"):
        problems.append(f"{shown}: {spec.mark}")
        return notes.schema.empty_table()
    rows: Rows = {}

    def read() -> None:
        rows.clear()
        try:
            with open_input(spec) as stream:
                for event in read_events(stream):
                    if isinstance(event, Event):
                        notes.note(event, rows)
        except OSError as error:
            if glob.has_magic(spec.uri) or "://" in spec.uri:
                raise Transient(str(error)) from error
            problems.append(f"{shown}: {error}")

    n_problems = len(problems)
    try:
        Retry().call(shown, read)
    except Damaged as damage:
        problems.append(f"{shown}: {damage.reason}: {damage.error}")
    columns = [list(column) for column in zip(*rows.values(), strict=True)]
    table = pa.Table.from_arrays(
        [
            pa.array(column, kind.type)
            for column, kind in zip(columns or [[]] * len(notes.schema), notes.schema, strict=True)
        ],
        schema=notes.schema,
    )
    if len(problems) == n_problems:
        with replacing(place) as stream:
            pq.write_table(table, stream, compression="zstd")
    return table
