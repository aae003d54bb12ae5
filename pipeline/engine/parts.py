"""What a verb made or will make.

A corpus stage's `run` builds a graph of lazy parts: what each would be made from is known at
once (fingerprints), but it is made only if something stale depends on it. So raising a threshold
that only the last step depends on makes the last step alone.
"""

import json
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from types import MappingProxyType

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.engine.plans import Plan
from pipeline.engine.work.alignment import Alignment
from pipeline.engine.work.doing import Doing
from pipeline.engine.work.picking import PickWork
from pipeline.engine.work.steps import (
    ArtefactWork,
    PartsSource,
    Scratch,
    ShardSource,
    ShardStepWork,
    StepWork,
    TakesLong,
)
from pipeline.engine.work.task import Work
from pipeline.storage.digest import bytes_digest, fingerprint
from pipeline.storage.json_files import DAMAGED
from pipeline.storage.receipts import Receipt
from pipeline.storage.storage import Storage
from stages.contract import ArtefactStep, RowStep, ShardStep, Step
from stages.errors import StorageError

MEMO_SUFFIX = ".sizes.json"
READS = "reads"
"""In a memo: table and column that the shuffle read → one hash of all shards."""

Ensure = Callable[[Sequence[Plan]], dict[str, Receipt]]


class NotMade(Exception):  # noqa: N818 - no error: a dry run knows no further
    """A dry run asked for the content of something that only a real one makes."""


@dataclass(frozen=True)
class StoredArtefact:
    """A committed file of the run folder; without a hash, one that a dry run did not make."""

    storage: Storage
    path: str
    content_hash: str

    def read(self) -> bytes:
        """The bytes; StorageError if they are not what was committed."""
        if not self.content_hash:
            raise NotMade(self.path)
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
    adopts: bool = False
    """Whether the remembered sizes hold although the shuffle would be another one now."""
    reads: Mapping[str, str] = MappingProxyType({})

    def sizes(self) -> dict[int, tuple[int, int]]:
        """Partition → (rows, bytes)."""
        if self.storage.exists(self.memo):
            with suppress(*DAMAGED):  # then it is counted again
                content = json.loads(self.storage.read_bytes(self.memo))
                known = {int(p): (rows, size) for p, (rows, size) in content["sizes"].items()}
                if content["fingerprint"] == self.fingerprint:
                    return known
                if self.adopts:
                    self._write_memo(known)
                    return known
        sizes: dict[int, tuple[int, int]] = {}
        for receipt in self.made().values():
            for partition, (rows, size, _) in receipt.summary.get("partitions", {}).items():
                before = sizes.get(int(partition), (0, 0))
                sizes[int(partition)] = (before[0] + rows, before[1] + size)
        sizes = dict(sorted(sizes.items()))
        if self.remember:
            self._write_memo(sizes)
        return sizes

    def _write_memo(self, sizes: Mapping[int, tuple[int, int]]) -> None:
        content = {"fingerprint": self.fingerprint, READS: dict(self.reads), "sizes": dict(sizes)}
        self.storage.write(self.memo, json.dumps(content).encode())

    def partition(self, numbers: Sequence[int]) -> list[Scratch]:
        """Where the rows of these partitions lie: partition by partition, in map order."""
        paths = [part.path for part in self.scratch()]
        found = []
        for number in numbers:
            first, last = np.searchsorted(self._index[0], [number, number + 1])
            pairs = self._index[1:, first:last].T.tolist()
            for part, batches in groupby(pairs, key=itemgetter(0)):
                found.append(Scratch(paths[part], tuple(batch for _, batch in batches)))
        return found

    @cached_property
    def _index(self) -> NDArray[np.int32]:
        """Partition, part, batch number: a column for each batch, sorted; 12 bytes a batch."""
        receipts = self.made()
        flat = array("i")
        for part, plan in enumerate(self._plans):
            partitions = receipts[plan.key].summary.get("partitions", {})
            for partition, (_, _, batches) in partitions.items():
                for batch in batches:
                    flat.extend((int(partition), part, batch))
        index = np.array(flat, np.int32).reshape(-1, 3)
        return index[np.argsort(index[:, 0], kind="stable")].T


def same(work: Work) -> Work:
    """For `Plan.make`, as all that follow: work that waits for nothing."""
    return work


def reducing(
    step: Step, sources: Sequence[LazyShuffled], partitions: tuple[int, ...], durable: bool
) -> Callable[[], Work]:
    """Call a step on partitions of what was shuffled."""

    def make() -> Work:
        parts = [part for source in sources for part in source.partition(partitions)]
        return StepWork(step, PartsSource(tuple(parts)), durable=durable)

    return make


def making_artefact(
    step: ArtefactStep, parts: Sequence[LazyParts], path: str
) -> Callable[[], Work]:
    """Make the file of `path` from whole sources."""

    def make() -> Work:
        sources = tuple(PartsSource(tuple(part.scratch())) for part in parts)
        n_rows = sum(receipt.rows for part in parts for receipt in part.made().values())
        doing = Doing(_spoken(path), step.doing(n_rows)) if isinstance(step, TakesLong) else None
        return ArtefactWork(step, sources, doing)

    return make


def _spoken(path: str) -> str:
    """For who waits: `iteration-2/model/code.arrow` → `iteration 2, code`."""
    *around, _, name = path.split("/")
    return ", ".join([*(part.replace("-", " ") for part in around), name.rpartition(".")[0]])


def over_part(
    step: Step, parts: LazyParts, index: int, partitioned: bool, durable: bool
) -> Callable[[], Work]:
    """Call a step on one part of a source."""

    def make() -> Work:
        return StepWork(step, PartsSource((parts.scratch()[index],)), partitioned, durable)

    return make


def deciding(
    step: ShardStep, alignment: Alignment, columns: tuple[str, ...], records: LazyShuffled
) -> Callable[[], Work]:
    """Judge a shard by the records shuffled to it."""

    def make() -> Work:
        parts = tuple(records.partition([alignment.shard]))
        return ShardStepWork(step, alignment, columns, parts, records.schema)

    return make


def picking(step: RowStep, source: ShardSource, records: LazyShuffled) -> Callable[[], Work]:
    """Look the rows up that the records of one shard ask for."""

    def make() -> Work:
        parts = tuple(records.partition([source.alignment.shard]))
        return PickWork(step, source, parts, records.schema)

    return make
