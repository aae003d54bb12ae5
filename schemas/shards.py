"""The product: one row is one training sample."""

import pyarrow as pa

from schemas.columns import DOC_ID, POWERS_OF_TWO, column

SHARD_SETS: dict[str, tuple[str, ...]] = {
    "github": ("code", "code-quality", "text"),
    "web": ("code-web", "math-web", "natural"),
}
"""The shard sets each corpus is emitted to."""

SPLITS = ("train", "heldout")

PART = pa.struct(
    [
        pa.field("doc_id", DOC_ID, nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("language", pa.string()),
        pa.field("license", pa.string()),
        pa.field("start", pa.int64(), nullable=False),
        pa.field("n_tokens", pa.int64(), nullable=False),
    ]
)

SHARDS = pa.schema(
    [
        column("sample_id", DOC_ID, "identity of the sample", nullable=False),
        column("source", pa.string(), "the shard set", nullable=False),
        column("split", pa.string(), "train or heldout", nullable=False),
        column("tokens", pa.list_(pa.uint32()), "token ids, no begin or end tokens"),
        column("n_tokens", pa.int64(), "length of tokens", nullable=False, histogram=POWERS_OF_TWO),
        column("parts", pa.list_(PART), "the documents of the sample; start is a token offset"),
    ]
)
