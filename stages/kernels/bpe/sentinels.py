"""The sentinels of fill-in-the-middle in a tokenizer.json: those it has, those it may be given.

DeepSeek-V2's own tokenizer has none; DeepSeek-Coder-V2's has them right behind the 100,002 entries
of V2, in the order hole, begin, end (as V1 has 32,015 to 32,017), which is what `add_sentinels`
gives. No text is ever split into them.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

ADDED = "added_tokens"


class Sentinels(NamedTuple):
    """The three strings of one family of tokenizers, all of which write prefix, suffix, middle."""

    begin: str
    hole: str
    end: str


SENTINELS = (
    Sentinels("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),
    Sentinels("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    Sentinels("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
)
"""DeepSeek, Qwen, StarCoder."""


def token_ids(document: Mapping[str, Any]) -> dict[str, int]:
    """Every token of a tokenizer.json and its id."""
    ids = dict(document["model"]["vocab"])
    return ids | {token["content"]: token["id"] for token in document.get(ADDED, [])}


def sentinels_of(ids: Mapping[str, int]) -> Sentinels | None:
    """Those of the first family that are all there."""
    return next((names for names in SENTINELS if all(name in ids for name in names)), None)


def add_sentinels(document: dict[str, Any]) -> None:
    """Give DeepSeek's sentinels the next free ids."""
    free = max(token_ids(document).values()) + 1
    names = SENTINELS[0]
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    document[ADDED] = [
        *document.get(ADDED, []),
        *(
            {"id": free + offset, "content": name, **flags, "special": True}
            for offset, name in enumerate((names.hole, names.begin, names.end))
        ),
    ]


def with_sentinels(tokenizer_json: bytes) -> bytes:
    """The same tokenizer with sentinels; as it is where it has some.

    In a file as `tokenizers` writes it the added tokens alone change, in their place: to write a
    vocabulary of 100,000 anew takes a quarter of a second."""
    document: dict[str, Any] = json.loads(tokenizer_json)
    if sentinels_of(token_ids(document)) is not None:
        return tokenizer_json
    before = _written(document)
    add_sentinels(document)
    if tokenizer_json.count(before) == 1:
        return tokenizer_json.replace(before, _written(document))
    return json.dumps(document, ensure_ascii=False, indent=2).encode()


def _written(document: Mapping[str, Any]) -> bytes:
    """The added tokens as lines of a tokenizer.json."""
    added = {ADDED: document.get(ADDED, [])}
    return json.dumps(added, ensure_ascii=False, indent=2)[1:-2].encode()
