"""A Llama of Transformers that takes packed sequences, and its weights' first values.

The modules and the names of the weights are Transformers' own, so what is trained is what
`AutoModelForCausalLM` loads; only the walk through them is ours (embedding, layers, norm, loss),
which keeps the document masks out of reach of what Transformers would make of its arguments.
"""

from collections.abc import Callable
from functools import partial
from math import sqrt

import torch
import xxhash
from torch import nn
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.utils.checkpoint import checkpoint
from transformers import LlamaConfig, LlamaForCausalLM

from stages.ablation.training.configuration import TrainConfig
from stages.ablation.training.model import attention
from stages.ablation.training.model.loss import CrossEntropy, cross_entropy
from stages.ablation.training.model.presets import Preset

DEVIATION = 0.02
"""Standard deviation of the weights' first values; the matrices that write into the residual
stream begin smaller by √(2 · layers), as in GPT-2."""

RESIDUAL = ("o_proj.weight", "down_proj.weight")


def llama_config(preset: Preset, length: int) -> LlamaConfig:
    """The preset in Transformers' words, without special tokens."""
    return LlamaConfig(
        vocab_size=preset.vocabulary,
        hidden_size=preset.hidden,
        intermediate_size=preset.feed_forward,
        num_hidden_layers=preset.n_layers,
        num_attention_heads=preset.n_heads,
        num_key_value_heads=preset.n_heads,
        max_position_embeddings=length,
        rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "default", "rope_theta": preset.rope_theta},
        tie_word_embeddings=preset.tied,
        bos_token_id=None,
        eos_token_id=None,
    )


class PackedModel(nn.Module):
    """Maps packed sequences to their loss."""

    def __init__(self, llama: LlamaForCausalLM, loss: CrossEntropy, *, in_blocks: bool) -> None:
        super().__init__()
        self.llama = llama
        self._loss = loss
        self._in_blocks = in_blocks

    def forward(
        self,
        inputs: torch.Tensor,
        targets: torch.Tensor,
        positions: torch.Tensor,
        scale: float,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """[batch, length] ids -> (scale × sum of the losses; the losses [batch · length])."""
        hidden = self.hidden(inputs, positions)
        weight = self.llama.lm_head.weight
        return self._loss(hidden.flatten(0, 1), weight, targets.flatten(), scale)

    def hidden(self, inputs: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """[batch, length] ids -> what the output head reads, [batch, length, width]."""
        decoder = self.llama.model
        hidden = decoder.embed_tokens(inputs)
        rotary = decoder.rotary_emb(hidden, position_ids=positions)
        mask: attention.Mask
        if self._in_blocks:
            mask = attention.block_mask(positions)
        else:
            mask = attention.dense_mask(positions, hidden.dtype)
        for layer in decoder.layers:
            hidden = layer(hidden, attention_mask=mask, position_embeddings=rotary)
        normed: torch.Tensor = decoder.norm(hidden)
        return normed


def build(config: TrainConfig, device: torch.device, *, compiled: bool) -> PackedModel:
    """The model on `device`, its weights not yet `initialise`d.

    With `compiled`, each layer's forward function is compiled. The layers are alike, so one
    compilation serves all of them, and every later model of this shape in the process.
    """
    shape = llama_config(config.shape, config.length)
    shape._attn_implementation = attention.NAME
    with torch.random.fork_rng([device] if device.type == "cuda" else []), device:
        llama = LlamaForCausalLM(shape)
    llama.train()
    for layer in llama.model.layers:
        forward: Callable[..., torch.Tensor] = layer.forward
        if config.activation_checkpointing:
            forward = partial(checkpoint, forward, use_reentrant=False)
        layer.forward = torch.compile(forward, dynamic=False) if compiled else forward
    if compiled:
        norm = llama.model.norm
        norm.forward = torch.compile(norm.forward, dynamic=False)
    in_blocks = compiled and device.type == "cuda"
    return PackedModel(llama, cross_entropy(config, compiled=compiled), in_blocks=in_blocks)


@torch.no_grad()
def initialise(model: PackedModel, seed: int) -> None:
    """Set every weight to its first value, drawn by its name and the seed.

    So the values depend neither on the order of the weights nor on the number of ranks, each of
    which draws a whole tensor on its CPU and keeps its slice.
    """
    n_layers = len(model.llama.model.layers)
    for name, weight in model.llama.named_parameters():
        if weight.dim() == 1:
            weight.fill_(1.0)
            continue
        deviation = DEVIATION / sqrt(2 * n_layers) if name.endswith(RESIDUAL) else DEVIATION
        generator = torch.Generator().manual_seed(
            xxhash.xxh3_64_intdigest(f"{seed} {name}".encode()) >> 1
        )
        value = torch.empty(weight.shape, dtype=torch.float32)
        value.normal_(0.0, deviation, generator=generator)
        if isinstance(weight, DTensor):
            mesh, placements = weight.device_mesh, weight.placements
            sliced = distribute_tensor(value, mesh, placements, src_data_rank=None)
            weight.to_local().copy_(sliced.to_local())
        else:
            weight.copy_(value)
