"""The rows that classifiers learn from: seed documents, and pages drawn from the crawl."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.columns import DOC_ID
from stages.contract import Batches
from stages.kernels.identity import seeded_hashes
from stages.recall.classifier.evidence import MARKUP, Markup
from stages.recall.classifier.tokens import TOKEN_LISTS, tokenise
from stages.recall.options import BPE, role_of

EXAMPLE_FIELDS = (
    pa.field("doc_id", DOC_ID),
    pa.field("domain", pa.string()),
    *(pa.field(name, pa.int64()) for name in MARKUP),
    pa.field("tokens", TOKEN_LISTS),
)
"""What is known of a document that a classifier learns from."""
EXAMPLE = [field.name for field in EXAMPLE_FIELDS]
ROLE = "role"
"""Of a seed the target that it is of; the candidate negatives beside it have none."""


@dataclass(frozen=True)
class TokeniseSeeds:
    """Seed documents as token ids, with the role of the file they are from; documents of a file
    without a role are nobody's examples."""

    roles: tuple[tuple[str, tuple[str, ...]], ...]
    tokens: str = BPE

    reads: ClassVar = ("doc_id", "warc", "domain", *MARKUP, "text")
    schema: ClassVar[pa.Schema] = pa.schema([(ROLE, pa.string()), *EXAMPLE_FIELDS])

    def __call__(self, batches: Batches) -> Batches:
        """Read `reads`, yield `schema`."""
        for batch in batches:
            roles = [role_of(name, self.roles) for name in batch.column("warc").to_pylist()]
            chosen = pa.array(roles, pa.string())
            own = (batch.column(name) for name in EXAMPLE[:-1])
            columns = [chosen, *own, tokenise(batch.column("text"), self.tokens)]
            rows = pa.record_batch(columns, schema=self.schema)
            yield rows.filter(pc.is_valid(chosen))


@dataclass(frozen=True)
class SampleCrawl:
    """Pages drawn by identity, as token ids."""

    share: float
    seed: int
    tokens: str = BPE

    reads: ClassVar = ("doc_id", "url", "domain", *MARKUP, "text")
    schema: ClassVar[pa.Schema] = pa.schema([pa.field("url", pa.string()), *EXAMPLE_FIELDS])

    def __call__(self, batches: Batches) -> Batches:
        """Read `reads`, yield `schema`."""
        for batch in batches:
            drawn = batch.filter(drawn_rows(batch.column("doc_id"), self.share, self.seed))
            own = (drawn.column(name) for name in self.schema.names[:-1])
            columns = [*own, tokenise(drawn.column("text"), self.tokens)]
            yield pa.record_batch(columns, schema=self.schema)


def drawn_rows(doc_ids: pa.Array, share: float, seed: int) -> pa.Array:
    """Which documents are in a draw of `share`: by identity alone."""
    hashes = seeded_hashes(seed, doc_ids)
    limit = int(share * 2**64)
    return pa.array(hashes < np.uint64(limit) if limit < 2**64 else np.ones(len(hashes), bool))


def markup_of(rows: pa.Table | pa.RecordBatch) -> Markup:
    """The columns of `MARKUP`, [n, 5]; what is unknown counts as none."""
    columns = [pc.fill_null(rows[name], 0).to_numpy(zero_copy_only=False) for name in MARKUP]
    return np.stack(columns, axis=1).astype(np.int64)


def drawn_scores(targets: tuple[str, ...]) -> pa.Schema:
    """The last scores of drawn pages."""
    scores = [pa.field(f"score_{target}", pa.float64()) for target in targets]
    return pa.schema([pa.field("doc_id", DOC_ID, nullable=False), *scores])
