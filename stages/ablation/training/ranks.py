"""The processes that train one model: their group, device and the sharding of its weights.

Started by torchrun there are as many as it says, otherwise one, and that one has a process group
too: then checkpoints, sharding and reductions have a single path. bf16 is FSDP2's mixed precision,
on one device as well: float32 weights and gradients, bf16 activations and products. (Autocast would
keep the residual stream in float32, twice the bytes, since Llama's norms have float32 gains.)
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

from stages.ablation.training.configuration import TrainConfig
from stages.ablation.training.model.model import PackedModel
from stages.errors import ConfigError

TIMEOUT = timedelta(minutes=30)


@dataclass(frozen=True)
class Ranks:
    """This process among the others."""

    rank: int
    count: int
    device: torch.device
    objects: dist.ProcessGroup
    """A group on CPUs, for objects."""
    checkpoints: dist.ProcessGroup
    """Another, for the thread that writes checkpoints: two threads must not share a group."""

    @property
    def first(self) -> bool:
        """Whether this process writes the logs."""
        return self.rank == 0

    def sum(self, values: torch.Tensor) -> list[float]:
        """The sum over all ranks, the same floats on each of them."""
        if self.count > 1:
            dist.all_reduce(values)
        summed: list[float] = values.tolist()
        return summed

    def gather(self, value: Any) -> list[Any]:
        """Every rank's value, in their order."""
        values: list[Any] = [value] * self.count
        if self.count > 1:
            dist.all_gather_object(values, value, group=self.objects)
        return values

    def from_first(self, value: Any) -> Any:
        """The first rank's value."""
        return self.gather(value)[0]


@contextmanager
def join(config: TrainConfig) -> Iterator[Ranks]:
    """Join the group torchrun started, or one's own."""
    device = _device(config)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    mine = not dist.is_initialized()
    if mine and "RANK" in os.environ:
        dist.init_process_group(backend, timeout=TIMEOUT)
    elif mine:
        store = dist.HashStore()  # type: ignore[attr-defined]  # no port is opened for one
        dist.init_process_group(backend, store=store, rank=0, world_size=1, timeout=TIMEOUT)
    try:
        groups = [dist.new_group(backend="gloo", timeout=TIMEOUT) for _ in range(2)]
        yield Ranks(dist.get_rank(), dist.get_world_size(), device, *groups)
    finally:
        if mine:
            dist.destroy_process_group()


def shard(model: PackedModel, ranks: Ranks, dtype: torch.dtype) -> None:
    """Spread the weights over the ranks, layer by layer; a single rank in float32 keeps them."""
    if ranks.count == 1 and dtype == torch.float32:
        return
    mesh = init_device_mesh(ranks.device.type, (ranks.count,))
    # inputs are ids and masks, made in the right type already
    policy = MixedPrecisionPolicy(
        param_dtype=dtype, reduce_dtype=torch.float32, cast_forward_inputs=False
    )
    for layer in model.llama.model.layers:
        fully_shard(layer, mesh=mesh, mp_policy=policy, reshard_after_forward=ranks.count > 1)
    fully_shard(model, mesh=mesh, mp_policy=policy, reshard_after_forward=False)


def compute_dtype(config: TrainConfig, device: torch.device) -> torch.dtype:
    """What activations and products are in."""
    if config.dtype == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    dtype: torch.dtype = getattr(torch, config.dtype)
    return dtype


def _device(config: TrainConfig) -> torch.device:
    available = torch.cuda.is_available()
    if config.device == "cuda" and not available:
        raise ConfigError("device = 'cuda': PyTorch sees no CUDA device here")
    if config.device == "cpu" or not available:
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
