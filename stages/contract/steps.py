"""What the verbs of a corpus stage (`stages.contract.Corpus`) take and give: its tasks, and rows on
their way from one to the next."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Batches = Iterator[pa.RecordBatch]

PARTITION = "partition"
"""uint32 column that the step of a shuffle adds to its batches: which reducer a row goes to."""

SHARD, ROW = "shard", "row"
"""Columns every step over shards may read: the shard number (int32), the row in it (int64)."""

ALIVE = "alive"
"""Column (bool) a step over shards may read together with `everything`: not dropped before."""


class Step(Protocol):
    """A task of a corpus stage: a frozen dataclass whose fields are the options it depends on,
    with the schema it writes (`PARTITION`, which is not stored, may be in it or not). It is
    called once per shard (or part, or partition)."""

    @property
    def schema(self) -> pa.Schema: ...

    def __call__(self, batches: Batches) -> Batches: ...


class ShardStep(Protocol):
    """The last task of a corpus stage that judges: called once per shard with the shard's own
    batches (every row, living or not, the columns asked for) and all records shuffled to it;
    yields `reason` (string, null = keep) and the stage's measures, row for row. `schema` is that
    of the measures."""

    @property
    def schema(self) -> pa.Schema: ...

    def __call__(self, batches: Batches, records: pa.Table) -> Batches: ...


class RowStep(Protocol):
    """A task that looks rows up: called once per shard with the rows of it that `rows` chooses,
    by their number in the shard, from the records shuffled to the shard."""

    @property
    def schema(self) -> pa.Schema: ...

    def rows(self, records: pa.Table) -> npt.NDArray[np.int64]: ...

    def __call__(self, batches: Batches, records: pa.Table) -> Batches: ...


class Parts(Protocol):
    """What a verb made or will make: lazily, and only if something stale depends on it."""

    @property
    def n_parts(self) -> int: ...

    def read(self) -> Batches:
        """All batches in order, in this process: for small results only."""
        ...


class Shuffled(Protocol):
    """Partition-sorted files with their offsets."""

    def sizes(self) -> dict[int, tuple[int, int]]:
        """Partition → (rows, bytes); partitions without rows are absent. Runs the map tasks."""
        ...


class Artefact(Protocol):
    """A file that a run made once, such as a trained model. It travels to workers; a step with
    an artefact among its fields depends on the file's content."""

    @property
    def content_hash(self) -> str:
        """xxh3_128 of the bytes, 32 hex digits."""
        ...

    def read(self) -> bytes:
        """The bytes, on any machine of the run."""
        ...


class ArtefactStep(Protocol):
    """Makes an artefact: a frozen dataclass, called once with the batches of each source."""

    def __call__(self, *sources: Batches) -> bytes: ...


@dataclass(frozen=True)
class Output:
    """A named file of the product: partitions of a shuffle, merged in ascending order."""

    path: str
    partitions: tuple[int, ...]
