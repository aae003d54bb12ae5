"""Receipts: a shard is done when its receipt exists, written last.

A receipt names the object, its hash and those of its columns, and the components of the
fingerprint that determined them, so that `plan` can say which of them changed. Loose receipts
(`00000.receipt.json`) are rolled into `ledger.arrow` when a stage is complete; a loose receipt
wins over the ledger. Only the driver writes receipts.
"""

import io
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa

from pipeline.digest import fingerprint, stream_digest
from pipeline.storage import Mark, Storage
from stages.errors import StorageError

LEDGER = "ledger.arrow"
RECEIPT_SUFFIX = ".receipt.json"
LEDGER_SCHEMA = pa.schema([("key", pa.string()), ("receipt", pa.large_string())])


@dataclass(frozen=True)
class Receipt:
    """What was made, from what. `key` is a shard number (`00000`) or a partition's."""

    step: str
    key: str
    object: str
    """Name of the data file in the receipt's folder."""
    components: dict[str, Any]
    """All that determined the output; its hash is the fingerprint."""
    rows: int
    size: int
    modified: int
    xxh3: str
    columns: dict[str, str]
    """Digest per column."""
    summary: dict[str, Any] = field(default_factory=dict)
    """Statistics, skipped records, sizes per partition: facts about the data."""
    quarantine: dict[str, Any] | None = None
    """`object`, `xxh3`, `rows`, `reasons`, if records were quarantined."""
    effort: dict[str, Any] = field(default_factory=dict)
    """Measured: seconds, CPU seconds, bytes of text read, attempts, generation."""

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.components)

    def to_json(self) -> str:
        """JSON with a hash over itself, so that a flipped byte in it is found."""
        body = asdict(self)
        return json.dumps({**body, "fingerprint": self.fingerprint, "self": fingerprint(body)})


def parse_receipt(text: str | bytes, where: str) -> Receipt:
    """The receipt in `text`; a damaged one raises StorageError."""
    try:
        body = json.loads(text)
        expected = body.pop("self")
        body.pop("fingerprint")
        receipt = Receipt(**body)
        found = fingerprint(asdict(receipt))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(f"{where}: the receipt is damaged ({error})") from error
    if found != expected:
        raise StorageError(f"{where}: the receipt is damaged (its own hash does not match)")
    return receipt


class Receipts:
    """The receipts of one folder of the run."""

    def __init__(self, storage: Storage, folder: str) -> None:
        self.folder = folder
        self._storage = storage
        self._receipts: dict[str, Receipt] = {}
        self._loose: set[str] = set()
        self._ledger: set[str] = set()

    @property
    def current(self) -> dict[str, Receipt]:
        """Key → receipt, as loaded and committed so far."""
        return self._receipts

    def load(self) -> dict[str, Receipt]:
        """Key → receipt of every object that is as it was committed. One listing; an object with
        another mark is hashed again, and its receipt dropped if the content changed."""
        listing = self._storage.list(self.folder)
        in_ledger, loose = _parse(self._storage, self.folder, listing)
        self._ledger, self._loose = set(in_ledger), set(loose)
        found = in_ledger | loose
        self._receipts = {
            key: receipt
            for key, receipt in found.items()
            if self._is_intact(receipt, listing.get(receipt.object))
        }
        return dict(self._receipts)

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
        if keys & self._ledger:
            self._write_ledger(key for key in self._ledger - keys if key in self._receipts)
        for key in keys & self._loose:
            self._storage.delete(f"{self.folder}/{key}{RECEIPT_SUFFIX}")
        self._loose -= keys

    def commit(self, receipt: Receipt) -> None:
        """Write a receipt: from now on its object counts."""
        path = f"{self.folder}/{receipt.key}{RECEIPT_SUFFIX}"
        self._storage.write(path, receipt.to_json().encode())
        self._loose.add(receipt.key)
        self._receipts[receipt.key] = receipt

    def roll(self) -> None:
        """Gather all receipts in the ledger and remove the loose ones."""
        if self._loose:
            self._write_ledger(self._receipts)
            for key in sorted(self._loose):
                self._storage.delete(f"{self.folder}/{key}{RECEIPT_SUFFIX}")
            self._loose.clear()

    def _write_ledger(self, keys: Iterable[str]) -> None:
        receipts = [self._receipts[key] for key in sorted(keys)]
        sink = io.BytesIO()
        with pa.ipc.new_file(sink, LEDGER_SCHEMA) as writer:
            writer.write_table(
                pa.table(
                    [
                        [receipt.key for receipt in receipts],
                        [receipt.to_json() for receipt in receipts],
                    ],
                    schema=LEDGER_SCHEMA,
                )
            )
        self._storage.write(f"{self.folder}/{LEDGER}", sink.getvalue())
        self._ledger = {receipt.key for receipt in receipts}


def parse_receipts(storage: Storage, folder: str) -> dict[str, Receipt]:
    """Key → receipt as written, whether or not the objects are intact."""
    in_ledger, loose = _parse(storage, folder, storage.list(folder))
    return in_ledger | loose


def _parse(
    storage: Storage, folder: str, listing: Iterable[str]
) -> tuple[dict[str, Receipt], dict[str, Receipt]]:
    """The receipts in the ledger, and the loose ones."""
    names = set(listing)
    ledger = _read_ledger(storage, f"{folder}/{LEDGER}") if LEDGER in names else []
    loose = []
    for name in sorted(names):
        if name.endswith(RECEIPT_SUFFIX):
            path = f"{folder}/{name}"
            loose.append(parse_receipt(storage.read_bytes(path), path))
    return ({one.key: one for one in ledger}, {one.key: one for one in loose})


def _read_ledger(storage: Storage, path: str) -> list[Receipt]:
    try:
        table = pa.ipc.open_file(storage.read_bytes(path)).read_all()
    except pa.ArrowInvalid as error:
        raise StorageError(f"{path}: the ledger is damaged ({error})") from error
    return [parse_receipt(text, path) for text in table.column("receipt").to_pylist()]
