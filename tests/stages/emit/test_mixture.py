"""What a mixture takes of each shard set, against the definition in real numbers."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stages.emit.mixture import PRESETS, groups_of, mixture_claims, mixture_of
from stages.emit.options import EmitOptions
from stages.errors import ConfigError

COUNTS = st.integers(1, 10**14)
WEIGHTS = st.floats(0.01, 1000)
SETS = ("code", "code-quality", "text", "code-web", "math-web", "natural")
PRESET = "deepseek-coder-v2"


@st.composite
def mixtures(draw: st.DrawFn) -> tuple[dict[str, float], dict[str, int]]:
    """A table of weights (groups among them), and the tokens of every set."""
    order = draw(st.permutations(SETS))
    cuts = draw(st.lists(st.booleans(), min_size=len(order) - 1, max_size=len(order) - 1))
    names = [order[0]]
    for cut, name in zip(cuts, order[1:], strict=True):
        names = [*names, name] if cut else [*names[:-1], f"{names[-1]}+{name}"]
    return {name: draw(WEIGHTS) for name in names}, {name: draw(COUNTS) for name in SETS}


@given(mixtures(), st.floats(1, 8))
def test_totals_equal_the_weights(
    mixture: tuple[dict[str, float], dict[str, int]], epochs: float
) -> None:
    """Every group has its share of the tokens, but for a token that cannot be cut, a set."""
    weights, tokens = mixture
    total_weight = sum(map(Fraction, weights.values()))
    drawn = mixture_of(weights, tokens, epochs)["drawn"]
    for name, weight in weights.items():
        has = sum(drawn["sets"][one]["tokens"] for one in name.split("+"))
        wanted = float(Fraction(weight) / total_weight * drawn["tokens"])
        assert has == pytest.approx(wanted, rel=1e-9, abs=len(SETS))
    assert sum(one["weight"] for one in drawn["sets"].values()) == pytest.approx(1)


@given(mixtures(), st.floats(1, 8))
def test_nothing_is_seen_more_often_than_said(
    mixture: tuple[dict[str, float], dict[str, int]], epochs: float
) -> None:
    """The scarcest group is drawn to the last token, none beyond; the sets of a group alike."""
    weights, tokens = mixture
    made = mixture_of(weights, tokens, epochs)
    for draw, most in ((made["once"], 1), (made["drawn"], epochs)):
        sets = draw["sets"]
        assert max(one["epochs"] for one in sets.values()) == most
        for name, one in sets.items():
            assert 0 < one["tokens"] < Fraction(most) * tokens[name] + 1
            if one["epochs"] == most == 1:
                assert one["tokens"] == tokens[name]
        for name in weights:
            assert len({sets[one]["epochs"] for one in name.split("+")}) == 1


@given(mixtures(), st.randoms(use_true_random=False), st.integers(1, 9))
def test_order_and_scale_are_irrelevant(
    mixture: tuple[dict[str, float], dict[str, int]], random: Any, scale: int
) -> None:
    """Of the weights as of the sets: only their ratios matter."""
    weights, tokens = mixture
    whole = {name: round(weight) + 1 for name, weight in weights.items()}
    names, sets = list(whole), list(tokens)
    random.shuffle(names)
    random.shuffle(sets)
    shuffled = {name: whole[name] * scale for name in names}
    other = mixture_of(shuffled, {name: tokens[name] for name in sets}, 2)
    assert other == mixture_of(whole, tokens, 2)


def test_the_preset_is_the_papers() -> None:
    """60 % code from wherever, 10 % mathematics, 30 % natural language; sets may be missing."""
    tokens = {"code": 821, "text": 185, "code-web": 70, "math-web": 221, "natural": 10**6}
    made = mixture_of(PRESET, tokens, 1)
    assert made["weights"] == {"code+text+code-web": 0.6, "math-web": 0.1, "natural": 0.3}
    assert made["once"] == made["drawn"]
    assert {name: one["tokens"] for name, one in made["once"]["sets"].items()} == {
        "code": 821,
        "text": 185,
        "code-web": 70,
        "math-web": 180,
        "natural": 538,
    }


@pytest.mark.parametrize(
    ("mixture", "named"),
    [
        (PRESET, "math-web"),
        ({"code": 1, "math-web": 2}, "math-web"),
        ({"code+code-quality": 1}, "code-quality"),
        ({"coed": 1}, "coed"),
    ],
)
def test_a_weight_on_nothing_is_an_error(mixture: str | dict[str, float], named: str) -> None:
    """It names the set, the weight, and what there is."""
    with pytest.raises(ConfigError, match=f"no samples of {named} .* code, natural$"):
        mixture_of(mixture, {"code": 5, "natural": 5, "math-web": 0}, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        "deepseek",
        {},
        {"code": 0},
        {"code": -1.0},
        {"code": float("nan")},
        {"code": 10**400},
        {"code": "1"},
        {"code": True},
        {"code": 1, "code+text": 2},
        {"code+code": 1},
        ["code"],
        3,
    ],
)
def test_what_is_no_mixture_is_refused(wrong: Any) -> None:
    """Before anything is run, in one sentence."""
    with pytest.raises(ValidationError) as caught:
        EmitOptions(mixture=wrong)
    assert [error["type"] for error in caught.value.errors()] == ["value_error"]


def test_every_preset_is_a_mixture() -> None:
    """Of sets that there are."""
    for name, weights in PRESETS.items():
        EmitOptions(mixture=dict(weights))
        assert sum(group.share for group in groups_of(name, SETS)) == 1


def test_repeats_are_said() -> None:
    """Which sets are seen again, and those that are copies by their nature."""
    tokens = {"code": 900, "code-quality": 100, "natural": 100}
    mixture = {"code+code-quality": 1, "natural": 1}
    weights, once, whole, *rest = mixture_claims(mixture_of(mixture, tokens, 1))
    assert weights.endswith(": 50.0% code+code-quality, 50.0% natural.")
    assert "200 tokens are the most" in once
    assert "all of `natural`, and a part of every other set" in whole
    assert [claim.split(" are in")[0] for claim in rest] == ["Documents of `code-quality`"]
    _, _, _, repeated, _ = mixture_claims(mixture_of(mixture, tokens, 2.5))
    assert "no set seen more than 2.5 times it has 500 tokens" in repeated
    assert "samples of `natural` are seen again" in repeated
    _, _, whole = mixture_claims(mixture_of({"natural": 3}, tokens, 1))
    assert whole.endswith("all of `natural`.")
