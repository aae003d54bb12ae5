"""A `tokenizer.json` that the kernels can serve, as their tables: byte-level BPE behind a
pre-tokenizer of which `splitting` or `families` knows how it parts words."""

import json
import re
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from stages.kernels.arrow import Bytes, Offsets, utf8_buffers
from stages.kernels.bpe.encoder import NO_WORDS, Encoder, Ids, Whole
from stages.kernels.bpe.families import family_of
from stages.kernels.bpe.irregular import NFC, Irregular, spliced
from stages.kernels.bpe.merging import Merges, Symbols
from stages.kernels.bpe.splitting import class_tables
from stages.kernels.bpe.state import LONGEST_CACHED, RULES, WAY, WAY_WHOLE

DEEPSEEK_SPLITTING = "0d235125cc345d4008c156ec6d8e36e1"
"""xxh3_128 of DeepSeek-V2's normalizer and pre-tokenizer as JSON with sorted keys."""

_PLAIN = {
    "dropout": None,
    "unk_token": None,
    "continuing_subword_prefix": None,
    "end_of_word_suffix": None,
    "fuse_unk": False,
    "byte_fallback": False,
}
"""What a model says that merges bytes and does nothing else."""
_NORMALIZERS = (None, {"type": "Sequence", "normalizers": []}, {"type": NFC})
_NO_TABLE = np.zeros(1, np.uint8)
_BRACKET = re.compile(r"(?:\\s\?)?\[(.*)\]\+", re.DOTALL)


class KernelEngine:
    """Encodes with Sluice's kernels."""

    def __init__(self, described: dict[str, Any]) -> None:
        """`described` is one that `serves`. Takes half a second."""
        model = described["model"]
        self._vocabulary: dict[str, int] = model["vocab"]
        self._added = {one["content"]: int(one["id"]) for one in described["added_tokens"]}
        self.vocabulary_size = len(self._vocabulary.keys() | self._added.keys())
        ids = self._vocabulary
        symbols = np.array([ids.get(character, -1) for character in _alphabet()], np.int32)
        pairs = (pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"])
        merges = np.array([(ids[left], ids[right], ids[left + right]) for left, right in pairs])
        tables = symbols, merges.astype(np.int64).reshape(-1, 3)
        way = _way(described)
        self.served_by = f"Sluice's kernels, words parted as {way.name} does"
        self.parts_at_line_ends = way.parts_at_line_ends
        whole = self._whole(*tables) if model.get("ignore_merges") else NO_WORDS
        self._encoder = Encoder(way.kinds, way.classes, *tables, way.rules, whole)
        self._irregular = Irregular(described)

    def encode(self, texts: pa.Array) -> tuple[Offsets, Ids]:
        """n + 1 offsets and the ids of all texts."""
        regular, others = self._irregular.part(texts)
        return spliced(*self._encoder.encode(*utf8_buffers(regular)), others)

    def decode(self, ids: Ids) -> str:
        """The text of ids; bytes that are no UTF-8 become U+FFFD."""
        return b"".join(map(self._bytes.__getitem__, ids.tolist())).decode("utf-8", "replace")

    def token_id(self, token: str) -> int | None:
        """The id of a token by its string, None without one."""
        return self._added.get(token, self._vocabulary.get(token))

    def _whole(self, symbols: Symbols, merges: Merges) -> Whole:
        """The words that are tokens, although merges make others of them."""
        words = sorted((number, word) for number, word in self._bytes.items() if word)
        texts = pa.array([word for _, word in words], pa.large_binary())
        offsets, data = utf8_buffers(texts)
        rules = np.zeros(RULES, np.int64)
        rules[WAY] = WAY_WHOLE
        merged = Encoder(_NO_TABLE, _NO_TABLE, symbols, merges, rules, NO_WORDS)
        id_offsets, ids = merged.encode(offsets, data)
        kept = [
            (number, word)
            for (number, word), start, n in zip(
                words, id_offsets[:-1], np.diff(id_offsets), strict=True
            )
            if n != 1 or ids[start] != number
        ]
        places = np.cumsum([0, *(len(word) for _, word in kept)], dtype=np.int64)
        content = np.frombuffer(b"".join(word for _, word in kept) + b"\0", np.uint8).copy()
        return Whole(content, places, np.array([number for number, _ in kept], np.uint32))

    @cached_property
    def _bytes(self) -> dict[int, bytes]:
        byte_of = {character: byte for byte, character in enumerate(_alphabet())}
        added = {number: token.encode() for token, number in self._added.items()}
        return added | {
            number: bytes(map(byte_of.__getitem__, token))
            for token, number in self._vocabulary.items()
            if number not in added
        }


class Way(NamedTuple):
    """How words are parted, as the kernels' tables."""

    name: str
    rules: npt.NDArray[np.int64]
    kinds: Bytes
    classes: Bytes
    parts_at_line_ends: bool


def serves(described: dict[str, Any]) -> bool:
    """Whether the kernels give the ids that this `tokenizer.json` asks for."""
    model = described.get("model", {})
    is_plain = model.get("type") == "BPE" and all(
        model.get(key, usual) in (usual, None, "") for key, usual in _PLAIN.items()
    )
    if not is_plain or not _knows_bytes(model["vocab"]):
        return False
    if model.get("ignore_merges") and max(map(len, model["vocab"])) > LONGEST_CACHED:
        return False
    if _is_deepseek_v2(described):
        return True
    normalises = described.get("normalizer") not in _NORMALIZERS
    return not normalises and family_of(described.get("pre_tokenizer")) is not None


def _way(described: dict[str, Any]) -> Way:
    if _is_deepseek_v2(described):
        tables = class_tables(*_brackets(described["pre_tokenizer"]))
        # its first split makes every line end a word of its own
        return Way("DeepSeek-V2", np.zeros(RULES, np.int64), *tables, parts_at_line_ends=True)
    family = family_of(described["pre_tokenizer"])
    assert family is not None, "`serves` knows it"
    rules, classes = family.rule_numbers(), family.classes
    return Way(family.name, rules, _NO_TABLE, classes, parts_at_line_ends=False)


def _is_deepseek_v2(described: dict[str, Any]) -> bool:
    parts = [described.get("normalizer"), described.get("pre_tokenizer")]
    digest = xxhash.xxh3_128_hexdigest(json.dumps(parts, sort_keys=True).encode())
    return digest == DEEPSEEK_SPLITTING


def _knows_bytes(vocabulary: dict[str, int]) -> bool:
    """Whether every byte of UTF-8 is a token."""
    never = {0xC0, 0xC1, *range(0xF5, 0x100)}
    return all(one in vocabulary for byte, one in enumerate(_alphabet()) if byte not in never)


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
