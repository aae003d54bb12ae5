"""Receipts: a shard is done when its receipt exists, written last.

A receipt names the object, its hash and those of its columns, and the components of the
fingerprint that determined them, so that `plan` can say which of them changed. Loose receipts
(`00000.receipt.json`, or a group of them, `g00000001-000001.receipts.json`) are rolled into the
folder's ledger (`ledger_names`) when a stage is complete; a loose receipt wins over the ledger.
Only the driver writes receipts.

A group costs three calls to the disk however many receipts it holds: the folder is settled, so
that the data is durable first, then the group is written. Cost: see `make bench`; a receipt in
memory shares its strings with the others of its folder, and its statistics stay packed.
"""

import io
import json
import sys
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import pyarrow as pa

from pipeline.storage.digest import bytes_digest, fingerprint, stream_digest
from pipeline.storage.ledger_names import (
    GROUP_SUFFIX,
    INNER_LEDGER,
    LEDGER_SUFFIX,
    RECEIPT_SUFFIX,
    ledger_of,
)
from pipeline.storage.packing import Packed, Pool, pack
from pipeline.storage.storage import Mark, Storage
from stages.errors import StorageError

PACKED = ("components", "summary", "effort")
"""What is rarely read, and therefore packed."""

LEDGER_SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("receipt", pa.large_string()),
        *((name, pa.large_binary()) for name in PACKED),
        ("xxh3", pa.string()),
    ]
)
"""A receipt without its large tables, these packed as in memory, and the hash of it all."""
MADE_ANEW = "delete it, and `sluice run` makes again what it spoke of"
"""What to do about a damaged ledger or receipt."""
LEDGER_ROWS = 1024
"""Receipts in one batch of the ledger: what is held as text while it is read or written."""


