"""What dedup writes down for someone to look at, and from when on it does."""

import pyarrow as pa

from schemas.columns import column

FLAGGED_DOCUMENTS = 20
"""Below so many documents a share says nothing."""
FLAGGED_SHARE = 0.9
"""A source or language that loses more than this share is flagged."""
LARGE_CLUSTER = 1_000
"""A document that more than so many repeat is flagged."""
N_SAMPLES = 3
CLUSTER = "cluster"

ALARMS = pa.schema(
    [
        column("kind", pa.string(), "repo, domain, language, natural_language, or cluster"),
        column("value", pa.string(), "the column's; of a cluster the kept doc_id in hexadecimal"),
        column("documents", pa.int64(), "that have the value; of a cluster those dropped"),
        column("dropped", pa.int64(), "those of them that dedup dropped"),
        column("samples", pa.list_(pa.binary(16)), "the least doc_ids dropped; none of a cluster"),
    ]
)
