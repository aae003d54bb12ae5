"""`removals.parquet`: what was asked to be taken out of the run, for good.

Every value is there as its hash, by which documents are told; as text it is there until it was
purged. The list is small and is read whole.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.storage.digest import bytes_digest
from pipeline.storage.json_files import read_json
from pipeline.storage.storage import Storage
from schemas.removals import KEYS, REMOVALS
from stages.errors import StorageError

FILE = "removals.parquet"
PENDING = "removal.json"
"""There while a removal is at work."""


@dataclass(frozen=True)
class Removal:
    """One value that names documents."""

    key: str
    digest: bytes
    value: str | None
    removed_at: datetime
    why: str | None


@dataclass(frozen=True)
class Removals:
    """All that was asked for, in the order in which it was."""

    rows: tuple[Removal, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.rows)

    def by_key(self) -> dict[str, bytes]:
        """Key → sorted digests, one after another; keys without any are left out."""
        found: dict[str, list[bytes]] = {key: [] for key in KEYS}
        for row in self.rows:
            found[row.key].append(row.digest)
        return {key: b"".join(sorted(digests)) for key, digests in found.items() if digests}

    @property
    def content(self) -> str:
        """One hash of what is taken out; when and why it was is no part of it."""
        return bytes_digest(b"\0".join(k.encode() + d for k, d in self.by_key().items()))

    def plus(self, rows: Iterable[Removal]) -> "Removals":
        """With further rows; those that are known already are left as they are."""
        known = {(row.key, row.digest): row for row in self.rows}
        for row in rows:
            known.setdefault((row.key, row.digest), row)
        return Removals(tuple(known.values()))

    def without_values(self) -> "Removals":
        """Nothing but hashes: what remains of them after a purge."""
        return Removals(tuple(replace(row, value=None, why=None) for row in self.rows))

    def filled(self) -> Mapping[str, Any]:
        """The options of the stage that takes documents out."""
        return {"removed": self.by_key(), "content": self.content}


def read_removals(storage: Storage) -> Removals:
    """The run's list; an empty one where nothing was ever asked for."""
    if not storage.exists(FILE):
        return Removals()
    try:
        table = pq.read_table(BytesIO(storage.read_bytes(FILE)), schema=REMOVALS)
        return Removals(tuple(Removal(**row) for row in table.to_pylist()))
    except (pa.ArrowException, OSError, TypeError, ValueError) as error:
        raise StorageError(
            f"{storage.url}/{FILE} is damaged ({error}); restore it: without it, what was removed "
            "comes back"
        ) from error


def write_removals(storage: Storage, removals: Removals) -> None:
    """Write the list, if it changed."""
    rows: Sequence[dict[str, Any]] = [vars(row) for row in removals.rows]
    sink = BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=REMOVALS), sink, compression="zstd")
    data = sink.getvalue()
    if not storage.exists(FILE) or storage.read_bytes(FILE) != data:
        storage.write(FILE, data)


@dataclass(frozen=True)
class Pending:
    """What a removal that has begun and not ended is to do, and how far it is."""

    purge: bool
    rewrites: bool = False
    """Whether the shards are done, and tables are being written without what is purged."""


def pending_removal(storage: Storage) -> Pending | None:
    """The removal that has begun and not ended."""
    if not storage.exists(PENDING):
        return None
    remedy = "give `sluice remove` the same list again once it is deleted"
    return read_json(storage, PENDING, lambda content: Pending(**content), remedy)


def write_pending(storage: Storage, pending: Pending) -> None:
    """Say how far it is."""
    storage.write(PENDING, json.dumps(asdict(pending)).encode())


def require_no_removal(storage: Storage) -> None:
    """StorageError while a removal has begun and not ended: tables and receipts may differ."""
    if pending_removal(storage) is not None:
        raise StorageError(
            f"{storage.url}: a removal was interrupted; `sluice remove {storage.url}` ends it, "
            "then go on"
        )
