"""Spans of text that a stage found: redact's are replaced, decontaminate's are evidence."""

import pyarrow as pa

from schemas.columns import column

SPANS = pa.list_(
    pa.struct(
        [
            pa.field("start", pa.int64(), nullable=False),
            pa.field("end", pa.int64(), nullable=False),
            pa.field("kind", pa.string(), nullable=False),
        ]
    )
)

REDACTED = {"EMAIL": "e-mail addresses", "IP_ADDRESS": "public IP addresses", "KEY": "keys"}
"""Kinds of redact's spans, and what they are; redact's option for each is its name in small."""

SPAN_MEASURES = pa.schema(
    [column("spans", SPANS, "UTF-8 byte offsets, sorted and disjoint; kind names what was found")]
)
