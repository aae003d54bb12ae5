"""What a purge leaves of a document's rows: that there was one, what was counted, its verdicts.

The tables of stages stand row for row beside the documents and name each other's rows by identity,
so a row stays where it is and gets another identity, the same everywhere; all it held besides is
emptied, and what it was compared by becomes noise, so that it repeats nothing. Kept are flags,
measures and categories that statistics count, and verdicts, so that every count of the run stays
what it was. A column that nobody listed here is emptied. All other tables
(the pages that recall scored, the files it learned from) are lists, which lose the rows.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

from schemas.columns import DOC_ID, histogram_edges

KEPT = frozenset(
    {
        "keep",
        "reason",
        "kind",
        "n_bytes",
        "n_tokens",
        "language",
        "other",
        "natural_language",
        "license",
        "position",
    }
)
TEXT_HASH, SIGNATURE = "text_hash", "signature"
TEXTS = frozenset({"text", "body", "tokens", "head", "title"})
"""Columns that hold what documents say, which may be another one's address."""


def tombstone(doc_id: bytes) -> bytes:
    """The identity that a purged document's rows get."""
    return xxhash.xxh3_128_digest(b"purged:" + doc_id)


@dataclass(frozen=True)
class Blanking:
    """Empties the rows of these documents, and takes their identities and addresses out of the
    others'."""

    ids: frozenset[bytes]
    addresses: frozenset[str]

    def __call__(self, batch: pa.RecordBatch, *, aligned: bool) -> pa.RecordBatch:
        """The batch as it may stay, in the same schema; row for row if it is `aligned`."""
        rows = self._own_rows(batch)
        if not aligned and rows.any():
            batch, rows = batch.filter(pa.array(~rows)), np.zeros(0, bool)
        ids = batch.column("doc_id").to_pylist() if rows.any() else []
        columns = []
        for field, column in zip(batch.schema, batch.columns, strict=True):
            new = column
            if rows.any() and not _stays(field):
                new = _emptied(new, field, rows, ids)
            columns.append(self._mapped(new, field.name))
        return pa.RecordBatch.from_arrays(columns, schema=batch.schema)

    def _own_rows(self, batch: pa.RecordBatch) -> NDArray[np.bool_]:
        """Which rows are of the documents themselves."""
        if "doc_id" not in batch.schema.names or batch.schema.field("doc_id").type != DOC_ID:
            return np.zeros(batch.num_rows, bool)
        own = pc.is_in(batch.column("doc_id"), self._known)
        return np.asarray(own.to_numpy(zero_copy_only=False))

    def _mapped(self, array: pa.Array, name: str) -> pa.Array:
        """The array with identities mapped and addresses emptied, also inside lists."""
        kind = array.type
        if pa.types.is_nested(kind):
            return self._nested(array, name) if any(map(_may_name, leaves(name, kind))) else array
        if kind == DOC_ID and name != TEXT_HASH:
            place = pc.index_in(array, self._known)
            return array if place.null_count == len(place) else _replaced(array, place, self._dead)
        if (pa.types.is_string(kind) or pa.types.is_large_string(kind)) and name not in TEXTS:
            place = pc.index_in(array, self._addresses.cast(kind))
            if place.null_count < len(place):
                array = pc.if_else(pc.is_valid(place), pa.scalar("", kind), array)
        return array

    def _nested(self, array: pa.Array, name: str) -> pa.Array:
        kind = array.type
        mask = array.is_null() if array.null_count else None
        if pa.types.is_struct(kind):
            fields = [kind.field(index) for index in range(kind.num_fields)]
            rows = pa.RecordBatch.from_arrays(
                [array.field(one.name) for one in fields], schema=pa.schema(fields)
            )
            inner = self(rows, aligned=True).columns
            return pa.StructArray.from_arrays(inner, fields=fields, mask=mask)
        values = self._mapped(array.values, name)
        return type(array).from_arrays(array.offsets, values, type=kind, mask=mask)

    @cached_property
    def _known(self) -> pa.Array:
        return pa.array(sorted(self.ids), DOC_ID)

    @cached_property
    def _addresses(self) -> pa.Array:
        return pa.array(sorted(self.addresses), pa.string())

    @cached_property
    def _dead(self) -> pa.Array:
        return pa.array([tombstone(one) for one in sorted(self.ids)], DOC_ID)


def _replaced(array: pa.Array, place: pa.Array, by: pa.Array) -> pa.Array:
    """`by[place]` where there is a place, else the value itself."""
    both = pa.concat_arrays([array, by])
    own = pa.array(np.arange(len(array)))
    return both.take(pc.coalesce(pc.add(place.cast(pa.int64()), len(array)), own))


def _stays(field: pa.Field) -> bool:
    """Whether an emptied row keeps the column."""
    is_identity = field.type == DOC_ID and field.name != TEXT_HASH
    measured = pa.types.is_floating(field.type)
    is_flag = pa.types.is_boolean(field.type)
    counted = histogram_edges(field) is not None
    return is_identity or is_flag or measured or counted or field.name in KEPT


def _emptied(
    array: pa.Array, field: pa.Field, rows: NDArray[np.bool_], ids: list[bytes | None]
) -> pa.Array:
    """The array with nothing in these rows; where it held a list, with an empty one."""
    places = np.arange(len(array))
    if field.name in (TEXT_HASH, SIGNATURE):
        rows = rows & array.is_valid().to_numpy(zero_copy_only=False)
        fresh = pa.array([_noise(ids[row], field) for row in np.flatnonzero(rows)], field.type)
        places[rows] = len(array) + np.arange(len(fresh))
        return pa.concat_arrays([array, fresh]).take(pa.array(places))
    if field.nullable and not _is_list(field.type):
        return array.take(pa.array(places, mask=rows))
    if field.nullable:
        rows = rows & array.is_valid().to_numpy(zero_copy_only=False)
    nothing = pa.array([_nothing(field.type)], field.type)
    return pa.concat_arrays([array, nothing]).take(pa.array(np.where(rows, len(array), places)))


def _noise(identity: bytes | None, field: pa.Field) -> bytes | list[int]:
    """What no text has: the hash or the signature of nothing but an identity."""
    dead = tombstone(identity or b"")
    if field.name == TEXT_HASH:
        return dead
    n_numbers = field.type.list_size
    return [xxhash.xxh32_intdigest(dead, seed=number) for number in range(n_numbers)]


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _nothing(kind: pa.DataType) -> Any:
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return ""
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return b""
    if pa.types.is_fixed_size_binary(kind):
        return bytes(kind.byte_width)
    if _is_list(kind):
        return []
    return 0


def leaves(name: str, kind: pa.DataType) -> list[tuple[str, pa.DataType]]:
    """Name and type of every innermost array of a column."""
    if not pa.types.is_nested(kind):
        return [(name, kind)]
    inner = [kind.field(index) for index in range(kind.num_fields)]
    is_struct = pa.types.is_struct(kind)
    found = [leaves(one.name if is_struct else name, one.type) for one in inner]
    return [leaf for each in found for leaf in each]


def _may_name(leaf: tuple[str, pa.DataType]) -> bool:
    """Whether an innermost array may hold identities or addresses."""
    _, kind = leaf
    return bool(kind == DOC_ID or pa.types.is_string(kind) or pa.types.is_large_string(kind))
