"""What people said of verdicts: `audit.parquet` in a run folder."""

import pyarrow as pa

from schemas.columns import DOC_ID, column

AUDIT_FILE = "audit.parquet"

AUDIT = pa.schema(
    [
        column("stage", pa.string(), "whose verdict it was, such as web.dedup", nullable=False),
        column("reason", pa.string(), "why the document was dropped; null: it was kept"),
        column("doc_id", DOC_ID, "the document", nullable=False),
        column("wrong", pa.bool_(), "whether the verdict is wrong", nullable=False),
        column("author", pa.string(), "who judged", nullable=False),
        column("date", pa.timestamp("us", "UTC"), "when", nullable=False),
    ]
)
"""A row a judgement; of several on one verdict the last counts."""
