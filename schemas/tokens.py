"""The tokens of a text, by themselves: what the tokens table and `sluice apply tokenize` hold."""

import pyarrow as pa

from schemas.columns import POWERS_OF_TWO, column

TOKENS = "tokens"

TOKEN_COLUMNS = pa.schema(
    [
        column(TOKENS, pa.list_(pa.uint32()), "token ids of the text", split=True),
        column("n_tokens", pa.int64(), "length of tokens", histogram=POWERS_OF_TWO),
    ]
)