@dataclass(frozen=True)
class Receipt:
    """What was made, from what. `key` is a shard number (`00000`) or a partition's."""

    step: str
    key: str
    object: str
    """Name of the data file in the receipt's folder."""
    components: Mapping[str, Any]
    """All that determined the output; its hash is the fingerprint."""
    rows: int
    size: int
    modified: int
    xxh3: str
    columns: Mapping[str, str]
    """Digest per column."""
    summary: Mapping[str, Any] = field(default_factory=dict)
    """Statistics, skipped records, sizes per partition: facts about the data."""
    quarantine: dict[str, Any] | None = None
    """`object`, `xxh3`, `rows`, `reasons`, if records were quarantined."""
    effort: Mapping[str, Any] = field(default_factory=dict)
    """Measured: seconds, CPU seconds, bytes of text read, attempts, generation."""

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint(dict(self.components))

    def body(self) -> dict[str, Any]:
        """Every field, as plain JSON values."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {k: dict(v) if isinstance(v, Mapping) else v for k, v in values.items()}

    def to_json(self) -> str:
        """JSON with a hash over itself, so that a flipped byte in it is found."""
        body = self.body()
        return json.dumps({**body, "fingerprint": self.fingerprint, "self": fingerprint(body)})


def parse_receipt(text: str | bytes, where: str) -> Receipt:
    """The receipt in `text`; a damaged one raises StorageError."""
    try:
        body = json.loads(text)
        expected = body.pop("self")
        recorded = body.pop("fingerprint")
        receipt = Receipt(**body)
        found = fingerprint(body)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(f"{where}: the receipt is damaged ({error}); {MADE_ANEW}") from error
    if found != expected:
        raise StorageError(
            f"{where}: the receipt is damaged (its own hash does not match); {MADE_ANEW}"
        )
    _remember_fingerprint(receipt, recorded)
    return receipt


def _remember_fingerprint(receipt: Receipt, value: str) -> None:
    """Fill the cached property: hashing 100,000 receipts takes four seconds."""
    receipt.__dict__["fingerprint"] = value


def _compact(receipt: Receipt, pool: Pool) -> Receipt:
    """The same receipt in less memory."""
    compact = replace(
        receipt,
        step=sys.intern(receipt.step),
        columns=pool.columns(receipt.columns),
        components=pack(receipt.components),
        summary=pack(receipt.summary),
        effort=pack(receipt.effort),
    )
    _remember_fingerprint(compact, receipt.fingerprint)
    return compact


class Receipts:
    """The receipts of one folder of the run."""

    def __init__(self, storage: Storage, folder: str) -> None:
        self.folder = folder
        self._storage = storage
        self._receipts: dict[str, Receipt] = {}
        self._pool = Pool()
        self._loose: set[str] = set()
        self._ledger: set[str] = set()
        self._has_inner_ledger = False
        self._groups: dict[str, set[str]] = {}
        self._pending: dict[str, str] = {}
        self.unnamed: list[str] = []
        """What attempts of earlier drivers left in the folder, as it was loaded."""

    @property
    def current(self) -> dict[str, Receipt]:
        """Key → receipt, as loaded and committed so far."""
        return self._receipts

    @property
    def n_pending(self) -> int:
        """Receipts added and not yet written."""
        return len(self._pending)

    def load(self) -> dict[str, Receipt]:
        """Key → receipt of every object that is as it was committed. One listing; an object with
        another mark is hashed again, and its receipt dropped if the content changed."""
        listing = self._storage.list(self.folder)
        self._has_inner_ledger = INNER_LEDGER in listing
        self._receipts = {}
        self._loose, self._ledger, self._groups = set(), set(), {}
        for name, receipt in _read(self._storage, self.folder, listing):
            if name == LEDGER_SUFFIX:
                self._ledger.add(receipt.key)
            elif name.endswith(GROUP_SUFFIX):
                self._groups.setdefault(name, set()).add(receipt.key)
            else:
                self._loose.add(receipt.key)
            if self._is_intact(receipt, listing.get(receipt.object)):
                self._receipts[receipt.key] = _compact(receipt, self._pool)
            else:
                self._receipts.pop(receipt.key, None)
        named = {receipt.object for receipt in self._receipts.values()}
        self.unnamed = [
            name for name in listing if self._storage.is_staged(name) and name not in named
        ]
        return self._receipts

    def _is_intact(self, receipt: Receipt, mark: Mark | None) -> bool:
        if mark is None or mark.size != receipt.size:
            return False
        if mark.modified == receipt.modified:
            return True
        with self._storage.open_read(f"{self.folder}/{receipt.object}") as stream:
            return stream_digest(stream) == receipt.xxh3

    def discard(self, keys: Iterable[str]) -> None:
        """Delete receipts, before their objects are made anew."""
        keys = set(keys)
        for key in keys:
            self._receipts.pop(key, None)
        if any(not keys.isdisjoint(group) for group in self._groups.values()):
            self._write_ledger()
            self._delete_loose()
            return
        if not keys.isdisjoint(self._ledger):
            self._write_ledger()
        for key in keys & self._loose:
            self._storage.delete(f"{self.folder}/{key}{RECEIPT_SUFFIX}")
        self._loose -= keys

    def commit(self, receipt: Receipt) -> None:
        """Write a receipt: from now on its object counts."""
        self.add(receipt)
        self.flush()

    def add(self, receipt: Receipt) -> None:
        """Take a receipt that the next `flush` will write."""
        self._receipts[receipt.key] = _compact(receipt, self._pool)
        self._pending[receipt.key] = receipt.to_json()

    def flush(self) -> None:
        """Write what was added: one receipt under its own name, several as a group."""
        if not self._pending:
            return
        self._storage.settle(self.folder)
        keys = set(self._pending)
        if len(keys) == 1:
            name = f"{min(keys)}{RECEIPT_SUFFIX}"
            self._loose |= keys
        else:
            generation = self._receipts[min(keys)].effort.get("generation", 0)
            number = 1 + max(map(_group_number, self._groups), default=0)
            name = f"g{generation:08d}-{number:06d}{GROUP_SUFFIX}"
            self._groups[name] = keys
        data = "\n".join(self._pending.values()).encode()
        self._storage.create(f"{self.folder}/{name}", data)
        self._pending.clear()

    def roll(self) -> None:
        """Gather all receipts in the ledger and remove the loose ones."""
        self.flush()
        if self._loose or self._groups or self._has_inner_ledger:
            self._write_ledger()
            self._delete_loose()

    def _delete_loose(self) -> None:
        for key in sorted(self._loose):
            self._storage.delete(f"{self.folder}/{key}{RECEIPT_SUFFIX}")
        for name in sorted(self._groups):
            self._storage.delete(f"{self.folder}/{name}")
        self._loose.clear()
        self._groups.clear()

    def _write_ledger(self) -> None:
        keys = sorted(self._receipts)
        if keys:
            self._storage.write(ledger_of(self.folder), self._ledger_bytes(keys))
        else:
            self._storage.delete(ledger_of(self.folder))
        if self._has_inner_ledger:
            self._storage.delete(f"{self.folder}/{INNER_LEDGER}")
            self._has_inner_ledger = False
        self._ledger = set(keys)

    def _ledger_bytes(self, keys: Sequence[str]) -> bytes:
        sink = io.BytesIO()
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.ipc.new_file(sink, LEDGER_SCHEMA, options=options) as writer:
            for start in range(0, len(keys), LEDGER_ROWS):
                rows = [_ledger_row(self._receipts[k]) for k in keys[start : start + LEDGER_ROWS]]
                writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=LEDGER_SCHEMA))
        return sink.getvalue()


def parse_receipts(storage: Storage, folder: str) -> dict[str, Receipt]:
    """Key → receipt as written, whether or not the objects are intact."""
    pool = Pool()
    receipts = _read(storage, folder, storage.list(folder))
    return {receipt.key: _compact(receipt, pool) for _, receipt in receipts}


def _read(storage: Storage, folder: str, listing: Iterable[str]) -> Iterator[tuple[str, Receipt]]:
    """File name and receipt: those of the ledger (named by its suffix), then groups as they were
    written, then loose ones; of two with one key the later counts."""
    names = set(listing)
    for receipt in _read_ledger(storage, folder, names):
        yield LEDGER_SUFFIX, receipt
    for name in sorted(name for name in names if name.endswith(GROUP_SUFFIX)):
        path = f"{folder}/{name}"
        for line in storage.read_bytes(path).splitlines():
            yield name, parse_receipt(line, path)
    for name in sorted(name for name in names if name.endswith(RECEIPT_SUFFIX)):
        path = f"{folder}/{name}"
        yield name, parse_receipt(storage.read_bytes(path), path)


def _group_number(name: str) -> int:
    return int(name.removesuffix(GROUP_SUFFIX).rpartition("-")[2])


def _ledger_row(receipt: Receipt) -> dict[str, Any]:
    body = {one.name: getattr(receipt, one.name) for one in fields(receipt)}
    packed = {name: pack(body.pop(name)).data for name in PACKED}
    body["columns"] = dict(body["columns"])
    text = json.dumps({**body, "fingerprint": receipt.fingerprint})
    return {"key": receipt.key, "receipt": text, **packed, "xxh3": _row_digest(text, packed)}


def _row_digest(text: str, packed: Mapping[str, bytes]) -> str:
    return bytes_digest(b"\0".join([text.encode(), *packed.values()]))


def _read_ledger(storage: Storage, folder: str, names: Container[str]) -> Iterator[Receipt]:
    """The receipts of the ledger beside the folder; of the inner one if there is no other."""
    path = ledger_of(folder)
    try:
        data = storage.read_bytes(path)
    except FileNotFoundError:
        if INNER_LEDGER not in names:
            return
        path = f"{folder}/{INNER_LEDGER}"
        data = storage.read_bytes(path)
    try:
        with pa.ipc.open_file(data) as reader:
            if reader.schema.names != LEDGER_SCHEMA.names:
                raise StorageError(
                    f"{path}: another version of Sluice wrote this ledger; {MADE_ANEW}"
                )
            for index in range(reader.num_record_batches):
                batch = reader.get_batch(index)
                batch.validate(full=True)
                for row in batch.to_pylist():
                    yield _from_ledger(row, path)
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{path}: the ledger is damaged ({error}); {MADE_ANEW}") from error


def _from_ledger(row: dict[str, Any], path: str) -> Receipt:
    packed = {name: row[name] for name in PACKED}
    if _row_digest(row["receipt"], packed) != row["xxh3"]:
        raise StorageError(
            f"{path}: the receipt of {row['key']} is damaged (its hash differs); {MADE_ANEW}"
        )
    body = json.loads(row["receipt"])
    recorded = body.pop("fingerprint")
    body |= {name: Packed(data) for name, data in packed.items()}
    receipt = Receipt(**body)
    _remember_fingerprint(receipt, recorded)
    return receipt
