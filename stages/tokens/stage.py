"""The tokens of every living document, row for row beside it: a text is split once, and recall's
iterations and emit read what came of it.

The ids are DeepSeek-V2's, whatever tokenizer the shards are to have: recall's classifiers know no
others. Emit adds what is not in the documents (the comment with the path, redacted texts) and
splits all by itself if its tokenizer is another one.

Splitting takes three times as long as writing the table and five times as long as reading it
(`benchmarks/bpe.py`), so a table with one reader saves nothing, and `store = "auto"` makes none.
Size: about a byte a token, a third of the text.
"""

from typing import ClassVar

import pyarrow as pa

from schemas.tokens import TOKEN_COLUMNS
from stages.kernels.bpe.tokenizer import DEFAULT_TOKENIZER, load_tokenizer
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
        self._tokenizer = load_tokenizer(DEFAULT_TOKENIZER)

    def resources(self) -> dict[str, str]:
        """`tokenizer` → the hash of its tokenizer.json."""
        return {"tokenizer": self._tokenizer.content_hash}

    def process(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Read `text`, return `schema`."""
        tokens = self._tokenizer.encode_batch(batch.column("text"))
        lengths = tokens.value_lengths().cast(pa.int64())
        return pa.RecordBatch.from_arrays([tokens, lengths], schema=self.schema)
