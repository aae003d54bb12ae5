"""What was asked to be taken out of a run, for good: `RUN/removals.parquet`."""

import pyarrow as pa

from schemas.columns import column

URI, REPO, DOMAIN, DOCUMENT = KEYS = ("uri", "repo", "domain", "doc_id")

REMOVED = "removed"
"""The reason with which such documents are dropped."""

REMOVALS = pa.schema(
    [
        column("key", pa.string(), "what is named: uri, repo, domain or doc_id", nullable=False),
        column("digest", pa.binary(16), "xxh3_128 of `removed:` and the value", nullable=False),
        column(
            "value",
            pa.string(),
            "what was named, in lower case where case says nothing; null once it was purged",
        ),
        column("removed_at", pa.timestamp("us", "UTC"), "when it was asked for", nullable=False),
        column("why", pa.string(), "the reason given, or which document it repeats"),
    ]
)
