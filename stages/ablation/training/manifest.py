"""The mixture of a run's shards, as the trainer reads it: sources and tokens by their manifest.

`emit.mixture` weighs the shard sets of a run, and the manifest beside them states what that comes
to: the share of every set, and how many tokens may be drawn before the set that is scarcest for its
weight was seen `emit.max_epochs` times. What a configuration says itself goes before that.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from stages.ablation.training.configuration import Source, TrainConfig
from stages.errors import ConfigError, InputError

MANIFEST, TOKENIZER = "manifest.json", "tokenizer.json"


def with_mixture(config: TrainConfig) -> TrainConfig:
    """The same configuration with the sources of its `shards`, as many tokens as their mixture
    draws where it names no budget, and their tokenizer where it names neither one nor the ids."""
    if config.shards is None:
        return config
    folder = Path(config.shards)
    tokens, weights = _drawn(folder / MANIFEST)
    tokenizer = str(folder / TOKENIZER) if config.special_tokens is None else None
    return replace(
        config,
        shards=None,
        sources={name: Source((str(folder / name),), weight) for name, weight in weights.items()},
        tokens=tokens if config.steps is None and config.tokens is None else config.tokens,
        tokenizer=config.tokenizer or tokenizer,
    )


def _drawn(path: Path) -> tuple[int, dict[str, float]]:
    """The tokens of the mixture and the weight of every set."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        drawn = content.get("mixture", {}).get("drawn")
        if drawn is not None:
            return int(drawn["tokens"]), {
                name: float(one["weight"]) for name, one in drawn["sets"].items()
            }
    except FileNotFoundError:
        raise ConfigError(f"shards: no {path}; name the folder `shards` of a run") from None
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a manifest of shards: {error!r}") from error
    raise ConfigError(
        f"shards: {path} states no mixture; set `emit.mixture` and `sluice run` it again, which "
        "changes no shard, or name `sources` with their weights"
    )
