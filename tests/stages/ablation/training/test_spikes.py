"""What is skipped."""

import json
from math import inf, nan

import pytest

from stages.ablation.training.configuration import Spikes
from stages.ablation.training.spikes import SpikeGuard

POLICY = Spikes(factor=10, window=5, history=3)


@pytest.mark.parametrize(
    ("loss", "norm", "reason"),
    [(nan, 1.0, "loss is nan"), (inf, 1.0, "loss is inf"), (1.0, nan, "gradient norm is nan")],
)
def test_what_is_not_finite_is_skipped_at_once(loss: float, norm: float, reason: str) -> None:
    """Without any history."""
    assert SpikeGuard(POLICY).judge(loss, norm) == reason


def test_a_spike_is_over_ten_times_the_recent_median() -> None:
    """Ten times is not; what was skipped does not enter the median; old norms leave it."""
    guard = SpikeGuard(POLICY)
    assert [guard.judge(1.0, norm) for norm in (900.0, 2.0, 2.0, 20.0)] == [None] * 4
    assert guard.judge(1.0, 111.0) == "gradient norm 111 is over 10 × 11"
    assert guard.judge(1.0, 110.0) is None
    assert guard.judge(1.0, 3.0) is None
    assert guard.judge(1.0, 31.0) == "gradient norm 31 is over 10 × 3"


def test_skips_in_a_row_are_counted_and_survive_a_checkpoint() -> None:
    """A step that is taken ends the row."""
    guard = SpikeGuard(POLICY)
    for norm in (1.0, 1.0, 1.0, nan, 50.0):
        guard.judge(1.0, norm)
    again = SpikeGuard(POLICY, json.loads(json.dumps(guard.state())))
    assert again.n_consecutive == 2
    assert again.judge(1.0, 10.5) is not None
    assert again.judge(1.0, 9.5) is None
    assert again.n_consecutive == 0
