"""Which steps are skipped: those whose loss or gradient is not finite, and gradient spikes.

A spike is a gradient `factor` times longer than the median of the recent ones. Clipping would take
such a step at length 1 in a direction that one bad batch chose; skipping it costs one batch. Every
rank judges the same sums, so all agree.
"""

from math import isfinite
from statistics import median
from typing import Any

from stages.ablation.training.configuration import Spikes


class SpikeGuard:
    """Judges one step after another; its state goes into checkpoints."""

    def __init__(self, config: Spikes, state: dict[str, Any] | None = None) -> None:
        self._config = config
        self._norms: list[float] = list(state["norms"]) if state else []
        self.n_consecutive: int = state["consecutive"] if state else 0
        """Steps skipped in a row until now."""

    def judge(self, loss: float, norm: float) -> str | None:
        """Why the step must be skipped, or None: take it."""
        reason = self._reason(loss, norm)
        if reason is None:
            self._norms = [*self._norms, norm][-self._config.window :]
            self.n_consecutive = 0
        else:
            self.n_consecutive += 1
        return reason

    def state(self) -> dict[str, Any]:
        """For JSON; a SpikeGuard made with it goes on from here."""
        return {"norms": self._norms, "consecutive": self.n_consecutive}

    def _reason(self, loss: float, norm: float) -> str | None:
        if not isfinite(loss):
            return f"loss is {loss}"
        if not isfinite(norm):
            return f"gradient norm is {norm}"
        if len(self._norms) >= self._config.history:
            usual = median(self._norms)
            if norm > self._config.factor * usual:
                return f"gradient norm {norm:.3g} is over {self._config.factor:g} × {usual:.3g}"
        return None
