"""One model's way through its steps.

A step is: forward and backward over the micro-batches with the gradient added up in float32, one
reduction of the losses and of the gradient's length over the ranks, a verdict (see spikes), then
clip and AdamW, or nothing. The host waits for the device once a step, for those sums.

The loss of a step is a sum over its tokens divided by their number, batch × length, which packing
makes the same in every step and for any number of ranks.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from math import nan, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.distributed.tensor import DTensor
from torch.nn.utils import get_total_norm

from stages.ablation.training.checkpoint import CheckpointStore
from stages.ablation.training.configuration import TrainConfig
from stages.ablation.training.data.loader import Positions, Share
from stages.ablation.training.data.packing import Packed
from stages.ablation.training.logs import RunLog, Step
from stages.ablation.training.model.flops import utilisation
from stages.ablation.training.model.model import PackedModel, initialise
from stages.ablation.training.model.optimizer import make_optimizer, set_rate, set_steps, tensors
from stages.ablation.training.ranks import Ranks
from stages.ablation.training.schedule import learning_rate
from stages.ablation.training.spikes import SpikeGuard
from stages.errors import StageError

OnStep = Callable[[Step], None]
"""Called after every step, on the first rank."""


@dataclass(frozen=True)
class Machine:
    """What all runs of a Trainer share."""

    model: PackedModel
    ranks: Ranks
    peak_flops: float | None
    """Of one device in bf16, or None where it is unknown."""


class Run:
    """Trains the machine's model from new weights, or from the newest checkpoint."""

    def __init__(self, machine: Machine, config: TrainConfig) -> None:
        self._machine = machine
        self._ranks = machine.ranks
        self._config = config
        self._optimizer = make_optimizer(config, machine.model.llama)
        self._store = CheckpointStore(
            Path(config.output) / "checkpoints", config.checkpoints, self._ranks
        )
        state = self._store.latest()
        self.step = 0
        """Steps taken."""
        self.loss = nan
        """Of the newest step."""
        self.n_skipped = 0
        self.positions: Positions | None = None
        """Where all streams stood at the beginning of this process; None: at theirs."""
        if state is None:
            initialise(machine.model, config.seed)
            self._guard = SpikeGuard(config.spikes)
            return
        self.step, self.loss = state["step"], state["loss"]
        self.n_skipped = state["skipped"]
        self.positions = state["positions"]
        self._guard = SpikeGuard(config.spikes, state["spikes"])
        self._store.load(self.step, self._tensors())
        set_steps(self._optimizer, self.step - self.n_skipped)

    def train(
        self, shares: Iterable[Share], names: Sequence[str], on_step: OnStep | None = None
    ) -> None:
        """Take the steps that are left; `names` are the sources'."""
        config, first = self._config, self._ranks.first
        log = RunLog(config, self.step) if first else None
        try:
            ended = time.perf_counter()
            for share in islice(shares, config.n_steps - self.step):
                self.step += 1
                step = self._take(share, names, ended)
                ended = time.perf_counter()
                if log is not None:
                    log.write(step)
                    if on_step is not None:
                        on_step(step)
                self._check_skips(step)
                self._store.poll()
                if self._store.due(self.step, config.n_steps):
                    self._save(share)
            self._store.finish()
        finally:
            if log is not None:
                log.close()

    def _take(self, share: Share, names: Sequence[str], began: float) -> Step:
        config = self._config
        rate = learning_rate(config, self.step - 1)
        set_rate(self._optimizer, rate)
        sums = self._accumulate(share.packed, len(names))
        gradients = self._gradients()
        norm = get_total_norm(gradients).double()
        counts = torch.from_numpy(np.bincount(share.packed.sources.ravel(), minlength=len(names)))
        reduced = torch.cat([sums, norm.square()[None], counts.to(sums)])
        values = self._ranks.sum(reduced)
        totals, squared, counted = values[: len(names)], values[len(names)], values[-len(names) :]
        norm_value = sqrt(squared) if squared >= 0 else nan
        self.loss = sum(totals) / config.step_tokens
        skipped = self._guard.judge(self.loss, norm_value)
        if skipped is None:
            if norm_value > config.optimizer.clip:
                torch._foreach_mul_(gradients, config.optimizer.clip / norm_value)
            self._optimizer.step()
        else:
            self.n_skipped += 1
        self._optimizer.zero_grad(set_to_none=True)
        speed = config.step_tokens / (time.perf_counter() - began)
        return Step(
            step=self.step,
            tokens=self.step * config.step_tokens,
            loss=self.loss,
            losses={
                name: total / count
                for name, total, count in zip(names, totals, counted, strict=True)
                if count
            },
            learning_rate=rate,
            grad_norm=norm_value,
            tokens_per_second=speed,
            mfu=utilisation(
                speed,
                config.shape,
                config.length,
                self._machine.peak_flops,
                self._ranks.count,
            ),
            skipped=skipped,
            position=None if skipped is None else self._all_streams(share.before),
        )

    def _accumulate(self, packed: Packed, n_sources: int) -> torch.Tensor:
        """Forward and backward; the sum of the losses of each source, [sources] in float64."""
        config, device = self._config, self._ranks.device
        micro = min(config.micro_batch, len(packed.inputs))
        # FSDP averages gradients over the ranks, and the step's loss is a sum
        scale = self._ranks.count / config.step_tokens
        on_device = [_to(getattr(packed, field.name), device) for field in fields(Packed)]
        sums = torch.zeros(n_sources, dtype=torch.float64, device=device)
        for inputs, targets, positions, sources in zip(
            *(torch.split(whole, micro) for whole in on_device), strict=True
        ):
            loss, losses = self._machine.model(inputs, targets, positions, scale)
            loss.backward()
            sums.index_add_(0, sources.flatten(), losses.double())
        return sums

    def _gradients(self) -> list[torch.Tensor]:
        """This rank's part of the gradient."""
        found = (weight.grad for weight in self._machine.model.parameters())
        return [
            gradient.to_local() if isinstance(gradient, DTensor) else gradient
            for gradient in found
            if gradient is not None
        ]

    def _check_skips(self, step: Step) -> None:
        if self._guard.n_consecutive >= self._config.spikes.max_consecutive:
            self._store.finish()
            raise StageError(
                f"{self._guard.n_consecutive} steps in a row were skipped, the last, {step.step}, "
                f"because {step.skipped}: lower optimizer.learning_rate, or look at the data at "
                f"the positions in {self._config.output}/log.jsonl; the newest checkpoint stays"
            )

    def _save(self, share: Share) -> None:
        state: dict[str, Any] = {
            "step": self.step,
            "loss": self.loss,
            "skipped": self.n_skipped,
            "positions": self._all_streams(share.after),
            "spikes": self._guard.state(),
        }
        self._store.save(self.step, self._tensors(), state)

    def _tensors(self) -> dict[str, torch.Tensor]:
        return tensors(self._machine.model.llama, self._optimizer)

    def _all_streams(self, mine: Positions) -> Positions:
        return {
            number: place for part in self._ranks.gather(mine) for number, place in part.items()
        }


def _to(array: np.ndarray[Any, Any], device: torch.device) -> torch.Tensor:
    tensor = torch.from_numpy(array)
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor
