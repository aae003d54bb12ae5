"""Receipts: what is done, and what determined it."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.storage.digest import bytes_digest
from pipeline.storage.receipts import LEDGER, Receipt, Receipts, parse_receipt
from pipeline.storage.storage import LocalStorage
from stages.errors import StorageError


def commit(storage: LocalStorage, receipts: Receipts, key: str, data: bytes = b"data") -> Receipt:
    storage.write(f"{receipts.folder}/{key}.parquet", data)
    mark = storage.mark(f"{receipts.folder}/{key}.parquet")
    receipt = Receipt(
        step="web.dedup",
        key=key,
        object=f"{key}.parquet",
        components={"version": 1},
        rows=1,
        size=mark.size,
        modified=mark.modified,
        xxh3=bytes_digest(data),
        columns={"text": "0"},
    )
    receipts.commit(receipt)
    return receipt


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path)


def test_rolled_and_loose_receipts_read_alike(storage: LocalStorage) -> None:
    """A ledger holds what the loose receipts held, and a later loose one joins it."""
    receipts = Receipts(storage, "web/dedup")
    receipts.load()
    expected = {"00000": commit(storage, receipts, "00000")}
    receipts.roll()
    assert set(storage.list("web/dedup")) == {"00000.parquet", LEDGER}
    expected["00001"] = commit(storage, receipts, "00001")
    assert Receipts(storage, "web/dedup").load() == expected


def test_a_discarded_receipt_is_gone_before_its_object(storage: LocalStorage) -> None:
    """Discarding deletes the receipt, rolled or loose, and leaves the others."""
    receipts = Receipts(storage, "web/dedup")
    receipts.load()
    commit(storage, receipts, "00000")
    kept = commit(storage, receipts, "00001")
    receipts.roll()
    receipts.discard(["00000"])
    assert Receipts(storage, "web/dedup").load() == {"00001": kept}


def test_a_touched_object_is_hashed_again(storage: LocalStorage) -> None:
    """Another mark with the same content counts; other content of the same size does not."""
    receipts = Receipts(storage, "web/dedup")
    receipts.load()
    same, other = commit(storage, receipts, "00000"), commit(storage, receipts, "00001")
    storage.write(f"web/dedup/{same.object}", b"data")
    storage.write(f"web/dedup/{other.object}", b"atad")
    assert Receipts(storage, "web/dedup").load() == {"00000": same}


def test_a_flipped_byte_in_a_receipt_is_found(storage: LocalStorage) -> None:
    """A receipt hashes itself."""
    receipts = Receipts(storage, "web/dedup")
    receipts.load()
    text = commit(storage, receipts, "00000").to_json()
    assert parse_receipt(text, "here") == receipts.current["00000"]
    with pytest.raises(StorageError, match="here: the receipt is damaged"):
        parse_receipt(text.replace('"rows": 1', '"rows": 2'), "here")


def test_the_fingerprint_covers_components_and_nothing_measured(storage: LocalStorage) -> None:
    """Times and attempts do not change a fingerprint; a component does."""
    receipts = Receipts(storage, "web/dedup")
    receipts.load()
    receipt = commit(storage, receipts, "00000")
    assert replace(receipt, effort={"seconds": 9}).fingerprint == receipt.fingerprint
    assert replace(receipt, components={"version": 2}).fingerprint != receipt.fingerprint
