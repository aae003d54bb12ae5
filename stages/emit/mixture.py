"""How much of every shard set a training mixture takes, and how often each is seen.

A mixture is a weight a shard set, or a group of sets (`code+text`): of all tokens trained on, that
share is the group's, whose sets are seen equally often. It changes no shard. What there is of the
scarcest group bounds the size: drawn E times, a group of T tokens with share w allows E · T / w
tokens in all, and the smallest of these is the mixture's size. Shares are counted in exact
fractions, so the scarcest group is drawn E times to the token, and of every set a token at least.
"""

import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

from schemas.shards import CODE_QUALITY
from stages.errors import ConfigError

Weights = Mapping[str, float]

JOIN = "+"
"""Between the sets of a group."""

PRESETS: Mapping[str, Weights] = {
    "deepseek-coder-v2": {
        f"code{JOIN}{CODE_QUALITY}{JOIN}text{JOIN}code-web": 60,
        "math-web": 10,
        "natural": 30,
    },
}
"""DeepSeek-Coder-V2 (arXiv 2406.11931, section 2): 60 % code, which is all of GitHub's and the
web's code (821 + 185 + 94 + 70 billion tokens), 10 % mathematics, 30 % natural language."""


@dataclass(frozen=True)
class Group:
    """Shard sets that are seen equally often, and the share of the tokens that is theirs."""

    sets: tuple[str, ...]
    share: Fraction


def check_weights(mixture: str | Weights) -> None:
    """ValueError unless it is a preset's name, or a table of weights that can be drawn."""
    if isinstance(mixture, str):
        if mixture not in PRESETS:
            raise ValueError(f"expected {', '.join(PRESETS)}, or a table of weights")
        return
    if not mixture:
        raise ValueError("expected a weight for a shard set, such as { code = 60, natural = 40 }")
    seen: set[str] = set()
    for name, weight in mixture.items():
        if not 0 < weight <= sys.float_info.max:
            raise ValueError(f"expected a weight above 0 for {name}, not {weight}")
        for one in name.split(JOIN):
            if one in seen:
                raise ValueError(f"{one} has two weights")
            seen.add(one)


def groups_of(mixture: str | Weights, there: Collection[str]) -> list[Group]:
    """The groups, of the sets that are there. ConfigError names what has a weight and is not there:
    a set of a table, or all sets of a preset's group."""
    preset = isinstance(mixture, str)
    weights = PRESETS[mixture] if isinstance(mixture, str) else mixture
    total = sum(map(_exact, weights.values()))
    groups = []
    for name, weight in weights.items():
        sets = name.split(JOIN)
        missing = [one for one in sets if one not in there]
        if missing and (not preset or missing == sets):
            raise ConfigError(
                f"`emit.mixture`: {name} has the weight {weight:g}, but there are no samples of "
                f"{' and '.join(missing)} to train on; there are of "
                f"{', '.join(sorted(there)) or 'no set'}"
            )
        present = tuple(one for one in sets if one in there)
        groups.append(Group(present, _exact(weight) / total))
    return groups


def mixture_of(
    mixture: str | Weights, tokens: Mapping[str, int], max_epochs: float
) -> dict[str, Any]:
    """The mixture as the manifest states it, from the tokens of every set's train split.

    `weights` are shares of groups; `once` is the largest mixture that repeats no sample of a set,
    `drawn` the largest that sees none more than `max_epochs` times (the same where that is 1), each
    with its `tokens` and, by shard set, `weight` (share of the tokens), `train_tokens` (what there
    is), `tokens` (what is drawn) and `epochs`.
    """
    there = {name: count for name, count in tokens.items() if count}
    groups = groups_of(mixture, there)
    sizes = [sum(there[name] for name in group.sets) for group in groups]
    once = min(size / group.share for size, group in zip(sizes, groups, strict=True))
    weights = {JOIN.join(group.sets): float(group.share) for group in groups}

    def draw(total: Fraction) -> dict[str, Any]:
        sets: dict[str, dict[str, float]] = {}
        for size, group in zip(sizes, groups, strict=True):
            epochs = total * group.share / size
            for name in group.sets:
                sets[name] = {
                    "weight": float(group.share * there[name] / size),
                    "train_tokens": there[name],
                    "tokens": ceil(epochs * there[name]),
                    "epochs": float(epochs),
                }
        return {"tokens": sum(one["tokens"] for one in sets.values()), "sets": sets}

    return {
        "weights": weights,
        "max_epochs": max_epochs,
        "once": draw(once),
        "drawn": draw(once * _exact(max_epochs)),
    }


def mixture_claims(mixture: Mapping[str, Any]) -> list[str]:
    """What the card says of a mixture, a sentence each."""
    once, drawn, most = mixture["once"], mixture["drawn"], mixture["max_epochs"]
    whole = [f"`{name}`" for name, one in once["sets"].items() if one["epochs"] == 1]
    others = "" if len(whole) == len(once["sets"]) else ", and a part of every other set"
    weights = (f"{share:.1%} {name}" for name, share in mixture["weights"].items())
    claims = [
        f"Weights of the tokens to train on, which are drawn from `train`: {', '.join(weights)}.",
        f"With no sample of a set repeated {once['tokens']:,} tokens are the most that they allow.",
        f"That is all of {', '.join(whole)}{others}.",
    ]
    if most > 1:
        repeated = [f"`{name}`" for name, one in drawn["sets"].items() if one["epochs"] > 1]
        claims.append(
            f"The mixture repeats samples: with no set seen more than {most:g} times it has "
            f"{drawn['tokens']:,} tokens, and samples of {', '.join(repeated)} are seen again."
        )
    if CODE_QUALITY in drawn["sets"] and drawn["sets"].keys() & {"code", "text"}:
        claims.append(
            f"Documents of `{CODE_QUALITY}` are in `code` or `text` as well, and may be seen once "
            "more than the epochs say."
        )
    return claims


def _exact(number: float) -> Fraction:
    """The decimal number that was written."""
    return Fraction(repr(float(number)))
