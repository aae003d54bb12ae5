"""AdamW (arXiv 1711.05101) with β 0.9 and 0.95, and its state made by hand.

Weight decay is on the matrices that activations are multiplied by, not on the norms' gains and not
on the embedding: its rows are looked up one by one, and decay would shrink those of rare tokens at
every step, seen or not. A tied head counts as the embedding.

The state is there from the start, so that a checkpoint of any step has the same tensors.
"""

import torch
from torch import nn

from stages.ablation.training.configuration import TrainConfig

MOMENTS = ("exp_avg", "exp_avg_sq")

EMBEDDING = "model.embed_tokens.weight"


def make_optimizer(config: TrainConfig, llama: nn.Module) -> torch.optim.AdamW:
    """An optimizer of `llama`'s weights that has taken no step."""
    decayed: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, weight in llama.named_parameters():
        (others if weight.dim() == 1 or name == EMBEDDING else decayed).append(weight)
    chosen = config.optimizer
    optimizer = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": chosen.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=config.peak_rate,
        betas=(chosen.beta1, chosen.beta2),
        eps=chosen.epsilon,
        fused=True,
    )
    for weight in (*decayed, *others):
        moments = {name: torch.zeros_like(weight) for name in MOMENTS}
        step = torch.zeros((), dtype=torch.float32, device=weight.device)
        optimizer.state[weight] = {"step": step, **moments}
    return optimizer


def set_rate(optimizer: torch.optim.AdamW, rate: float) -> None:
    """The learning rate of the next step."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def tensors(llama: nn.Module, optimizer: torch.optim.AdamW) -> dict[str, torch.Tensor]:
    """Weights and moments by name, themselves and not copies: what a checkpoint saves and loads."""
    named = {}
    for name, weight in llama.named_parameters():
        named[f"weight.{name}"] = weight.detach()
        for moment in MOMENTS:
            named[f"{moment}.{name}"] = optimizer.state[weight][moment]
    return named


def set_steps(optimizer: torch.optim.AdamW, n_taken: int) -> None:
    """How many steps the moments have seen, which their bias correction needs."""
    for state in optimizer.state.values():
        state["step"].fill_(n_taken)
