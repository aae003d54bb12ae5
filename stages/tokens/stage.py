"""The tokens of every living document, row for row beside it: a text is split once, and what came
of it is read by each iteration of recall and by emit.

The ids are DeepSeek-V2's, whatever tokenizer the shards are to have: recall's classifiers know no
others. Emit adds what is not in the documents (the comment with the path, redacted texts) and
splits all by itself if its tokenizer is another one. The few documents that recall learns from are
split from their texts: that takes less than to read the tokens of all.

Cost: benchmarks/README.md and docs/cost.md. A table that is read once saves nothing, so
`store = "auto"` makes none where only emit would read it. Size: about a byte a token, a quarter to
a third of the text.
"""

from functools import cached_property
from typing import ClassVar

import pyarrow as pa

from schemas.tokens import TOKEN_COLUMNS
from stages.kernels.bpe.tokenizer import (
    DEFAULT_TOKENIZER,
    Tokenizer,
    load_tokenizer,
    tokenizer_hash,
)
from stages.tokens.options import TokensOptions


class TokensStage:
    """Map stage `tokens`."""

    name: ClassVar[str] = "tokens"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ()
    Options: ClassVar[type[TokensOptions]] = TokensOptions
    reads: ClassVar[tuple[str, ...]] = ("text",)
    optional: ClassVar[tuple[str, ...]] = ()
    measured_with: ClassVar[frozenset[str]] = frozenset()
    schema: pa.Schema = TOKEN_COLUMNS

    def __init__(self, options: TokensOptions) -> None:
        """There is nothing to choose."""

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        """Loaded where a text is split, not where a plan asks what it depends on."""
        return load_tokenizer(DEFAULT_TOKENIZER)

    def resources(self) -> dict[str, str]:
        """`tokenizer` → the hash of its tokenizer.json."""
        return {"tokenizer": tokenizer_hash(DEFAULT_TOKENIZER)}

    def process(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Read `text`, return `schema`."""
        tokens = self._tokenizer.encode_batch(batch.column("text"))
        lengths = tokens.value_lengths().cast(pa.int64())
        return pa.RecordBatch.from_arrays([tokens, lengths], schema=self.schema)
