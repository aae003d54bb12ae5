"""The special tokens a tokenizer.json has, and the FIM sentinels it may be given.

DeepSeek-V2's own tokenizer has no sentinels; DeepSeek-Coder-V2's has them right behind the
100,002 entries of V2, in the order hole, begin, end (as V1 has 32,015 to 32,017), which is what
`add_sentinels` gives.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from stages.ablation.training.configuration import SpecialTokens, TrainConfig
from stages.errors import ConfigError

END_TOKENS = (
    "<｜end▁of▁sentence｜>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "</s>",
    "<eos>",
)


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


def special_tokens(config: TrainConfig) -> tuple[SpecialTokens, dict[str, Any] | None]:
    """The ids to train with, and the tokenizer.json that has them (None where none is given).

    Raises ConfigError where the end of text or a sentinel that is needed is missing, or where an
    id does not fit the preset's vocabulary.
    """
    document = None
    special = config.special_tokens
    if config.tokenizer is not None:
        document = _load(config.tokenizer)
        ids = token_ids(document)
        if special is None:
            special = SpecialTokens(_end(ids, config.tokenizer))
        if config.fim_rate and special.fim_begin is None:
            special = _with_sentinels(special, document, ids, config)
        _check_fit(max(token_ids(document).values()), config)
    assert special is not None
    if config.fim_rate and None in (special.fim_begin, special.fim_hole, special.fim_end):
        raise ConfigError(
            "special_tokens: FIM needs fim_begin, fim_hole and fim_end (or fim_rate = 0)"
        )
    named = (special.end, special.fim_begin, special.fim_hole, special.fim_end)
    _check_fit(max(token for token in named if token is not None), config)
    return special, document


def _load(path: str) -> dict[str, Any]:
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"tokenizer = {path!r}: {error}") from error
    if not isinstance(document, dict) or "vocab" not in document.get("model", {}):
        raise ConfigError(f"tokenizer = {path!r}: not a tokenizer.json with a vocabulary")
    return document


def token_ids(document: dict[str, Any]) -> dict[str, int]:
    """Every token of a tokenizer.json and its id."""
    ids = dict(document["model"]["vocab"])
    return ids | {token["content"]: token["id"] for token in document.get("added_tokens", [])}


def _end(ids: dict[str, int], path: str) -> int:
    for name in END_TOKENS:
        if name in ids:
            return ids[name]
    known = " ".join(END_TOKENS)
    raise ConfigError(
        f"tokenizer = {path!r}: no end-of-text token (none of {known}); name it in special_tokens"
    )


def _with_sentinels(
    special: SpecialTokens, document: dict[str, Any], ids: dict[str, int], config: TrainConfig
) -> SpecialTokens:
    for names in SENTINELS:
        if all(name in ids for name in names):
            begin, hole, end = (ids[name] for name in names)
            return replace(special, fim_begin=begin, fim_hole=hole, fim_end=end)
    if not config.add_sentinels:
        raise ConfigError(
            f"tokenizer = {config.tokenizer!r}: no FIM sentinels (such as {SENTINELS[0].begin}): "
            "set add_sentinels = true to give them the next free ids, or fim_rate = 0"
        )
    free = max(ids.values()) + 1
    names = SENTINELS[0]
    for offset, name in enumerate((names.hole, names.begin, names.end)):
        flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        token = {"id": free + offset, "content": name, **flags, "special": True}
        document.setdefault("added_tokens", []).append(token)
    return replace(special, fim_hole=free, fim_begin=free + 1, fim_end=free + 2)


def _check_fit(largest: int, config: TrainConfig) -> None:
    if largest >= config.shape.vocabulary:
        raise ConfigError(
            f"preset = {config.preset!r}: its vocabulary of {config.shape.vocabulary:,} has no "
            f"token id {largest:,}; use a smaller tokenizer or another preset"
        )
