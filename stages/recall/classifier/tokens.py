"""What the classifiers see of a text: the tokens of DeepSeek-V2's BPE, as the paper has it, or the
words between white space, as fastText is mostly used.

Scripts without spaces (Chinese, Japanese) are then sentences that hardly ever occur twice, which is
why the paper takes BPE (DeepSeek-Coder-V2, arXiv 2406.11931 section 2). Both are lists of numbers;
everything after them is the same. `benchmarks/recall.py tokens` shows both side by side.
"""

from functools import cache

import pyarrow as pa
import xxhash

from schemas.tokens import TOKENS
from stages.errors import InputError
from stages.kernels.bpe.tokenizer import DEFAULT_TOKENIZER, load_tokenizer, tokenizer_json
from stages.kernels.fasttext.words import RULE, split_words
from stages.recall.options import BPE, WHITESPACE

TOKEN_LISTS = pa.large_list(pa.uint32())


def tokenise(texts: pa.Array, tokens: str) -> pa.Array:
    """The token ids of each text as `TOKEN_LISTS`, row for row; a null has none."""
    if tokens == WHITESPACE:
        return split_words(texts)
    return stored_lists(load_tokenizer(DEFAULT_TOKENIZER).encode_batch(texts))


def token_lists(batch: pa.RecordBatch, tokens: str, *, stored: bool) -> pa.Array:
    """Those of a batch of documents: from the corpus's table of tokens, or by splitting `text`."""
    if stored:
        return stored_lists(batch.column(TOKENS))
    return tokenise(batch.column("text"), tokens)


def stored_lists(tokens: pa.Array) -> pa.Array:
    """The same of the column `tokens` of a corpus's table of tokens, which are BPE."""
    return tokens.fill_null([]).cast(TOKEN_LISTS)


@cache
def tokens_hash(tokens: str) -> str:
    """Identity of the rule: a model knows the ids of the one it was trained on, and no other."""
    rule = RULE.encode() if tokens == WHITESPACE else tokenizer_json(DEFAULT_TOKENIZER)
    return xxhash.xxh3_128_hexdigest(rule)


def require_tokens(tokens: str, content_hash: str) -> None:
    """InputError unless this machine makes the ids that a model was trained on."""
    if tokens not in {BPE, WHITESPACE}:
        raise InputError(
            f"the model was trained on tokens of kind {tokens!r}, which this version of Sluice "
            f"does not make; it knows {BPE} and {WHITESPACE}"
        )
    own = tokens_hash(tokens)
    if own != content_hash:
        raise InputError(
            f"the model was trained on {tokens} tokens of rule {content_hash}, and here they are "
            f"of rule {own}: train it again, or install the tokenizer it was trained with"
        )
