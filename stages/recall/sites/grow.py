"""Seeds that an iteration adds: pages under accepted patterns (DeepSeekMath section 2.1, step 4).

Of the pages that accepted patterns cover (see `decisions`) a share is drawn, by identity.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.contract import Artefact, Batches
from stages.kernels.elementary import Float64
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
from stages.recall.sites.decisions import Cover, read_covers


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
                chosen = batch.filter(_grown(hashes, batch.column("url"), cover))
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
    """The last scores of the pages drawn as candidate negatives, and of those that grow."""

    accepted: Artefact
    targets: tuple[str, ...]
    share: float
    seed: int

    schema: ClassVar[pa.Schema]

    def __post_init__(self) -> None:
        object.__setattr__(self, "schema", drawn_scores(self.targets))

    def __call__(self, batches: Batches) -> Batches:
        """Read scores, yield `schema`."""
        covers = read_covers(self.accepted)
        for batch in batches:
            hashes = seeded_hashes(self.seed, batch.column("doc_id")).astype(np.float64)
            chosen = drawn_rows(batch.column("doc_id"), self.share, self.seed)
            for cover in covers.values():
                chosen = pc.or_(chosen, _grown(hashes, batch.column("url"), cover))
            yield batch.filter(chosen).select(self.schema.names)


def _grown(hashes: Float64, urls: pa.Array, cover: Cover) -> pa.Array:
    """Which pages under a target's accepted patterns are in its draw, by the hash of their
    identity."""
    limits = cover.shares_of(urls) * 2.0**64
    return pa.array((hashes < limits) | (limits == 2.0**64))
