"""Why something is to be made again, in words that name what changed."""

from typing import Any

import pytest

from pipeline.engine.changes import PENDING, differences, follows
from pipeline.engine.plans import PlanItem, by_stage

HASH, OTHER = "0" * 32, "1" * 32


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        ({"options": {"a": 1}}, {"options": {"a": 2}}, ["a 2 → 1"]),
        ({"options": {"a": {"b": 1}}}, {"options": {"a": {"b": "x"}}}, ['a.b "x" → 1']),
        ({"options": {"a": 1}}, {"options": {}}, ["a none → 1"]),
        ({"libraries": {"numba": "2"}}, {"libraries": {"numba": "1"}}, ['numba "1" → "2"']),
        ({"version": 2}, {"version": 1}, ["version 1 → 2"]),
        ({"resources": {"index": HASH}}, {"resources": {"index": OTHER}}, ["index changed"]),
        ({"options": {"models": [""]}}, {"options": {"models": [HASH]}}, ["models is to be made"]),
        ({"sources": [HASH]}, {"sources": [OTHER]}, ["sources changed"]),
        ({"x.y.keep": PENDING}, {"x.y.keep": HASH}, ["x.y.keep is to be made"]),
        (
            {"inputs": [["a", "1"], ["c", "1"]]},
            {"inputs": [["a", "2"], ["b", "1"]]},
            ["input c is new", "input b leaves", "input a changed"],
        ),
        ({"options": {"key": "sk-1"}}, {"options": {"key": "s3://user:pw@host/x"}}, None),
        ({"options": {"a": 1}}, {"options": {"a": 1}}, []),
        (
            {"options": {"iteration": 2, "models": [""]}},
            {"options": {"iteration": 1, "models": ["0123456789abcdef"]}},
            ["models is to be made"],
        ),
        ({"options": {"iteration": 2}}, {"options": {"iteration": 1}}, ["iteration 1 → 2"]),
    ],
)
def test_what_differs_is_named(
    new: dict[str, Any], old: dict[str, Any], expected: list[str] | None
) -> None:
    """An option with both values, a library with its versions, an input by name; no secret."""
    found = differences(new, old)
    if expected is None:
        assert "pw" not in " ".join(found)
    else:
        assert found == expected


def test_a_plan_has_a_line_a_stage() -> None:
    """With what changed there, or the stage that it follows; the steps' own reasons are not. Of
    added inputs all that was made is new, and what compares them with the others follows."""
    items = [
        PlanItem("web.documents", 4, 0),
        PlanItem("web.dedup.decide.verify", 1, 1, {"sources changed": 1}),
        PlanItem("web.dedup.decide.judge", 4, 4, {"threshold 1 → 2": 4, "records changed": 4}),
        PlanItem("web.recall.decide.train", 1, 1, {"web.dedup.keep is to be made": 1}),
        PlanItem("emit.web.tokenize-samples", 4, 4, {"never made": 4}),
    ]
    assert [(line.stage, line.n_stale, line.reasons) for line in by_stage(items)] == [
        ("web.dedup", 4, ["threshold 1 → 2"]),
        ("web.recall", 1, ["follows web.dedup"]),
        ("emit.web", 4, ["follows web.recall"]),
    ]
    fresh = [PlanItem("web.documents", 4, 2, {"never made": 2})]
    more = [
        PlanItem("web.dedup.decide.judge", 4, 4, {"records changed": 2, "never made": 2}),
        PlanItem("emit.web.tokenize-samples", 4, 4, {"never made": 4}),
    ]
    assert [line.reasons for line in by_stage(fresh)] == [["never made"]]
    assert [(line.stage, line.reasons) for line in by_stage([*fresh, *more])] == [
        ("web.documents", ["never made"]),
        ("web.dedup", ["follows web.documents"]),
        ("emit.web", ["follows web.dedup"]),
    ]
    assert all(map(follows, ("never made", "records changed", "models is to be made")))
    assert not follows("threshold 1 → 2")


def test_what_a_setting_brings_with_it_is_not_said() -> None:
    """`emit.text` has a step take up the tokenizer: that did not change."""
    reasons = {"text false → true": 1, 'tokenizer none → "a"': 1, "tokenizer_hash changed": 1}
    items = [PlanItem("emit.web.write-samples", 1, 1, {**reasons, "version 1 → 2": 1})]
    (line,) = by_stage(items, {"emit": ["text false → true"]})
    assert line.reasons == ["text false → true", "version 1 → 2"]
