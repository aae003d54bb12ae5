"""A model that is built once and trained as often as one likes.

A Trainer builds (and compiles) one model; each `run` gives it new weights and trains them, so that
six models of one shape cost one compilation.
"""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import torch

from stages.ablation.training import ranks
from stages.ablation.training.configuration import TrainConfig
from stages.ablation.training.data.loader import Loader, open_sources, streams_of
from stages.ablation.training.data.specials import special_tokens
from stages.ablation.training.export import export
from stages.ablation.training.loop import Machine, OnStep, Run
from stages.ablation.training.manifest import with_mixture
from stages.ablation.training.model.flops import peak_flops
from stages.ablation.training.model.model import build
from stages.ablation.training.recipe import claim, recipe
from stages.ablation.training.report import TrainReport, read_report, write_report
from stages.errors import ConfigError

BUILT_IN = (
    "shape",
    "length",
    "device",
    "dtype",
    "compile",
    "loss",
    "activation_checkpointing",
)
"""What a Trainer is built with: the same in all its runs."""


class Trainer:
    """Trains models of one shape, one after another; use it as a context manager."""

    def __init__(self, config: TrainConfig) -> None:
        self._built = config
        with ExitStack() as stack:
            self.ranks = stack.enter_context(ranks.join(config))
            device = self.ranks.device
            self.dtype = ranks.compute_dtype(config, device)
            on_cuda = device.type == "cuda"
            compiled = on_cuda if config.compile is None else config.compile
            self.model = build(config, device, compiled=compiled)
            ranks.shard(self.model, self.ranks, self.dtype)
            self.peak_flops = peak_flops(torch.cuda.get_device_name(device)) if on_cuda else None
            self._machine = Machine(self.model, self.ranks, self.peak_flops)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, config: TrainConfig, on_step: OnStep | None = None) -> TrainReport:
        """Train one model, or finish one that was interrupted; a finished one is only reported.

        Raises ConfigError where the configuration does not fit the Trainer, the ranks or what is
        in the output folder, InputError for shards that cannot be read, StageError when too many
        steps in a row must be skipped.
        """
        for name in BUILT_IN:
            built, wanted = getattr(self._built, name), getattr(config, name)
            if built != wanted:
                raise ConfigError(f"{name} = {wanted!r}: this Trainer was built with {built!r}")
        config = with_mixture(config)
        streams_of(config, self.ranks.rank, self.ranks.count)
        special, tokenizer = special_tokens(config)
        sources = open_sources(config)
        folder = Path(config.output)
        if self.ranks.first:
            claim(folder, recipe(config, special, sources, self.dtype), resume=config.resume)
        finished: TrainReport | None = self.ranks.from_first(read_report(folder))
        if finished is not None:
            return finished
        began = time.perf_counter()
        run = Run(self._machine, config)
        rank, count = self.ranks.rank, self.ranks.count
        with Loader(config, sources, special, rank, count, run.step, run.positions) as loader:
            run.train(loader, [source.name for source in sources], on_step)
        export(config, self.model.llama, special, tokenizer, self.ranks, self.dtype)
        report = TrainReport(
            steps=config.n_steps,
            tokens=config.n_steps * config.step_tokens,
            loss=run.loss,
            skipped=run.n_skipped,
            seconds=time.perf_counter() - began,
            parameters=config.shape.n_parameters,
            ranks=count,
            output=config.output,
        )
        if self.ranks.first:
            write_report(folder, report)
        return report
