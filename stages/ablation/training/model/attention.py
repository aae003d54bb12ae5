"""Causal attention within documents, for sequences that several documents share.

Three ways to the same result: a FlexAttention block mask in compiled layers on a GPU (whole blocks
of 128 × 128 between two documents are never computed), an explicit additive mask with PyTorch's
scaled-dot-product attention everywhere else, and plain causal attention by neither where no mask is
given. Position ids that restart, which Transformers turns into a mask by itself, are not relied on:
they are silently ignored as soon as a cache or any other mask is there. FlexAttention has no
backward pass on CPU.
"""

from typing import Any

import torch
from torch.nn.attention.flex_attention import BlockMask, flex_attention
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

NAME = "sluice_documents"
"""The attention implementation's name in a model's configuration."""

BLOCK = 128
"""Tokens on a side of FlexAttention's blocks."""

Mask = torch.Tensor | BlockMask | None


def number_documents(positions: torch.Tensor) -> torch.Tensor:
    """[batch, length] places since a border -> [batch, length] document numbers, rising from 1."""
    return (positions == 0).cumsum(1, dtype=torch.int32)


def dense_mask(positions: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """[batch, 1, length, length] to add to the scores: 0 where a query may look, else the least."""
    documents = number_documents(positions)
    length = documents.shape[1]
    same = documents[:, :, None] == documents[:, None, :]
    causal = torch.ones(length, length, dtype=torch.bool, device=documents.device).tril()
    mask = torch.zeros(same.shape, dtype=dtype, device=documents.device)
    return mask.masked_fill_(~(same & causal), torch.finfo(dtype).min)[:, None]


def block_mask(positions: torch.Tensor) -> BlockMask:
    """The same mask in blocks, found from each block's first and last document alone.

    Document numbers rise along a sequence. So a block of keys before a block of queries shares a
    document with it if its last document is the queries' first or a later one, and needs no mask
    inside if its first is the queries' last. `create_block_mask` would look at all pairs.
    """
    documents = number_documents(positions)
    batch, length = documents.shape
    blocks = documents.view(batch, length // BLOCK, BLOCK)
    first, last = blocks[:, :, 0], blocks[:, :, -1]
    n_blocks = blocks.shape[1]
    earlier = torch.ones(n_blocks, n_blocks, dtype=torch.bool, device=documents.device).tril(-1)
    diagonal = torch.eye(n_blocks, dtype=torch.bool, device=documents.device)
    full = earlier & (first[:, None, :] == last[:, :, None])
    partial = diagonal | (earlier & (last[:, None, :] >= first[:, :, None]) & ~full)

    def same_document(
        batch: torch.Tensor, _head: torch.Tensor, query: torch.Tensor, key: torch.Tensor
    ) -> torch.Tensor:
        return (query >= key) & (documents[batch, query] == documents[batch, key])

    return BlockMask.from_kv_blocks(
        *_indices(partial), *_indices(full), BLOCK_SIZE=BLOCK, mask_mod=same_document
    )


def _indices(blocks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """[batch, n, n] booleans -> how many blocks each row has, and their numbers first in order."""
    ordered = blocks.to(torch.int32).argsort(dim=-1, descending=True, stable=True)
    return blocks.sum(-1, dtype=torch.int32)[:, None], ordered.to(torch.int32)[:, None]


def attend(
    _module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: Mask,
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Transformers' attention interface: [batch, heads, length, width] -> [batch, length, …]."""
    if isinstance(attention_mask, BlockMask):
        mixed = flex_attention(query, key, value, block_mask=attention_mask, scale=scaling)
        assert isinstance(mixed, torch.Tensor)
    else:
        mixed = scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=attention_mask,
            is_causal=attention_mask is None,
            scale=scaling,
        )
    return mixed.transpose(1, 2).contiguous(), None


AttentionInterface.register(NAME, attend)
