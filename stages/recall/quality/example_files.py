"""Which files the quality recall learns from: those that the rule picks, and others.

A repository lies in one shard whole, so whether it has a README and tests is worked out there:
about 300 bytes per document of a shard are held.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.columns import DOC_ID
from schemas.quality import QUALITY_MEASURES
from schemas.tokens import TOKENS
from stages.contract import ALIVE, Artefact, Batches
from stages.kernels.identity import seeded_hashes
from stages.recall.classifier.examples import (
    EXAMPLE,
    ROLE,
    SampleCrawl,
    TokeniseSeeds,
    drawn_rows,
)
from stages.recall.classifier.tokens import token_lists
from stages.recall.options import QUALITY
from stages.recall.places import GITHUB, JUDGED_KIND
from stages.recall.quality.rule import QualityRule
from stages.recall.small_table import read_table, table_bytes

PICKED, HASH = "picked", "hash"


@dataclass(frozen=True)
class PickSeeds:
    """The living source files of a shard: those that the rule picks as seeds, and a share of the
    others. A file that the rule would pick in another repository is neither: it is no worse."""

    rule: QualityRule | None
    share: float
    seed: int

    reads: ClassVar = (
        ALIVE,
        "doc_id",
        "kind",
        "repo",
        "path",
        "language",
        *QUALITY_MEASURES.names,
    )
    schema: ClassVar[pa.Schema] = pa.schema([pa.field("doc_id", DOC_ID), (PICKED, pa.bool_())])

    def __call__(self, batches: Batches) -> Batches:
        """Read `reads` of all rows (a README that was dropped is one all the same), yield
        `schema`."""
        described: set[str] = set()
        tested: set[str] = set()
        files: list[tuple[bytes, str | None]] = []
        for batch in batches:
            columns = (batch.column(name).to_pylist() for name in self.reads)
            for alive, doc_id, kind, repo, path, language, *measures in zip(*columns, strict=True):
                if self.rule is not None:
                    if repo not in described and self.rule.is_readme(path):
                        described.add(repo)
                    if repo not in tested and self.rule.is_test(path):
                        tested.add(repo)
                if alive and kind == JUDGED_KIND:
                    fits = self.rule is not None and self.rule.picks(path, language, *measures)
                    files.append((doc_id, repo if fits else None))
        sound = {None, *(described & tested)}
        files = [(doc_id, repo) for doc_id, repo in files if repo in sound]
        picked = pa.array([repo is not None for _, repo in files], pa.bool_())
        doc_ids = pa.array([doc_id for doc_id, _ in files], DOC_ID)
        rows = pa.record_batch([doc_ids, picked], schema=self.schema)
        yield rows.filter(pc.or_(picked, drawn_rows(doc_ids, self.share, self.seed)))


@dataclass(frozen=True)
class DrawExamples:
    """Which files are examples (Arrow IPC, `PickSeeds.schema`): at most `max_examples` of those
    picked, and so many of the others that their trusted share is as many, but at least
    `min_candidates`. The smallest hashes of identities are drawn. Memory: 60 bytes an example."""

    max_examples: int
    min_candidates: int
    n_given: int
    """Positives from seed files."""
    trusted_share: float
    seed: int

    def __call__(self, *sources: Batches) -> bytes:
        """Read the batches of `PickSeeds`."""
        picked = _Smallest(self.max_examples)
        others = _Smallest(self._n_candidates(self.max_examples))
        for source in sources:
            for batch in source:
                rows = batch.append_column(HASH, pa.array(self._hashes(batch)))
                picked.add(rows.filter(rows.column(PICKED)))
                others.add(rows.filter(pc.invert(rows.column(PICKED))))
        positives = picked.table(self.max_examples)
        n_positives = min(len(positives) + self.n_given, self.max_examples)
        candidates = others.table(self._n_candidates(n_positives))
        chosen = pa.concat_tables([positives, candidates]).sort_by(HASH).drop_columns([HASH])
        return table_bytes(chosen.combine_chunks())

    def _hashes(self, batch: pa.RecordBatch) -> npt.NDArray[np.uint64]:
        return seeded_hashes(self.seed, batch.column("doc_id"))

    def _n_candidates(self, n_positives: int) -> int:
        return max(self.min_candidates, math.ceil(n_positives / self.trusted_share))


class _Smallest:
    """The rows of the smallest hashes so far, at most twice as many as are wanted."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        fields = [*PickSeeds.schema, pa.field(HASH, pa.uint64())]
        self._rows = pa.schema(fields).empty_table()

    def add(self, rows: pa.RecordBatch) -> None:
        """Take these into account."""
        self._rows = pa.concat_tables([self._rows, pa.Table.from_batches([rows])])
        if len(self._rows) > 2 * self._wanted:
            self._rows = self.table(self._wanted)

    def table(self, n: int) -> pa.Table:
        """Those of the `n` smallest."""
        return self._rows.sort_by(HASH).slice(0, n).combine_chunks()


@dataclass(frozen=True)
class TokeniseExamples:
    """Files of `DrawExamples` as token ids: the seeds, which the rule picked, and the others, which
    have no role and are candidate negatives."""

    examples: Artefact
    tokens: str
    stored: bool = False
    """Whether they are read from the corpus's table of them, and no text is split."""

    schema: ClassVar[pa.Schema] = SampleCrawl.schema.insert(0, TokeniseSeeds.schema.field(ROLE))

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns of the documents it asks for."""
        return ("doc_id", *GITHUB.columns, TOKENS if self.stored else "text")

    def __call__(self, batches: Batches) -> Batches:
        """Read `reads`, yield `schema`."""
        chosen = read_table(self.examples)
        doc_ids = chosen["doc_id"].combine_chunks()
        roles = pc.if_else(chosen[PICKED], QUALITY, pa.scalar(None, pa.string())).combine_chunks()
        for batch in batches:
            own = batch.filter(pc.is_in(batch.column("doc_id"), doc_ids))
            if not len(own):
                continue
            pages = GITHUB.pages(own)
            columns = {name: pages.column(name) for name in ("url", *EXAMPLE[:-1])}
            columns[ROLE] = roles.take(pc.index_in(pages.column("doc_id"), doc_ids))
            columns[EXAMPLE[-1]] = token_lists(pages, self.tokens, stored=self.stored)
            yield pa.record_batch([columns[name] for name in self.schema.names], self.schema)


def n_picked(examples: Artefact) -> int:
    """Seeds among the examples."""
    return pc.sum(read_table(examples)[PICKED]).as_py() or 0
