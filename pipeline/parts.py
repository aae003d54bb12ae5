"""What a verb made or will make.

A corpus stage's `run` builds a graph of lazy parts: what each would be made from is known at
once (fingerprints), but it is made only if something stale depends on it. So raising a threshold
that only the last step depends on makes the last step alone.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from pipeline.digest import bytes_digest, fingerprint
from pipeline.receipts import Receipt
from pipeline.runner import Plan
from pipeline.storage import Storage
from pipeline.work.steps import Scratch
from stages.errors import StorageError

Ensure = Callable[[Sequence[Plan]], dict[str, Receipt]]


@dataclass(frozen=True)
class StoredArtefact:
    """A committed file of the run folder."""

    storage: Storage
    path: str
    content_hash: str

    def read(self) -> bytes:
        """The bytes; StorageError if they are not what was committed."""
        data = self.storage.read_bytes(self.path)
        if bytes_digest(data) != self.content_hash:
            raise StorageError(f"{self.path} changed since it was made; run `sluice verify`")
        return data


class LazyParts:
    """Objects of one step: their fingerprints now, the objects when they are needed."""

    def __init__(
        self,
        storage: Storage,
        folder: str,
        schema: pa.Schema,
        plans: Sequence[Plan],
        ensure: Ensure,
    ) -> None:
        self.storage = storage
        self.folder = folder
        self.schema = schema
        self._plans = plans
        self._ensure = ensure
        self._receipts: dict[str, Receipt] | None = None

    @property
    def n_parts(self) -> int:
        return len(self._plans)

    @property
    def fingerprint(self) -> str:
        """Of all parts together."""
        return fingerprint([plan.fingerprint for plan in self._plans])

    def part_fingerprint(self, index: int) -> str:
        """Of one part."""
        return self._plans[index].fingerprint

    def made(self) -> dict[str, Receipt]:
        """Key → receipt, after making what is stale."""
        if self._receipts is None:
            self._receipts = self._ensure(self._plans)
        return self._receipts

    def scratch(self) -> list[Scratch]:
        """The objects, in order."""
        receipts = self.made()
        return [Scratch(f"{self.folder}/{receipts[plan.key].object}") for plan in self._plans]

    def read(self) -> Iterator[pa.RecordBatch]:
        """All batches in order."""
        for part in self.scratch():
            yield from part.read(self.storage)


class LazyShuffled(LazyParts):
    """Partition-sorted objects. `memo` is where the partitions' sizes are remembered, so that
    deleting scratch data costs nothing as long as nothing changed."""

    memo: str
    remember: bool

    def sizes(self) -> dict[int, tuple[int, int]]:
        """Partition → (rows, bytes)."""
        if self.storage.exists(self.memo):
            content = json.loads(self.storage.read_bytes(self.memo))
            if content["fingerprint"] == self.fingerprint:
                return {int(p): (rows, size) for p, (rows, size) in content["sizes"].items()}
        sizes: dict[int, tuple[int, int]] = {}
        for receipt in self.made().values():
            for partition, (rows, size, _) in receipt.summary.get("partitions", {}).items():
                before = sizes.get(int(partition), (0, 0))
                sizes[int(partition)] = (before[0] + rows, before[1] + size)
        sizes = dict(sorted(sizes.items()))
        if self.remember:
            content = {"fingerprint": self.fingerprint, "sizes": sizes}
            self.storage.write(self.memo, json.dumps(content).encode())
        return sizes

    def partition(self, numbers: Sequence[int]) -> list[Scratch]:
        """Where the rows of these partitions lie: partition by partition, in map order."""
        receipts = self.made()
        found = []
        for number in numbers:
            for plan in self._plans:
                receipt = receipts[plan.key]
                entry = receipt.summary.get("partitions", {}).get(str(number))
                if entry is not None:
                    found.append(Scratch(f"{self.folder}/{receipt.object}", tuple(entry[2])))
        return found
