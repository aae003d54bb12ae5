"""Seeds that an iteration adds: pages under accepted patterns (DeepSeekMath section 2.1, step 4).

The deepest pattern a page lies under decides. Of a domain about `per_domain` pages are drawn, by
identity: a few hundred seeds would drown in the first large manual that is found.
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
from stages.kernels.identity import seeded_hashes
from stages.recall.classifier.examples import (
    EXAMPLE,
    EXAMPLE_FIELDS,
    drawn_rows,
    drawn_scores,
)
from stages.recall.classifier.tokens import tokenise
from stages.recall.options import BPE
from stages.recall.places import WEB, Places
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
class Accept:
    """All decisions on an iteration's patterns, as one artefact (Arrow IPC)."""

    per_domain: int | None
    max_examples: int

    def __call__(self, *sources: Batches) -> bytes:
        """Read the batches of `ProposePatterns`."""
        columns = ["target", "pattern", "accepted", "domain", "n_pages"]
        rows = [
            row
            for source in sources
            for batch in source
            for row in batch.select(columns).to_pylist()
            if row["accepted"] is not None
        ]
        accepted = {(row["target"], row["pattern"]): row["accepted"] for row in rows}
        n_of_domain: Counter[tuple[str, str]] = Counter()
        for row in rows:
            _, *above = ancestors(row["pattern"])
            decided = (accepted[row["target"], a] for a in above if (row["target"], a) in accepted)
            # Pages of a pattern already counted with one above it that was accepted, too, are not
            # counted again; those of a rejected one are taken back.
            sign = int(row["accepted"]) - int(next(decided, False))
            n_of_domain[row["target"], row["domain"]] += sign * row["n_pages"]
        # First a domain is cut to `per_domain` pages, then all of a target to `max_examples`; a
        # share, not a list of pages, travels to the shards.
        limits = {key: min(n, self.per_domain or n) for key, n in n_of_domain.items()}
        totals: Counter[str] = Counter()
        for (target, _), limit in limits.items():
            totals[target] += max(limit, 0)
        for row in rows:
            key = row["target"], row["domain"]
            share = limits[key] / n_of_domain[key] if n_of_domain[key] > 0 else 1.0
            row["share"] = share * min(1.0, self.max_examples / max(totals[row["target"]], 1))
        unique = {(row["target"], row["pattern"]): row for row in rows}
        table = pa.Table.from_pylist(list(unique.values()), ACCEPTED).sort_by(
            [("target", "ascending"), ("pattern", "ascending")]
        )
        return table_bytes(table)


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
    """Target → its decisions."""
    table = read_table(artefact)
    covers = {}
    for target in pc.unique(table["target"]).to_pylist():
        rows = table.filter(pc.equal(table["target"], target))
        shares = np.where(rows["accepted"].to_numpy(), rows["share"].to_numpy(), 0.0)
        covers[target] = Cover(ManyPatterns(rows["pattern"].to_pylist()), shares)
    return covers


@dataclass(frozen=True)
class GrowSeeds:
    """Pages under accepted patterns that were drawn, as examples."""

    accepted: Artefact
    seed: int
    tokens: str = BPE
    places: Places = WEB

    schema: ClassVar[pa.Schema] = pa.schema([pa.field("role", pa.string()), *EXAMPLE_FIELDS])

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns of the documents it asks for."""
        return ("doc_id", *self.places.columns, "text")

    def __call__(self, batches: Batches) -> Batches:
        """Read `reads`, yield `schema`."""
        covers = read_covers(self.accepted)
        for batch in map(self.places.pages, batches):
            hashes = seeded_hashes(self.seed, batch.column("doc_id")).astype(np.float64)
            for target, cover in covers.items():
                limits = cover.shares_of(batch.column("url")) * 2.0**64
                chosen = batch.filter(pa.array((hashes < limits) | (limits == 2.0**64)))
                if not len(chosen):
                    continue
                columns = [
                    pa.array([target] * len(chosen), pa.string()),
                    *(chosen.column(name) for name in EXAMPLE[:-1]),
                    tokenise(chosen.column("text"), self.tokens),
                ]
                yield pa.record_batch(columns, schema=self.schema)


@dataclass(frozen=True)
class DrawScores:
    """The last scores of the pages drawn as candidate negatives."""

    targets: tuple[str, ...]
    share: float
    seed: int

    schema: ClassVar[pa.Schema]

    def __post_init__(self) -> None:
        object.__setattr__(self, "schema", drawn_scores(self.targets))

    def __call__(self, batches: Batches) -> Batches:
        """Read scores, yield `schema`."""
        for batch in batches:
            drawn = batch.filter(drawn_rows(batch.column("doc_id"), self.share, self.seed))
            yield drawn.select(self.schema.names)
