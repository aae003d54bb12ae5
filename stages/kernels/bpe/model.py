"""A `tokenizer.json` that the kernels can serve, as their tables: byte-level BPE behind a
pre-tokenizer of which `splitting` knows how it parts words."""

import json
import re
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from stages.kernels.arrow import Offsets, utf8_buffers
from stages.kernels.bpe.encoder import Encoder, Ids
from stages.kernels.bpe.splitting import class_tables

DEEPSEEK_SPLITTING = "0d235125cc345d4008c156ec6d8e36e1"
"""xxh3_128 of DeepSeek-V2's normalizer and pre-tokenizer as JSON with sorted keys."""

_PLAIN = {
    "dropout": None,
    "unk_token": None,
    "continuing_subword_prefix": None,
    "end_of_word_suffix": None,
    "fuse_unk": False,
    "byte_fallback": False,
    "ignore_merges": False,
}
"""What a model says that merges bytes and does nothing else."""
_BRACKET = re.compile(r"(?:\\s\?)?\[(.*)\]\+", re.DOTALL)


class KernelEngine:
    """Encodes with Sluice's kernels."""

    parts_at_line_ends = True
    """The pre-tokenizer's first split makes every line end a word of its own."""

    def __init__(self, described: dict[str, Any]) -> None:
        """`described` is one that `serves`. Takes half a second."""
        model = described["model"]
        self._vocabulary: dict[str, int] = model["vocab"]
        self._added = {one["content"]: int(one["id"]) for one in described["added_tokens"]}
        self.vocabulary_size = len(self._vocabulary.keys() | self._added.keys())
        ids = self._vocabulary
        symbols = np.array([ids.get(character, -1) for character in _alphabet()], np.int32)
        pairs = (pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"])
        merges = [(ids[left], ids[right], ids[left + right]) for left, right in pairs]
        letters, marks, cjk = _brackets(described["pre_tokenizer"])
        self._encoder = Encoder(
            *class_tables(letters, marks, cjk), symbols, np.array(merges, np.int64).reshape(-1, 3)
        )

    def encode(self, texts: pa.Array) -> tuple[Offsets, Ids]:
        """n + 1 offsets and the ids of all texts."""
        return self._encoder.encode(*utf8_buffers(texts))

    def decode(self, ids: Ids) -> str:
        """The text of ids; bytes that are no UTF-8 become U+FFFD."""
        return b"".join(map(self._bytes.__getitem__, ids.tolist())).decode("utf-8", "replace")

    def token_id(self, token: str) -> int | None:
        """The id of a token by its string, None without one."""
        return self._added.get(token, self._vocabulary.get(token))

    @cached_property
    def _bytes(self) -> dict[int, bytes]:
        byte_of = {character: byte for byte, character in enumerate(_alphabet())}
        added = {number: token.encode() for token, number in self._added.items()}
        return added | {
            number: bytes(map(byte_of.__getitem__, token))
            for token, number in self._vocabulary.items()
            if number not in added
        }


def serves(described: dict[str, Any]) -> bool:
    """Whether the kernels give the ids that this `tokenizer.json` asks for."""
    model = described.get("model", {})
    is_plain = model.get("type") == "BPE" and all(
        model.get(key, usual) in (usual, None) for key, usual in _PLAIN.items()
    )
    parts = [described.get("normalizer"), described.get("pre_tokenizer")]
    splitting = xxhash.xxh3_128_hexdigest(json.dumps(parts, sort_keys=True).encode())
    return is_plain and splitting == DEEPSEEK_SPLITTING


def _brackets(pre_tokenizer: dict[str, Any]) -> list[str]:
    """What stands between the brackets for letters, marks and CJK."""
    found = []
    for one in pre_tokenizer["pretokenizers"]:
        if one["type"] == "Split" and (bracket := _BRACKET.fullmatch(one["pattern"]["Regex"])):
            found.append(bracket[1])
    return found


def _alphabet() -> list[str]:
    """The characters that stand for the 256 bytes in a byte-level vocabulary: themselves where
    Latin-1 prints them, else the next from U+0100 on."""
    printed = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printed else next(others)) for byte in range(256)]
