"""What no receipt names any more: objects replaced by others, and those of attempts that died.

On a local disk a new object takes the name of the old one and an unfinished one has a hidden
name. On a store each attempt has a name of its own, so the old object is deleted here, after the
new one's receipt is written; if the driver dies in between, the next one finds it unnamed.
"""

from collections.abc import Iterable, Mapping

from pipeline.storage.receipts import Receipt, Receipts, parse_receipts
from pipeline.storage.storage import Storage


class Superseded:
    """Objects of receipts that are about to be replaced."""

    def __init__(self, storage: Storage, folder: str, old: Iterable[Receipt | None]) -> None:
        self._storage = storage
        self._folder = folder
        self._paths = {path for receipt in old if receipt for path in self._objects(receipt)}

    def _objects(self, receipt: Receipt) -> list[str]:
        paths = [f"{self._folder}/{receipt.object}"]
        if receipt.quarantine is not None:
            paths.append(receipt.quarantine["object"])
        return paths

    def delete(self, current: Mapping[str, Receipt]) -> None:
        """Delete those that no current receipt names."""
        if self._paths:
            named = {path for receipt in current.values() for path in self._objects(receipt)}
            for path in sorted(self._paths - named):
                self._storage.delete(path)


def sweep(storage: Storage, quarantine: str, receipts: Receipts) -> None:
    """Remove what dead attempts left in a step's quarantine folder, which the steps of one stage
    share."""
    staged = [name for name in storage.list(quarantine) if storage.is_staged(name)]
    if not staged:
        return
    stage = quarantine.removeprefix("quarantine/")
    named = {_quarantined(receipt) for receipt in receipts.current.values()}
    for folder in (stage, f"{stage}/measure"):
        named |= {_quarantined(receipt) for receipt in parse_receipts(storage, folder).values()}
    for name in staged:
        if f"{quarantine}/{name}" not in named:
            storage.delete(f"{quarantine}/{name}")


def _quarantined(receipt: Receipt) -> str | None:
    return None if receipt.quarantine is None else receipt.quarantine["object"]
