"""The chunked cross-entropy against PyTorch's own."""

import pytest
import torch
from torch.nn.functional import cross_entropy as reference

from stages.ablation.training.model import loss
from stages.ablation.training.model.loss import ChunkedCrossEntropy, chunk_tokens, from_logits


@pytest.mark.parametrize(("n_tokens", "chunk"), [(8, 4), (7, 4), (3, 8), (1, 1)])
def test_losses_and_gradients_are_the_reference_s(
    n_tokens: int, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the chunks."""
    vocabulary, width, scale = 16, 5, 0.25
    monkeypatch.setattr(loss, "CHUNK_LOGITS", {"cpu": chunk * vocabulary})
    generator = torch.Generator().manual_seed(n_tokens)
    hidden = torch.randn(n_tokens, width, generator=generator, requires_grad=True)
    weight = torch.randn(vocabulary, width, generator=generator, requires_grad=True)
    targets = torch.randint(vocabulary, (n_tokens,), generator=generator)

    total, losses = ChunkedCrossEntropy.apply(hidden, weight, targets, scale, from_logits)
    found = torch.autograd.grad(3 * total, (hidden, weight))
    each = reference(hidden @ weight.T, targets, reduction="none")
    expected = torch.autograd.grad(3 * scale * each.sum(), (hidden, weight))

    assert torch.allclose(losses, each, atol=1e-6)
    assert torch.allclose(total, scale * each.sum(), atol=1e-6)
    for left, right in zip(found, expected, strict=True):
        assert torch.allclose(left, right, atol=1e-6)


def test_huge_logits_stay_finite() -> None:
    """The largest logit is taken out of the exponential."""
    losses, gradient = from_logits(torch.tensor([[1e4, 0.0]]), torch.tensor([1]), 1.0)
    assert losses.item() == pytest.approx(1e4)
    assert gradient.tolist() == [[1.0, -1.0]]


def test_a_chunk_is_a_power_of_two_of_tokens() -> None:
    """At least one token, however large the vocabulary."""
    assert chunk_tokens(8192, torch.device("cpu")) == 512
    assert chunk_tokens(102_400, torch.device("cuda")) == 4096
    assert chunk_tokens(1 << 40, torch.device("cpu")) == 1
