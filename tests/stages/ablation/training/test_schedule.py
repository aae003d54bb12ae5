"""The learning rate at its corners, and the arithmetic of MFU."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from stages.ablation.training.configuration import Optimizer, TrainConfig
from stages.ablation.training.model.flops import peak_flops, token_flops, utilisation
from stages.ablation.training.model.model import llama_config
from stages.ablation.training.model.presets import PRESETS, Preset
from stages.ablation.training.schedule import learning_rate, warmup_steps


@pytest.mark.parametrize(
    ("n_steps", "expected"), [(1, 1), (20, 1), (21, 2), (200, 10), (40_000, 2000), (10**6, 2000)]
)
def test_warmup_is_a_twentieth_up_to_2000(n_steps: int, expected: int) -> None:
    """Rounded up."""
    assert warmup_steps(n_steps) == expected


def test_the_rate_rises_to_the_peak_and_falls_to_a_tenth(small: Callable[..., TrainConfig]) -> None:
    """Linear, then half a cosine; both ends exact."""
    config = small(steps=200, optimizer=Optimizer(learning_rate=1.0))
    rates = [learning_rate(config, step) for step in range(200)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert rates[9] == 1.0
    assert rates[199] == pytest.approx(0.1)
    assert learning_rate(config, 9 + 95) == pytest.approx(0.55)
    assert all(left > right for left, right in pairwise(rates[9:]))


@pytest.mark.parametrize("warmup", [0, 1, 2, 5])
def test_short_runs_have_rates_too(small: Callable[..., TrainConfig], warmup: int) -> None:
    """One step, no warm-up, or nothing but warm-up."""
    for n_steps in range(1, 6):
        config = small(steps=n_steps, optimizer=Optimizer(learning_rate=1.0, warmup_steps=warmup))
        rates = [learning_rate(config, step) for step in range(n_steps)]
        assert all(0 < rate <= 1 for rate in rates)
        assert rates[0] == (1.0 if warmup < 2 else 1 / warmup)


def test_parameters_are_counted_as_the_model_has_them() -> None:
    """Tied and untied; 1b is DeepSeek-Coder-1.3B with a vocabulary of 102,400."""
    from transformers import LlamaForCausalLM

    for tied in (True, False):
        shape = Preset(2, 16, 2, 24, 40, tied, 1e-3, 8)
        model = LlamaForCausalLM(llama_config(shape, 8))
        assert shape.n_parameters == sum(weight.numel() for weight in model.parameters())
    assert PRESETS["1b"].n_parameters == 1_633_781_760
    assert PRESETS["1b"].n_matrix_parameters == 1_633_781_760 - 102_400 * 2048 - 49 * 2048


def test_flops_follow_the_formula() -> None:
    """6·N + 12·L·H·Q·T, and MFU at that rate."""
    shape = PRESETS["1b"]
    expected = 6 * shape.n_matrix_parameters + 12 * 24 * 16 * 128 * 4096
    assert token_flops(shape, 4096) == expected
    assert utilisation(989e12 / expected, shape, 4096, 989e12, 2) == pytest.approx(0.5)
    assert utilisation(1.0, shape, 4096, None, 1) is None


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA H200", 989e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("CPU", None),
    ],
)
def test_devices_are_known_by_name(name: str, peak: float | None) -> None:
    """The longest match wins."""
    assert peak_flops(name) == peak
