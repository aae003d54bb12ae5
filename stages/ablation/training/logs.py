"""What a run says while it goes: log.jsonl, TensorBoard, and a line on the terminal.

Every step is one line of log.jsonl, as a Step's fields; a skipped step also has the place in the
data it began at. Lines after the checkpoint a run resumes from are dropped, since those steps are
taken again: the log reads as if nothing had happened.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from stages.ablation.training.checkpoint import replace_text
from stages.ablation.training.configuration import TrainConfig
from stages.errors import ConfigError

LOG = "log.jsonl"


@dataclass(frozen=True)
class Step:
    """What one optimizer step did."""

    step: int
    """Counted from 1."""
    tokens: int
    """Trained on since the beginning of the run."""
    loss: float
    """Mean over the batch's tokens, in nats, before the step."""
    losses: Mapping[str, float]
    """The same by source, for the sources that the batch has."""
    learning_rate: float
    grad_norm: float
    """Of the whole gradient, before clipping."""
    tokens_per_second: float
    mfu: float | None
    """Share of 1; None on a device whose peak is unknown (see flops)."""
    skipped: str | None = None
    """Why no step was taken."""
    position: Mapping[str, Any] | None = None
    """Of a skipped step: where each of its streams stood when its batch began."""


class RunLog:
    """Writes the steps of one run; close it at the end."""

    def __init__(self, config: TrainConfig, start: int) -> None:
        folder = Path(config.output)
        self._n_steps = config.n_steps
        self._every = config.log_every
        self._step_tokens = config.step_tokens
        self._board = _board(folder / "tensorboard", start) if config.tensorboard else None
        path = folder / LOG
        kept = [line for line in _lines(path) if line["step"] <= start]
        replace_text(path, "".join(_json(line) for line in kept))
        self._file = path.open("a", encoding="utf-8")

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        if self._board is not None:
            self._board.close()

    def write(self, step: Step) -> None:
        """Log a step everywhere."""
        self._file.write(_json(asdict(step)))
        self._file.flush()
        if self._board is not None:
            for name, value in _scalars(step):
                self._board.add_scalar(name, value, step.step)
        last = step.step == self._n_steps
        if step.skipped or (self._every and (step.step % self._every == 0 or last)):
            print(self._line(step), file=sys.stderr, flush=True)

    def _line(self, step: Step) -> str:
        head = f"step {step.step:,}/{self._n_steps:,}"
        if step.skipped:
            return f"{head}  skipped: {step.skipped}"
        left = (self._n_steps - step.step) * self._step_tokens / step.tokens_per_second
        share = "" if step.mfu is None else f"  MFU {step.mfu:.1%}"
        return (
            f"{head}  loss {step.loss:.4f}  rate {step.learning_rate:.2e}  "
            f"norm {step.grad_norm:.2f}  {step.tokens_per_second:,.0f} tokens/s{share}  "
            f"{_duration(left)} left"
        )


def read_log(folder: str | Path) -> list[dict[str, Any]]:
    """The steps of a run's log.jsonl, in order; a torn last line is passed over."""
    return _lines(Path(folder) / LOG)


def _lines(path: Path) -> list[dict[str, Any]]:
    lines = []
    if path.is_file():
        for text in path.read_text(encoding="utf-8").splitlines(keepends=True):
            if text.endswith("\n"):
                lines.append(json.loads(text))
    return lines


def _json(line: dict[str, Any]) -> str:
    return json.dumps(_finite(line), ensure_ascii=False) + "\n"


def _finite(value: Any) -> Any:
    """JSON has no NaN: they become null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return None if isinstance(value, float) and not isfinite(value) else value


def _scalars(step: Step) -> list[tuple[str, float]]:
    scalars = [
        ("loss", step.loss),
        ("learning_rate", step.learning_rate),
        ("grad_norm", step.grad_norm),
        ("tokens_per_second", step.tokens_per_second),
        *((f"loss/{name}", loss) for name, loss in step.losses.items()),
    ]
    return scalars if step.mfu is None else [*scalars, ("mfu", step.mfu)]


def _board(folder: Path, start: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - not everywhere
    except ImportError as error:
        raise ConfigError(
            "tensorboard = true: the package tensorboard is not installed; install it or set "
            "tensorboard = false"
        ) from error
    return SummaryWriter(folder, purge_step=start + 1)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
