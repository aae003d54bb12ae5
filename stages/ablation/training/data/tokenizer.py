"""A small tokenizer for small models, trained on a sample of the corpora to compare.

With DeepSeek's 100,000 entries nearly all of a tiny model's time goes into its output layer, so
it gets a byte-level BPE of 8,192 entries. Text is split before the merges as the run's tokenizer
splits it; one tokenizer serves both corpora, or their models' losses could not share a scale.

Training is deterministic (a test holds that): 2 MB/s here.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import pyarrow as pa
import tokenizers

from stages.contract import NamesFiles
from stages.errors import ConfigError
from stages.kernels.bpe.tokenizer import tokenizer_json

VOCABULARY_SIZE = 8192
SPECIAL_TOKENS = (
    "<｜begin▁of▁sentence｜>",
    "<｜end▁of▁sentence｜>",
    "<｜fim▁begin｜>",
    "<｜fim▁hole｜>",
    "<｜fim▁end｜>",
)
"""As DeepSeek-Coder writes them; a tiny tokenizer gives them the ids 0 to 4."""

TEXTS = pa.schema([pa.field("text", pa.large_string(), nullable=False)])
"""What a sample of documents has for the training."""


@dataclass(frozen=True)
class TrainTokenizer:
    """Makes a tokenizer.json from texts. `base` is the tokenizer whose splitting is taken over,
    `base_hash` that file's hash."""

    base: Annotated[str, NamesFiles()]
    base_hash: str
    vocabulary_size: int = VOCABULARY_SIZE

    def __call__(self, *sources: Iterator[pa.RecordBatch]) -> bytes:
        tokenizer = _untrained(self.base)
        tokenizer.train_from_iterator(
            (text for source in sources for batch in source for text in _texts(batch)),
            tokenizers.trainers.BpeTrainer(
                vocab_size=self.vocabulary_size,
                special_tokens=list(SPECIAL_TOKENS),
                initial_alphabet=sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()),
                show_progress=False,
            ),
        )
        return tokenizer.to_str().encode()


def _untrained(base: str) -> tokenizers.Tokenizer:
    """The base's splitting around an empty vocabulary."""
    described = json.loads(tokenizer_json(base))
    if described["model"].get("type") != "BPE":
        raise ConfigError(
            f"tokenizer {base!r} is no byte-level BPE; a tiny one cannot split like it"
        )
    described["added_tokens"] = []
    described["post_processor"] = None
    described["model"] = {"type": "BPE", "vocab": {}, "merges": []}
    return tokenizers.Tokenizer.from_str(json.dumps(described))


def _texts(batch: pa.RecordBatch) -> list[str]:
    texts: list[str] = batch.column("text").to_pylist()
    return texts
