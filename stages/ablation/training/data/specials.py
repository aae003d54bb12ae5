"""The ids of special tokens to train with: those a tokenizer.json has, and FIM sentinels that it
may be given."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from stages.ablation.training.configuration import SpecialTokens, TrainConfig
from stages.errors import ConfigError
from stages.kernels.bpe.sentinels import SENTINELS, add_sentinels, sentinels_of, token_ids

END_TOKENS = (
    "<｜end▁of▁sentence｜>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "</s>",
    "<eos>",
)


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


def end_of_text(ids: Mapping[str, int]) -> int | None:
    """The id of the first of `END_TOKENS` that is there."""
    return next((ids[name] for name in END_TOKENS if name in ids), None)


def _end(ids: Mapping[str, int], path: str) -> int:
    end = end_of_text(ids)
    if end is None:
        known = " ".join(END_TOKENS)
        raise ConfigError(
            f"tokenizer = {path!r}: no end-of-text token (none of {known}); name it in "
            "special_tokens"
        )
    return end


def _with_sentinels(
    special: SpecialTokens, document: dict[str, Any], ids: dict[str, int], config: TrainConfig
) -> SpecialTokens:
    names = sentinels_of(ids)
    if names is None:
        if not config.add_sentinels:
            raise ConfigError(
                f"tokenizer = {config.tokenizer!r}: no FIM sentinels (such as "
                f"{SENTINELS[0].begin}): set add_sentinels = true to give them the next free ids, "
                "or fim_rate = 0"
            )
        add_sentinels(document)
        ids, names = token_ids(document), SENTINELS[0]
    begin, hole, end = (ids[name] for name in names)
    return replace(special, fim_begin=begin, fim_hole=hole, fim_end=end)


def _check_fit(largest: int, config: TrainConfig) -> None:
    if largest >= config.shape.vocabulary:
        raise ConfigError(
            f"preset = {config.preset!r}: its vocabulary of {config.shape.vocabulary:,} has no "
            f"token id {largest:,}; use a smaller tokenizer or another preset"
        )
