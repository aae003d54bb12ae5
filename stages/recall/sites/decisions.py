"""Decisions on URL patterns, as the next iteration needs them.

The deepest pattern a page lies under decides; a page under none is as one under a rejected one. So
of a partition's decisions only those stay that differ from what holds above them: an accepted
pattern below an accepted one says nothing new, nor does a rejected one below nothing.

A share, not a list of pages, travels to the shards. First a domain, which lies in one partition, is
cut to `per_domain` pages, for a few hundred seeds would drown in the first large manual that is
found; then all of a target to `max_examples`. Memory: the patterns of a partition (1.6 kB each),
then 220 bytes for each decision that stays; the artefact has 45 a decision.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages.contract import Artefact, Batches
from stages.recall.sites.url_patterns import ManyPatterns, ancestors
from stages.recall.small_table import read_table, table_bytes

ACCEPTED = pa.schema(
    [
        pa.field("target", pa.string()),
        pa.field("pattern", pa.string()),
        pa.field("accepted", pa.bool_()),
        pa.field("share", pa.float64()),
    ]
)
"""`share` of an accepted pattern's pages becomes seeds."""


@dataclass(frozen=True)
class SeedLimits:
    """How many pages under accepted patterns become seeds."""

    per_domain: int | None
    max_examples: int


@dataclass(frozen=True)
class WeighDecisions:
    """The decisions that stay of one partition's patterns, each with its domain's share."""

    limits: SeedLimits

    schema: ClassVar[pa.Schema] = pa.schema([*ACCEPTED, pa.field("n_pages", pa.int64())])
    """`n_pages` is negative where a decision takes pages back from the one above it."""

    def __call__(self, batches: Batches) -> Batches:
        """Read patterns with their domain, pages and decision; yield `schema`."""
        columns = ["target", "pattern", "accepted", "domain", "n_pages"]
        rows = [
            row
            for batch in batches
            for row in batch.select(columns).to_pylist()
            if row["accepted"] is not None
        ]
        accepted = {(row["target"], row["pattern"]): row["accepted"] for row in rows}
        kept = []
        n_of_domain: Counter[tuple[str, str]] = Counter()
        for row in rows:
            _, *above = ancestors(row["pattern"])
            decided = (accepted[row["target"], a] for a in above if (row["target"], a) in accepted)
            sign = int(row["accepted"]) - int(next(decided, False))
            if sign:
                row["n_pages"] *= sign
                n_of_domain[row["target"], row["domain"]] += row["n_pages"]
                kept.append(row)
        for row in kept:
            n_pages = n_of_domain[row["target"], row["domain"]]
            limit = min(n_pages, self.limits.per_domain or n_pages)
            row["share"] = limit / n_pages if n_pages > 0 else 1.0
        yield from pa.Table.from_pylist(kept, self.schema).to_batches(max_chunksize=4096)


@dataclass(frozen=True)
class Accept:
    """The decisions that stay of all partitions, as one artefact (Arrow IPC)."""

    limits: SeedLimits

    def __call__(self, *sources: Batches) -> bytes:
        """Read the batches of `WeighDecisions`."""
        (weighed,) = sources
        table = pa.Table.from_batches(weighed, WeighDecisions.schema)
        pages = pc.multiply(table["n_pages"].cast(pa.float64()), table["share"])
        shares = table["share"].to_numpy().copy()
        for target in pc.unique(table["target"]).to_pylist():
            own = pc.equal(table["target"], target)
            n_seeds = round(pc.sum(pages.filter(own)).as_py())
            shares[own.to_numpy()] *= min(1.0, self.limits.max_examples / max(n_seeds, 1))
        columns = [*table.select(ACCEPTED.names[:-1]).columns, pa.array(shares)]
        order = [("target", "ascending"), ("pattern", "ascending")]
        return table_bytes(pa.table(columns, schema=ACCEPTED).sort_by(order))


@dataclass(frozen=True)
class Cover:
    """The decisions of one target, ready for many pages."""

    patterns: ManyPatterns
    shares: npt.NDArray[np.float64]
    """What is drawn under each: nothing where it was rejected."""

    def shares_of(self, urls: pa.Array) -> npt.NDArray[np.float64]:
        """The share drawn where each page lies; 0 where nothing was decided."""
        place = self.patterns.deepest_of(urls)
        return np.asarray(np.where(place >= 0, self.shares[place], 0.0), np.float64)


def read_covers(artefact: Artefact) -> Mapping[str, Cover]:
    """Target → its decisions; a target without an accepted pattern has none."""
    table = read_table(artefact)
    covers = {}
    for target in pc.unique(table["target"]).to_pylist():
        rows = table.filter(pc.equal(table["target"], target))
        shares = np.where(rows["accepted"].to_numpy(), rows["share"].to_numpy(), 0.0)
        covers[target] = Cover(ManyPatterns(rows["pattern"].to_pylist()), shares)
    return covers
