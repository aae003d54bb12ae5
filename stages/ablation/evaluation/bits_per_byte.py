"""How well a model predicts held-out documents: bits per UTF-8 byte of each.

The bits of a document are the sum of -log2 p over its tokens; divided by bytes, not tokens, they
compare models whatever their tokenizers. In training nothing stands before a document, so its
first token is no prediction: it costs log2 of the vocabulary, the same for every model of a
tokenizer. A document longer than the context is scored in windows that advance by `stride`
tokens: the first window scores all its targets, each later one its last `stride`, so that every
token is scored once and, after the first window, with at least `context - stride` tokens before
it. With three quarters of a context (the default) that reads a third more tokens than one pass.

Windows of similar length share a batch, padded on the right: under a causal mask padding changes
nothing before it, so no attention mask is needed. Logits are made for `LOGIT_ROWS` positions at a
time, whatever the vocabulary.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch.nn import functional

Ids = npt.NDArray[np.uint32]

BATCH_TOKENS = 8192
LOGIT_ROWS = 2048
POOL_WINDOWS = 1024
"""Windows sorted by length together: what is held besides one batch."""

DOCUMENT_BITS = pa.schema(
    [
        pa.field("doc_id", pa.binary(16), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("language", pa.string()),
        pa.field("n_bytes", pa.int64(), nullable=False),
        pa.field("n_tokens", pa.int64(), nullable=False),
        pa.field("bits", pa.float64(), nullable=False),
    ]
)
"""A row for each held-out document, in the order of the held-out set."""


@dataclass(frozen=True)
class Document:
    """A held-out document as the model reads it; `n_bytes` is its text's length in UTF-8."""

    doc_id: bytes
    source: str
    language: str | None
    n_bytes: int
    tokens: Ids


@dataclass(frozen=True)
class Window:
    """The part `ids[:-1]` → `ids[1:]` of a document, of which the last `n_scored` count."""

    document: int
    ids: Ids
    n_scored: int


def windows(document: int, ids: Ids, context: int, stride: int) -> Iterator[Window]:
    """Cut `ids` into windows of at most `context` inputs; nothing for a single token."""
    n_targets = len(ids) - 1
    if n_targets < 1:
        return
    end = min(context, n_targets)
    yield Window(document, ids[: end + 1], end)
    while end < n_targets:
        start, end = end, min(end + stride, n_targets)
        yield Window(document, ids[max(0, end - context) : end + 1], end - start)


def document_bits(
    model: Any,
    documents: Sequence[Document],
    *,
    context: int,
    stride: int | None = None,
    batch_tokens: int = BATCH_TOKENS,
    progress: Callable[[int], None] = lambda n_windows: None,
) -> npt.NDArray[np.float64]:
    """The bits of each document under a Hugging Face causal language model, on its device.

    `progress` is told after every batch how many windows it held, of `count_windows`. ValueError
    unless 0 < stride <= context.
    """
    stride = default_stride(context) if stride is None else stride
    if not 0 < stride <= context:
        raise ValueError(f"stride {stride} is not between 1 and the context, {context}")
    first_bits = math.log2(model.get_output_embeddings().out_features)
    bits = np.array([first_bits if len(one.tokens) else 0.0 for one in documents])
    waiting = (
        window
        for index, document in enumerate(documents)
        for window in windows(index, document.tokens, context, stride)
    )
    while pool := list(islice(waiting, POOL_WINDOWS)):
        for batch in _batches(pool, batch_tokens):
            for window, found in zip(batch, _window_bits(model, batch), strict=True):
                bits[window.document] += found
            progress(len(batch))
    return bits


def bits_table(documents: Iterable[Document], bits: npt.NDArray[np.float64]) -> pa.Table:
    """`DOCUMENT_BITS` of what was scored."""
    rows = [
        {
            "doc_id": document.doc_id,
            "source": document.source,
            "language": document.language,
            "n_bytes": document.n_bytes,
            "n_tokens": len(document.tokens),
            "bits": value,
        }
        for document, value in zip(documents, bits.tolist(), strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=DOCUMENT_BITS)


def default_stride(context: int) -> int:
    """Three quarters of the context: every token after the first window has a quarter before it."""
    return max(1, context * 3 // 4)


def count_windows(documents: Iterable[Document], context: int, stride: int | None = None) -> int:
    """How many windows `document_bits` will score."""
    stride = default_stride(context) if stride is None else stride
    return sum(
        1 + math.ceil(max(0, len(document.tokens) - 1 - context) / stride)
        for document in documents
        if len(document.tokens) > 1
    )


def _batches(pool: Sequence[Window], batch_tokens: int) -> Iterator[list[Window]]:
    """The longest windows first, so that memory is at its peak at once."""
    batch: list[Window] = []
    for window in sorted(pool, key=lambda one: -len(one.ids)):
        longest = len(batch[0].ids) if batch else len(window.ids)
        if batch and (len(batch) + 1) * longest > batch_tokens:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


@torch.inference_mode()
def _window_bits(model: Any, batch: Sequence[Window]) -> list[float]:
    """The bits of each window's scored targets."""
    length = len(batch[0].ids)
    padded = np.zeros((len(batch), length), np.int64)
    scored = np.zeros((len(batch), length - 1), bool)
    for row, window in enumerate(batch):
        n = len(window.ids)
        padded[row, :n] = window.ids
        scored[row, n - 1 - window.n_scored : n - 1] = True
    ids = torch.from_numpy(padded).to(model.device)
    where = torch.from_numpy(scored).to(model.device)
    hidden = model.base_model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state[where]
    targets = ids[:, 1:][where]
    head = model.get_output_embeddings()
    nats = torch.cat(
        [
            functional.cross_entropy(head(rows).float(), wanted, reduction="none")
            for rows, wanted in zip(
                torch.split(hidden, LOGIT_ROWS), torch.split(targets, LOGIT_ROWS), strict=True
            )
        ]
    )
    totals = torch.zeros(len(batch), dtype=torch.float64, device=nats.device)
    totals.index_add_(0, where.nonzero()[:, 0], nats.double())
    found: list[float] = (totals / math.log(2)).tolist()
    return found
