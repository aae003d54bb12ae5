"""Bits per byte equal a naive computation, whatever the windows and batches."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the ablation's packages are not installed")
transformers = pytest.importorskip("transformers")

from stages.ablation.evaluation.bits_per_byte import (  # noqa: E402
    Document,
    bits_table,
    count_windows,
    document_bits,
)

VOCABULARY = 97


@pytest.fixture(scope="module")
def model() -> "transformers.LlamaForCausalLM":
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=256,
        initializer_range=0.2,
    )
    return transformers.LlamaForCausalLM(config).eval()


def documents(*lengths: int) -> list[Document]:
    rng = np.random.default_rng(1)
    return [
        Document(bytes([i]) * 16, "code", "Go", 3 * n, rng.integers(1, 97, n).astype(np.uint32))
        for i, n in enumerate(lengths)
    ]


def naive_bits(model, document: Document, context: int, stride: int) -> float:
    """One forward pass for every window of one document, logits of all positions."""
    ids = document.tokens.tolist()
    bits, scored = (math.log2(VOCABULARY) if ids else 0.0), 0
    while scored < len(ids) - 1:
        end = min(scored + (stride if scored else context), len(ids) - 1)
        start = max(0, end - context)
        with torch.no_grad():
            logits = model(torch.tensor([ids[start:end]])).logits[0].double()
        p = torch.log_softmax(logits, dim=-1)
        for target in range(scored + 1, end + 1):
            bits -= p[target - 1 - start, ids[target]].item() / math.log(2)
        scored = end
    return bits


@pytest.mark.parametrize(("context", "stride"), [(64, 32), (16, 3), (16, 16)])
@pytest.mark.parametrize("batch_tokens", [100, 8192])
def test_bits_equal_a_naive_loop(model, context: int, stride: int, batch_tokens: int) -> None:
    """Short, long and empty documents; a document of exactly one context and one token more."""
    held_out = documents(1, 5, 0, 64, 65, 130, 16, 17)
    seen: list[int] = []
    found = document_bits(
        model,
        held_out,
        context=context,
        stride=stride,
        batch_tokens=batch_tokens,
        progress=seen.append,
    )
    expected = [naive_bits(model, document, context, stride) for document in held_out]
    assert found == pytest.approx(expected, rel=1e-5)
    assert sum(seen) == count_windows(held_out, context, stride)


def test_a_model_that_knows_nothing_needs_log_v_bits_a_token(model) -> None:
    """Uniform predictions: the bits are the entropy, to the last digit of float32."""
    blank = transformers.LlamaForCausalLM(model.config).eval()
    torch.nn.init.zeros_(blank.lm_head.weight)
    held_out = documents(40, 7)
    found = document_bits(blank, held_out, context=16)
    assert found == pytest.approx([40 * math.log2(97), 7 * math.log2(97)], rel=1e-6)


def test_a_wrong_stride_is_refused(model) -> None:
    """A stride longer than the context would leave tokens out."""
    for stride in (0, 17):
        with pytest.raises(ValueError, match="stride"):
            document_bits(model, documents(3), context=16, stride=stride)


def test_the_table_has_a_row_for_each_document() -> None:
    """Also for an empty one."""
    table = bits_table(documents(2, 0), np.array([1.5, 0.0]))
    assert table.column("n_bytes").to_pylist() == [6, 0]
    assert table.column("bits").to_pylist() == [1.5, 0.0]
    assert table.column("doc_id").to_pylist() == [b"\0" * 16, b"\1" * 16]
