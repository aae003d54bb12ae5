"""Numbers as people read them: counts, shares, sizes, durations, and ticks for an axis."""

import math
from collections.abc import Sequence

THOUSAND = 1000
SIXTY = 60


def count(value: float | None) -> str:
    """All digits, in groups; of what is measured and small, three."""
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) and abs(value) < 100 else f"{value:,.0f}"


def size(n_bytes: float | None) -> str:
    """Bytes, to three digits, in powers of ten."""
    if n_bytes is None:
        return ""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if n_bytes < 999.5:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= THOUSAND
    return f"{n_bytes:,.3g} PB"


def duration(seconds: float | None) -> str:
    """Seconds, minutes or hours, to three digits."""
    if seconds is None:
        return ""
    if seconds < SIXTY:
        return f"{seconds:.3g} s"
    if seconds < SIXTY * SIXTY:
        return f"{seconds / SIXTY:.3g} min"
    return f"{seconds / SIXTY / SIXTY:,.3g} h"


def compact(value: float, base: float = THOUSAND) -> str:
    """A count in few letters: 1.2M, 64k, 0.25; with base 1024 a power of two."""
    for power, letter in ((4, "T"), (3, "G"), (2, "M"), (1, "k")):
        scaled = value / base**power
        if abs(scaled) >= 1:
            return f"{scaled:.0f}{letter}" if scaled >= 10 else f"{scaled:.2g}{letter}"
    return f"{value:.3g}"


def ticks(largest: float, n: int = 3) -> Sequence[float]:
    """About `n` round values above 0, up to the largest."""
    if largest <= 0:
        return ()
    rough = largest / n
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    step = max(step, 1)
    return [step * number for number in range(1, int(largest // step) + 1)]
