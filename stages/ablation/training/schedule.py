"""Learning rate: linear warm-up, then a cosine down to a tenth of the peak.

The warm-up is min(2,000, 5 % of the steps): DeepSeek-Coder's 2,000 (arXiv 2401.14196 §3.4) would
fill a short ablation.
"""

from math import ceil, cos, pi

from stages.ablation.training.configuration import TrainConfig

MAX_WARMUP_STEPS = 2000
WARMUP_RATE = 0.05


def warmup_steps(n_steps: int) -> int:
    """Steps of warm-up in a run of `n_steps`."""
    return min(MAX_WARMUP_STEPS, ceil(WARMUP_RATE * n_steps))


def learning_rate(config: TrainConfig, step: int) -> float:
    """The rate of step `step`, counted from 0.

    Step warm-up − 1 has the full rate, and the last step has exactly `final_rate` of it.
    """
    chosen = config.optimizer.warmup_steps
    warmup = warmup_steps(config.n_steps) if chosen is None else chosen
    if step < warmup:
        return config.peak_rate * (step + 1) / warmup
    first = max(warmup - 1, 0)
    progress = (step - first) / max(config.n_steps - 1 - first, 1)
    floor = config.optimizer.final_rate
    return config.peak_rate * (floor + (1 - floor) * (1 + cos(pi * progress)) / 2)
