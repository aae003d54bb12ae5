"""Cross-entropy of a large vocabulary without the [tokens, vocabulary] matrix.

A step of 32,768 tokens over 102,400 entries would hold 13 GB of logits in float32, and as much for
their gradient. The tokens are taken in chunks: logits, losses and both gradients of a chunk are
computed at once in the forward pass, and only [tokens, hidden] and [vocabulary, hidden] gradients
stay (as in Liger's fused linear cross-entropy). The sum over the vocabulary is in float32, and
exact: nothing is filtered out.

`cut` takes cut-cross-entropy (arXiv 2411.09009) instead, where that package is installed. Liger's
kernel is not offered: it gives no loss per token, which the losses by source need.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import linear

from stages.ablation.training.configuration import TrainConfig
from stages.errors import ConfigError

CHUNK_LOGITS = {"cuda": 1 << 29, "cpu": 1 << 22}
"""Logits in a chunk: 4,096 tokens of a vocabulary of 102,400 on a GPU, 512 of 8,192 on a CPU."""

Logits = Callable[[torch.Tensor, torch.Tensor, float], tuple[torch.Tensor, torch.Tensor]]
CrossEntropy = Callable[
    [torch.Tensor, torch.Tensor, torch.Tensor, float], tuple[torch.Tensor, torch.Tensor]
]
"""(hidden [n, width], weight [vocabulary, width], targets [n], scale) ->
(scale × sum of losses, to go back from; losses [n] float32, for the log)."""


def cross_entropy(config: TrainConfig, *, compiled: bool) -> CrossEntropy:
    """The kernel the configuration names."""
    if config.loss == "cut":
        return _cut_cross_entropy()
    kernel: Logits = torch.compile(from_logits, dynamic=False) if compiled else from_logits

    def chunked(
        hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, scale: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        result: tuple[torch.Tensor, torch.Tensor] = ChunkedCrossEntropy.apply(
            hidden, weight, targets, scale, kernel
        )  # type: ignore[no-untyped-call]
        return result

    return chunked


def from_logits(
    logits: torch.Tensor, targets: torch.Tensor, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """[n, vocabulary] logits -> losses [n] in float32, and scale × the logits' gradient."""
    precise = logits.float()
    log_sum = precise.logsumexp(-1)
    columns = torch.arange(logits.shape[1], device=logits.device)
    hit = columns == targets[:, None]
    losses = log_sum - precise.gather(1, targets[:, None])[:, 0]
    gradient = ((precise - log_sum[:, None]).exp() - hit.float()) * scale
    return losses, gradient.to(logits.dtype)


def chunk_tokens(vocabulary: int, device: torch.device) -> int:
    """Tokens in a chunk: a power of two."""
    limit = CHUNK_LOGITS.get(device.type, CHUNK_LOGITS["cpu"])
    return 1 << max((limit // vocabulary).bit_length() - 1, 0)


class ChunkedCrossEntropy(torch.autograd.Function):
    """scale × Σ cross-entropy(hidden · weightᵀ, targets), with the losses of the single tokens."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        targets: torch.Tensor,
        scale: float,
        kernel: Logits,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See CrossEntropy; `kernel` is `from_logits`, compiled or not."""
        chunk = chunk_tokens(weight.shape[0], weight.device)
        losses = torch.empty(hidden.shape[0], dtype=torch.float32, device=hidden.device)
        differentiate = any(ctx.needs_input_grad)
        if differentiate:
            hidden_gradient = torch.empty_like(hidden)
            weight_gradient = torch.zeros_like(weight, dtype=torch.float32)
        for start in range(0, hidden.shape[0], chunk):
            part = slice(start, start + chunk)
            losses[part], gradient = kernel(linear(hidden[part], weight), targets[part], scale)
            if differentiate:
                torch.mm(gradient, weight, out=hidden_gradient[part])
                weight_gradient += gradient.T @ hidden[part]
        if differentiate:
            ctx.save_for_backward(hidden_gradient, weight_gradient.to(weight.dtype))
        ctx.mark_non_differentiable(losses)
        return losses.sum() * scale, losses

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Scale what forward computed."""
        hidden_gradient, weight_gradient = ctx.saved_tensors
        return hidden_gradient * gradients[0], weight_gradient * gradients[0], None, None, None


def _cut_cross_entropy() -> CrossEntropy:
    try:
        from cut_cross_entropy import linear_cross_entropy  # noqa: PLC0415 - not everywhere
    except ImportError as error:
        raise ConfigError(
            "loss = 'cut': cut-cross-entropy is not installed; use loss = 'chunked'"
        ) from error

    def cut(
        hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, scale: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        kernel = "cce" if hidden.is_cuda else "torch_compile"
        losses = linear_cross_entropy(
            hidden, weight, targets, reduction="none", filter_eps=None, impl=kernel
        )
        return losses.float().sum() * scale, losses.detach().float()

    return cut
