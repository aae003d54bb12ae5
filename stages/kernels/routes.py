"""Where rows go in a shuffle, said as data: columns, and which reducer each row is sent to.

A `Route` is the step of a shuffle that computes nothing else. Its destination is one of the small
classes here; all are functions of a row's own values, so a row goes to the same reducer whatever
stands beside it.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages.contract import PARTITION, Batches

Partitions = npt.NDArray[np.uint32]


class Destination(Protocol):
    """The reducer of every row of a batch."""

    def __call__(self, batch: pa.RecordBatch) -> Partitions: ...


@dataclass(frozen=True)
class ToOne:
    """The one reducer that sees all rows."""

    def __call__(self, batch: pa.RecordBatch) -> Partitions:
        return np.zeros(batch.num_rows, np.uint32)


@dataclass(frozen=True)
class ByNumber:
    """The reducer that a column names, or its number without its lowest bits."""

    column: str
    shift: int = 0

    def __call__(self, batch: pa.RecordBatch) -> Partitions:
        return (_numbers(batch, self.column) >> self.shift).astype(np.uint32)


@dataclass(frozen=True)
class ByHash:
    """Equal integers, or equal pairs of them, to one reducer of `n_partitions`."""

    columns: tuple[str, ...]
    n_partitions: int

    def __call__(self, batch: pa.RecordBatch) -> Partitions:
        key = np.zeros(batch.num_rows, np.uint64)
        for column in self.columns:
            key = key * np.uint64(0xC2B2AE3D27D4EB4F) + _numbers(batch, column).astype(np.uint64)
        return scatter(key, self.n_partitions)


@dataclass(frozen=True)
class Route:
    """The columns of `schema`, null where a batch lacks one, to where `to` says."""

    schema: pa.Schema
    to: Destination
    at_least: tuple[str, float] | None = None
    """A column and the least value of the rows that are sent at all."""

    def __call__(self, batches: Batches) -> Batches:
        for whole in batches:
            batch = whole
            if self.at_least is not None:
                column, least = self.at_least
                batch = whole.filter(pc.greater_equal(whole[column], least))
            partition = pa.array(self.to(batch), pa.uint32())
            columns = [_column(batch, field) for field in self.schema]
            yield pa.record_batch([*columns, partition], schema=self.schema.append(_FIELD))


_FIELD = pa.field(PARTITION, pa.uint32())


def _column(batch: pa.RecordBatch, field: pa.Field) -> pa.Array:
    if field.name in batch.schema.names:
        return batch.column(field.name)
    return pa.nulls(batch.num_rows, field.type)


def _numbers(batch: pa.RecordBatch, column: str) -> npt.NDArray[Any]:
    numbers: npt.NDArray[Any] = batch.column(column).to_numpy(zero_copy_only=False)
    return numbers


def scatter(values: npt.NDArray[Any], n_partitions: int) -> Partitions:
    """A partition for each 64-bit value, by the upper bits of a multiplicative hash."""
    mixed = values.astype(np.uint64, copy=False) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return ((mixed >> np.uint64(32)) % np.uint64(n_partitions)).astype(np.uint32)


def spread_digests(keys: npt.NDArray[np.bytes_], n_partitions: int) -> Partitions:
    """A partition for each 16-byte digest (S16). They are uniform: the first four bytes, modulo."""
    words = np.ascontiguousarray(keys).view(">u4")[::4]
    return (words % n_partitions).astype(np.uint32)
