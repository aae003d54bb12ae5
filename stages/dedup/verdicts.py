"""The verdict of every document: near-duplicates, and twins with whom they follow.

A twin of a document that is dropped as a near-duplicate follows it: it is a duplicate of the
document kept in its survivor's place, and as similar to it as its survivor is, if their texts are
equal. So `duplicate_of` always names a document that is kept. Captures of one URL are compared
like all others, but their similarity is not part of the verdict: `pairs` has it.

Cost: 60 bytes a dropped document, in the reducer of its survivor and at the shard.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.dedup import DEDUP_DECISIONS
from stages.contract import ALIVE, ROW, Batches
from stages.dedup.arrays import (
    DROPS,
    ROW_MASK,
    are_earlier,
    emit,
    gather,
    numbers,
    runs_of,
)


@dataclass(frozen=True)
class ListTwins:
    """Members → those that are twins, as drops; kept, so that a new threshold need not ask again
    who they are."""

    schema: ClassVar[pa.Schema] = DROPS

    def __call__(self, batches: Batches) -> Batches:
        for whole in batches:
            own = ~are_earlier(numbers(whole, "document"))
            batch = whole.filter(pc.and_(whole["reason"].is_valid(), pa.array(own)))
            yield from emit(
                self.schema,
                {
                    "document": batch["document"],
                    "root": batch["survivor"],
                    "reason": batch["reason"],
                    "duplicate_of": batch["survivor_id"],
                    "similarity": np.ones(batch.num_rows),
                    "run": runs_of(numbers(batch, "survivor")),
                },
            )


@dataclass(frozen=True)
class FollowSurvivors:
    """Twins and near-duplicates → the same, every one pointing to a kept document."""

    schema: ClassVar[pa.Schema] = DROPS

    def __call__(self, batches: Batches) -> Batches:
        table = gather(batches, DROPS)
        near = table.filter(pc.equal(table["root"], table["document"])).sort_by("root")
        roots, places = numbers(table, "root"), numbers(near, "root")
        if near.num_rows == 0:
            yield from table.to_batches()
            return
        place = np.minimum(np.searchsorted(places, roots), near.num_rows - 1)
        moved = pa.array(places[place] == roots)
        taken = near.combine_chunks().take(pa.array(place))
        columns = {name: table[name] for name in DROPS.names}
        for name in ("duplicate_of", "similarity", "run"):
            columns[name] = pc.if_else(moved, taken[name], table[name])
        yield from emit(DROPS, columns)


@dataclass(frozen=True)
class Judge:
    """One shard and its drops → the reason and DEDUP_DECISIONS of every row. `against` has the
    earlier runs' names, in order, and a hash of each one's content."""

    against: Mapping[str, str]

    schema: ClassVar[pa.Schema] = pa.schema([pa.field("reason", pa.string()), *DEDUP_DECISIONS])

    reads: ClassVar[tuple[str, ...]] = (ROW, ALIVE, "doc_id")

    def __call__(self, batches: Batches, records: pa.Table) -> Batches:
        drops = records.sort_by("document").combine_chunks()
        dropped_rows = numbers(drops, "document") & ROW_MASK
        names = pa.array([None, *self.against], pa.string())
        for batch in batches:
            rows = numbers(batch, ROW).astype(np.int64)
            place = np.searchsorted(dropped_rows, rows)
            found = place < len(dropped_rows)
            found[found] = dropped_rows[place[found]] == rows[found]
            drop = drops.take(pa.array(place, mask=~found))
            cluster = pc.if_else(pa.array(found), drop["duplicate_of"], batch["doc_id"])
            nobody = pa.scalar(None, pa.binary(16))
            columns = {name: drop[name] for name in ("reason", "duplicate_of")}
            is_url = pc.fill_null(pc.equal(drop["reason"], "url"), False)
            unknown = pa.scalar(None, pa.float64())
            columns["similarity"] = pc.if_else(is_url, unknown, drop["similarity"])
            columns["cluster"] = pc.if_else(batch[ALIVE], cluster, nobody)
            columns["duplicate_run"] = names.take(drop["run"])
            yield from emit(self.schema, columns)
