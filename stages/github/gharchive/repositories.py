"""From events to the table of repositories: every name by time, creation, stars and forks.

A repository is its number: names change hands. Of two with one name the one seen under it last has
it now. Creation is the earliest that was said, counts are the latest. Every choice is by value, so
the order in which events are read decides nothing.

Cost: 80 bytes an event in scratch; a reducer holds a partition's, and one row a repository.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

import pyarrow as pa
import xxhash

from schemas.events import REPOSITORIES, TIME
from stages.contract import PARTITION, Batches
from stages.kernels.routes import ByHash, scatter

BATCH_ROWS = 1 << 14

READS = (
    *("type", "at", "repo_id", "repo", "number", "repo_created_at", "stars", "forks"),
    *("fork_id", "fork", "fork_created_at"),
)
"""Columns of events that say something of repositories."""

_PARTITION = pa.field(PARTITION, pa.uint32())

SIGHTINGS = pa.schema(
    [
        pa.field("repo_id", pa.int64()),
        pa.field("repo", pa.string()),
        pa.field("at", TIME),
        pa.field("created_at", TIME),
        pa.field("stars", pa.int64()),
        pa.field("forks", pa.int64()),
        pa.field("type", pa.string()),
        pa.field("part", pa.uint32()),  # where a discussion of it is put together, if there is one
    ]
)
JOINED = REPOSITORIES.append(pa.field("parts", pa.list_(pa.uint32())))
FACTS = pa.schema(
    [
        pa.field("repo_id", pa.int64()),
        pa.field("repo", pa.string()),
        pa.field("is_current", pa.bool_()),
        pa.field("names", pa.list_(pa.string())),
        pa.field("created_at", TIME),
        pa.field("stars", pa.int64()),
    ]
)
"""What a discussion needs to know of its repository."""


def by_discussion(n_partitions: int) -> ByHash:
    """Where a discussion is put together."""
    return ByHash(("repo_id", "number"), n_partitions)


@dataclass(frozen=True)
class SightRepositories:
    """Events → what each says of repositories, routed by their number."""

    n_partitions: int
    n_parts: int
    """Partitions of discussions."""

    schema: ClassVar[pa.Schema] = SIGHTINGS.append(_PARTITION)

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            columns = {
                "repo_id": batch["repo_id"],
                "repo": batch["repo"],
                "at": batch["at"],
                "created_at": batch["repo_created_at"],
                "stars": batch["stars"],
                "forks": batch["forks"],
                "type": batch["type"],
                "part": self._parts(batch),
            }
            yield self._routed(columns)
            forks = batch.filter(batch["fork_id"].is_valid())
            columns = {
                "repo_id": forks["fork_id"],
                "repo": forks["fork"],
                "at": forks["at"],
                "created_at": forks["fork_created_at"],
            }
            yield self._routed(columns)

    def _parts(self, batch: pa.RecordBatch) -> pa.Array:
        has_number = batch["number"].is_valid()
        of_discussions = by_discussion(self.n_parts)(batch.filter(has_number))
        placed = iter(of_discussions.tolist())
        values = [next(placed) if one else None for one in has_number.to_pylist()]
        return pa.array(values, pa.uint32())

    def _routed(self, columns: Mapping[str, pa.Array]) -> pa.RecordBatch:
        n_rows = len(columns["repo_id"])
        arrays = [
            columns.get(one.name, pa.nulls(n_rows, one.type)).cast(one.type) for one in SIGHTINGS
        ]
        batch = pa.record_batch(arrays, schema=SIGHTINGS)
        partition = ByHash(("repo_id",), self.n_partitions)(batch)
        return batch.append_column(_PARTITION, pa.array(partition, pa.uint32()))


@dataclass
class _Repository:
    """What is known so far."""

    names: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    created_at: datetime | None = None
    stars: tuple[datetime, int] | None = None
    forks: tuple[datetime, int] | None = None
    n_stars: int = 0
    n_forks: int = 0
    parts: set[int] = field(default_factory=set)

    def add(self, row: Mapping[str, Any]) -> None:
        """One more sighting."""
        name, at, created = row["repo"], row["at"], row["created_at"]
        first, last = self.names.get(name, (at, at))
        self.names[name] = (min(first, at), max(last, at))
        if created is not None:
            self.created_at = min(created, self.created_at or created)
        self.stars = _later(self.stars, at, row["stars"])
        self.forks = _later(self.forks, at, row["forks"])
        self.n_stars += row["type"] == "WatchEvent"
        self.n_forks += row["type"] == "ForkEvent"
        if row["part"] is not None:
            self.parts.add(row["part"])

    def row(self, repo_id: int) -> dict[str, Any]:
        """As a row of `JOINED`, whether it is current left open."""
        names = sorted((last, first, name) for name, (first, last) in self.names.items())
        return {
            "repo_id": repo_id,
            "repo": names[-1][2],
            "is_current": True,
            "names": [
                {"name": name, "first_seen": first, "last_seen": last}
                for last, first, name in names
            ],
            "created_at": self.created_at,
            "stars": self.stars and self.stars[1],
            "forks": self.forks and self.forks[1],
            "n_stars_seen": self.n_stars,
            "n_forks_seen": self.n_forks,
            "parts": sorted(self.parts),
        }


@dataclass(frozen=True)
class JoinRepositories:
    """The sightings of a partition → a row a repository."""

    schema: ClassVar[pa.Schema] = JOINED

    def __call__(self, batches: Batches) -> Batches:
        found: dict[int, _Repository] = {}
        for batch in batches:
            for row in batch.to_pylist():
                found.setdefault(row["repo_id"], _Repository()).add(row)
        yield from _in_batches((found[one].row(one) for one in sorted(found)), JOINED)


@dataclass(frozen=True)
class RouteByName:
    """Repositories → those of one name together, without regard to case, as GitHub compares."""

    n_partitions: int

    schema: ClassVar[pa.Schema] = JOINED.append(_PARTITION)

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            names = batch["repo"].to_pylist()
            hashes = [xxhash.xxh3_64_intdigest(name.lower().encode()) for name in names]
            partition = scatter(pa.array(hashes, pa.uint64()).to_numpy(), self.n_partitions)
            yield batch.append_column(_PARTITION, pa.array(partition, pa.uint32()))


@dataclass(frozen=True)
class SettleNames:
    """Repositories of a partition of names → the same, of each name all but the last one marked."""

    schema: ClassVar[pa.Schema] = JOINED

    def __call__(self, batches: Batches) -> Batches:
        rows = [row for batch in batches for row in batch.to_pylist()]
        holders: dict[str, tuple[datetime, int]] = {}
        for row in rows:
            name = row["repo"].lower()
            holders[name] = max(_held(row), holders.get(name, _held(row)))
        settled = (
            {**row, "is_current": holders[row["repo"].lower()] == _held(row)}
            for row in sorted(rows, key=lambda row: int(row["repo_id"]))
        )
        yield from _in_batches(settled, JOINED)


@dataclass(frozen=True)
class ListRepositories:
    """The table for people."""

    schema: ClassVar[pa.Schema] = REPOSITORIES

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            yield batch.select(REPOSITORIES.names).cast(REPOSITORIES)


@dataclass(frozen=True)
class SendFacts:
    """Repositories → what their discussions need to know, once to each part that has some."""

    schema: ClassVar[pa.Schema] = FACTS.append(_PARTITION)

    def __call__(self, batches: Batches) -> Batches:
        rows = (
            {**row, "names": [one["name"] for one in row["names"]], PARTITION: part}
            for batch in batches
            for row in batch.to_pylist()
            for part in row["parts"]
        )
        yield from _in_batches(rows, self.schema)


def _held(row: Mapping[str, Any]) -> tuple[datetime, int]:
    """When a repository was last seen under its name; its number breaks ties."""
    return row["names"][-1]["last_seen"], row["repo_id"]


def _later(
    known: tuple[datetime, int] | None, at: datetime, count: int | None
) -> tuple[datetime, int] | None:
    return known if count is None else max((at, count), known or (at, count))


def _in_batches(rows: Iterable[dict[str, Any]], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    pending: list[dict[str, Any]] = []
    for row in rows:
        pending.append(row)
        if len(pending) == BATCH_ROWS:
            yield pa.RecordBatch.from_pylist(pending, schema=schema)
            pending = []
    if pending:
        yield pa.RecordBatch.from_pylist(pending, schema=schema)
