"""Documents that share a sequence do not see one another."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.ablation.training.configuration import TrainConfig
from stages.ablation.training.model.attention import BLOCK, block_mask, dense_mask
from stages.ablation.training.model.model import PackedModel, build, initialise

LENGTHS = (9, 1, 14, 8)


def places(lengths: tuple[int, ...]) -> torch.Tensor:
    return torch.cat([torch.arange(length) for length in lengths])[None]


def logits(model: PackedModel, inputs: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model.llama.lm_head(model.hidden(inputs, positions))


def built(config: TrainConfig, device: str = "cpu", *, compiled: bool = False) -> PackedModel:
    model = build(config, torch.device(device), compiled=compiled)
    initialise(model, 3)
    return model


def test_a_document_s_logits_do_not_depend_on_its_neighbours(
    small: Callable[..., TrainConfig],
) -> None:
    """Change one document's tokens: the others' logits keep every bit, its own change."""
    model = built(small())
    inputs = torch.randint(100, (1, sum(LENGTHS)), generator=torch.Generator().manual_seed(0))
    positions = places(LENGTHS)
    before = logits(model, inputs, positions)
    start = 0
    for length in LENGTHS:
        mine = slice(start, start + length)
        changed = inputs.clone()
        changed[:, mine] = (changed[:, mine] + 1) % 100
        after = logits(model, changed, positions)
        same = (before == after).all(-1)[0]
        assert same[:start].all()
        assert same[start + length :].all()
        assert not same[mine].any()
        start += length


def test_packed_logits_are_those_of_each_document_alone(
    small: Callable[..., TrainConfig],
) -> None:
    """By Transformers' own forward pass, which knows nothing of packing."""
    config = small()
    model = built(config)
    from transformers import LlamaForCausalLM

    from stages.ablation.training.model.model import llama_config

    reference = LlamaForCausalLM(llama_config(config.shape, config.length))
    reference.load_state_dict(model.llama.state_dict())
    inputs = torch.randint(100, (1, sum(LENGTHS)), generator=torch.Generator().manual_seed(1))
    packed = logits(model, inputs, places(LENGTHS)).split(LENGTHS, dim=1)
    for mine, part in zip(packed, inputs.split(LENGTHS, dim=1), strict=True):
        with torch.no_grad():
            assert torch.allclose(mine, reference(part).logits, atol=1e-6)


@settings(max_examples=25)
@given(st.lists(st.integers(1, 3 * BLOCK), min_size=1, max_size=8))
def test_the_block_mask_is_the_one_pytorch_finds_pair_by_pair(lengths: list[int]) -> None:
    """Partial blocks, whole blocks, and the transposed ones for the backward pass."""
    from torch.nn.attention.flex_attention import create_block_mask

    positions = places(tuple(lengths))[:, : 3 * BLOCK]
    rest = 3 * BLOCK - positions.shape[1]
    positions = torch.cat([positions, torch.arange(rest)[None]], dim=1)
    found = block_mask(positions)
    assert found.mask_mod is not None
    expected = create_block_mask(found.mask_mod, 1, None, *[3 * BLOCK] * 2, device="cpu")
    for name in ("kv", "full_kv", "q", "full_q"):
        numbers = getattr(expected, f"{name}_num_blocks")
        assert torch.equal(getattr(found, f"{name}_num_blocks"), numbers)
        for row, number in enumerate(numbers.flatten().tolist()):
            left = getattr(found, f"{name}_indices").view(-1, 3)[row, :number]
            right = getattr(expected, f"{name}_indices").view(-1, 3)[row, :number]
            assert torch.equal(left, right)


def test_the_dense_mask_is_causal_within_documents() -> None:
    """0 where a query may look, the least number elsewhere."""
    allowed = dense_mask(places((2, 3)), torch.float32)[0, 0] == 0
    assert allowed.int().tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 1, 1, 0],
        [0, 0, 1, 1, 1],
    ]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no CUDA device")
@pytest.mark.parametrize("compiled", [True, False], ids=["flex", "dense"])
def test_nothing_leaks_on_a_gpu(small: Callable[..., TrainConfig], *, compiled: bool) -> None:
    """Changing one document moves the others' logits by no more than 1e-6, on both paths."""
    model = built(small(sequence_length=256), "cuda", compiled=compiled)
    inputs = torch.randint(100, (1, 256), generator=torch.Generator().manual_seed(0)).cuda()
    positions = places((100, 60, 96)).cuda()
    before = logits(model, inputs, positions)
    changed = inputs.clone()
    changed[:, 100:160] = (changed[:, 100:160] + 1) % 100
    difference = (before - logits(model, changed, positions)).abs().amax(-1)[0]
    assert difference[:100].max() <= 1e-6
    assert difference[160:].max() <= 1e-6
    assert difference[100:160].min() > 1e-6
