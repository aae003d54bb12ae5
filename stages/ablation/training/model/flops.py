"""Model FLOPs utilisation: which share of the device's peak goes into the model's arithmetic.

A trained token costs 6·N + 12·L·H·Q·T floating-point operations (PaLM, arXiv 2204.02311,
appendix B): N weights that tokens are multiplied by (the layers' matrices and the output head; the
embedding is a look-up), L layers of H heads, each Q wide, and a sequence of T tokens. By that
convention attention counts the whole T × T square, whether or not the causal and document masks
leave half of it out, and what activation checkpointing computes again does not count.

    MFU = tokens/s × FLOPs a token ÷ (devices × peak FLOP/s)
"""

from collections.abc import Mapping
from types import MappingProxyType

from stages.ablation.training.model.presets import Preset

PEAK_BF16: Mapping[str, float] = MappingProxyType(
    {
        "H200": 989e12,
        "H100 PCIe": 756e12,
        "H100 NVL": 835e12,
        "H100": 989e12,
        "H800": 989e12,
        "A100": 312e12,
        "A800": 312e12,
        "L40S": 362e12,
        "B200": 2250e12,
        "GH200": 989e12,
    }
)
"""Dense bf16 FLOP/s by a part of the device's name, from the vendor's data sheets."""


def token_flops(preset: Preset, length: int) -> int:
    """Floating-point operations to train on one token of a sequence of `length`."""
    attention = 12 * preset.n_layers * preset.hidden * length
    return 6 * preset.n_matrix_parameters + attention


def peak_flops(device_name: str) -> float | None:
    """Peak dense bf16 FLOP/s of a device, or None where it is not in the table."""
    matches = [name for name in PEAK_BF16 if name in device_name]
    return PEAK_BF16[max(matches, key=len)] if matches else None


def utilisation(
    tokens_per_second: float, preset: Preset, length: int, peak: float | None, n_devices: int
) -> float | None:
    """MFU as a share of 1, or None where the peak is unknown."""
    if peak is None:
        return None
    return tokens_per_second * token_flops(preset, length) / (peak * n_devices)
