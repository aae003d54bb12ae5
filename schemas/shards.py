"""The product: one row is one training sample."""

from collections.abc import Iterable

import pyarrow as pa

from schemas.columns import DOC_ID, POWERS_OF_TWO, column
from schemas.recall import NATURAL

CODE_QUALITY = "code-quality"
"""The shard set of documents of `code` and `text` that the quality recall chose, once more."""

GITHUB_SETS = ("code", CODE_QUALITY, "text")
"""The shard sets that GitHub documents are emitted to."""


def web_set(target: str | None) -> str:
    """The shard set of the pages a target recalled; of no target, that of natural language."""
    return NATURAL if target in {None, NATURAL} else f"{target}-web"


def shard_sets(corpus: str, targets: Iterable[str] = ()) -> tuple[str, ...]:
    """The shard sets a corpus is emitted to, the web's by the targets of its recall."""
    return GITHUB_SETS if corpus == "github" else (*map(web_set, sorted(targets)), NATURAL)


def corpus_of(shard_set: str) -> str:
    """The corpus a shard set is emitted from."""
    return "github" if shard_set in GITHUB_SETS else "web"


TRAIN, HELDOUT = SPLITS = ("train", "heldout")


def file_name(split: str, number: int) -> str:
    """The name of a file of a shard set; the number alone tells it from the set's others."""
    return f"{split}-{number:05d}.parquet"


def split_of_file(name: str) -> str:
    """The split whose samples a file of this name holds."""
    return name.partition("-")[0]


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

TEXT = column("text", pa.large_string(), "the sample's text, which `tokens` are of")
"""A further column, where `emit.text` asks for it."""
