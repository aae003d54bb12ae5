"""Receipts: what is done, and what determined it."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.storage.digest import bytes_digest
from pipeline.storage.ledger_names import INNER_LEDGER, folder_of, ledger_of
from pipeline.storage.receipts import Receipt, Receipts, parse_receipt, parse_receipts
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
    assert set(storage.list("web/dedup")) == {"00000.parquet"}
    assert set(storage.list("web")) == {"_dedup.ledger"}
    expected["00001"] = commit(storage, receipts, "00001")
    assert Receipts(storage, "web/dedup").load() == expected


def test_the_ledger_of_an_older_run_is_read_and_moves(storage: LocalStorage) -> None:
    """A `ledger.arrow` inside the folder counts until the next roll, and never beside a new one."""
    receipts = Receipts(storage, "web/dedup")
    receipts.load()
    expected = {"00000": commit(storage, receipts, "00000")}
    receipts.roll()
    old, new = storage.root / "web/dedup" / INNER_LEDGER, storage.root / ledger_of("web/dedup")
    data = new.read_bytes()
    new.rename(old)
    later = Receipts(storage, "web/dedup")
    assert later.load() == expected
    assert parse_receipts(storage, "web/dedup") == expected
    later.roll()
    assert not old.exists()
    assert new.read_bytes() == data
    old.write_bytes(b"what a driver left that died between the two")
    assert Receipts(storage, "web/dedup").load() == expected


def test_a_ledger_names_its_folder() -> None:
    """`folder_of` is the inverse of `ledger_of`."""
    for folder in ("shards/code", "github/rules/measure", "bench"):
        assert folder_of(ledger_of(folder)) == folder
    assert folder_of("shards/code/00000.parquet") is None
    assert folder_of("web/dedup/ledger.arrow") == "web/dedup"


def test_a_folder_without_receipts_has_no_ledger(storage: LocalStorage) -> None:
    """Discarding the last receipt removes the ledger."""
    receipts = Receipts(storage, "web/dedup")
    receipts.load()
    commit(storage, receipts, "00000")
    receipts.roll()
    receipts.discard(["00000"])
    assert storage.list("web") == {}
    assert Receipts(storage, "web/dedup").load() == {}


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
