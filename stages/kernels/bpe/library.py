"""Any other `tokenizer.json`, served by a library. fastokens gives the ids of Hugging Face
tokenizers at several times its speed, for those that it can read; from 64 KiB on it starts a
thread, and that is how many it is allowed."""

import json
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import tokenizers

from stages.kernels.arrow import Offsets, utf8_buffers
from stages.kernels.bpe.encoder import Ids

THREADS = ("RAYON_NUM_THREADS", "FASTOKENS_BPE_THREADS")


def library_engine(described: dict[str, Any]) -> "LibraryEngine":
    """The faster library that can read a tokenizer.json. ValueError if none can."""
    whole_texts = json.dumps({**described, "truncation": None, "padding": None}).encode()
    try:
        return FastokensEngine(whole_texts)
    except ValueError:
        return TokenizersEngine(whole_texts)


class LibraryEngine:
    """What both libraries share."""

    served_by: str
    parts_at_line_ends = False
    """It may be so, but nobody knows of any tokenizer."""
    vocabulary_size: int
    _engine: Any

    def encode(self, texts: pa.Array) -> tuple[Offsets, Ids]:
        """n + 1 offsets and the ids of all texts."""
        encoded = [self._encode(text) for text in _strings(texts)]
        sizes = np.array([len(one) for one in encoded], np.int64)
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        return offsets, np.concatenate([np.zeros(0, np.uint32), *encoded])

    def decode(self, ids: Ids) -> str:
        """The text of ids; bytes that are no UTF-8 become U+FFFD."""
        text: str = self._engine.decode(ids.tolist())
        return text

    def token_id(self, token: str) -> int | None:
        """The id of a token by its string, None without one."""
        found: int | None = self._engine.token_to_id(token)
        return found

    def _encode(self, text: str) -> Ids:
        raise NotImplementedError


class FastokensEngine(LibraryEngine):
    """Encodes with fastokens."""

    served_by = "fastokens"

    def __init__(self, tokenizer_json: bytes) -> None:
        """ValueError if the library cannot read it."""
        for variable in THREADS:
            os.environ.setdefault(variable, "1")
        import fastokens  # noqa: PLC0415 - not needed for what the kernels serve

        self._engine = fastokens.Tokenizer.from_json_str(tokenizer_json.decode())
        self.vocabulary_size = self._engine.vocab_size

    def _encode(self, text: str) -> Ids:
        return np.frombuffer(self._engine.encode_batch_flat([text], False, True)[0], np.uint32)


class TokenizersEngine(LibraryEngine):
    """Encodes with Hugging Face tokenizers, the reference."""

    served_by = "tokenizers"

    def __init__(self, tokenizer_json: bytes) -> None:
        """ValueError if the library cannot read it."""
        try:
            self._engine = tokenizers.Tokenizer.from_str(tokenizer_json.decode())
        except Exception as error:  # the library raises nothing narrower
            raise ValueError(str(error)) from error
        self._engine.encode_special_tokens = True
        self.vocabulary_size = self._engine.get_vocab_size()

    def _encode(self, text: str) -> Ids:
        return np.array(self._engine.encode(text, add_special_tokens=False).ids, np.uint32)

    def decode(self, ids: Ids) -> str:
        """The text of ids, special ones too."""
        text: str = self._engine.decode(ids.tolist(), skip_special_tokens=False)
        return text


def _strings(texts: pa.Array) -> Iterator[str]:
    starts, data = utf8_buffers(texts)
    for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        yield data[start:end].tobytes().decode()
