"""Takes documents out of a file of samples that is written already.

The rows that remain are those that emit would write without these documents, in the same row
groups: a joined sample loses the tokens of the document and the places behind it move up, a sample
of which nothing remains is gone. Cost: the file is read and written once, nothing is tokenised.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.shards import PART, SHARDS
from stages.contract import Batches
from stages.emit.files import WriteSamples
from stages.emit.placement import order_hash
from stages.emit.samples import ORDER


@dataclass(frozen=True)
class WithoutDocuments:
    """Writes the samples of a file again, without these documents (16 bytes each)."""

    write: WriteSamples
    seed: int
    documents: frozenset[bytes]

    @property
    def schema(self) -> pa.Schema:
        return self.write.schema

    def __call__(self, batches: Batches) -> Batches:
        return self.write(self._routed(batches))

    def _routed(self, batches: Batches) -> Batches:
        schema = pa.schema([pa.field(ORDER, pa.uint64(), nullable=False), *SHARDS])
        for batch in batches:
            rest = without(batch.select(SHARDS.names), self.documents)
            ids = rest.column("sample_id").to_pylist()
            orders = np.array([order_hash(self.seed, one) for one in ids], np.uint64)
            routed = pa.RecordBatch.from_arrays([pa.array(orders), *rest.columns], schema=schema)
            yield routed.take(pa.array(np.argsort(orders, kind="stable")))


def without(samples: pa.RecordBatch, documents: frozenset[bytes]) -> pa.RecordBatch:
    """The samples without these documents, those that were cut behind the others."""
    parts = samples.column("parts")
    owners = pc.list_parent_indices(parts).to_numpy()
    ids = pc.struct_field(pc.list_flatten(parts), "doc_id")
    named = pc.is_in(ids, pa.array(sorted(documents), ids.type))
    touched = np.unique(owners[named.to_numpy(zero_copy_only=False)])
    if not len(touched):
        return samples
    untouched = np.ones(samples.num_rows, bool)
    untouched[touched] = False
    cut = [_cut(row, documents) for row in samples.take(pa.array(touched)).to_pylist()]
    rest = [row for row in cut if row["parts"]]
    pieces = [samples.filter(pa.array(untouched)).cast(SHARDS)]
    if rest:
        pieces.append(_batch(rest))
    return pa.concat_batches(pieces)


def _cut(row: dict[str, Any], documents: frozenset[bytes]) -> dict[str, Any]:
    """A sample without the parts that are of these documents."""
    parts: list[dict[str, Any]] = []
    tokens: list[int] = []
    for part in row["parts"]:
        if part["doc_id"] not in documents:
            start, end = part["start"], part["start"] + part["n_tokens"]
            parts.append({**part, "start": len(tokens)})
            tokens += row["tokens"][start:end]
    return {**row, "parts": parts, "tokens": tokens, "n_tokens": len(tokens)}


def _batch(rows: Sequence[dict[str, Any]]) -> pa.RecordBatch:
    columns = {name: [row[name] for row in rows] for name in SHARDS.names if name != "parts"}
    columns["parts"] = pa.array([row["parts"] for row in rows], pa.list_(PART))
    return pa.RecordBatch.from_pydict(columns, schema=SHARDS)
