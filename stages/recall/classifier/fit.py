"""One run of fastText over the examples of both classes, collapsed to its table of scores.

fastText reads a file of decimal token ids, one example a line. With one thread the same lines give
the same bytes, and on any x86-64 processor: the wheel is compiled for SSE2, and of the C library it
calls `expf` alone, whose variants with and without FMA differ at one of a billion arguments (-63.1,
where the softmax is 4e-28). Disk: about 6 bytes a token; memory: 1 KiB a bucket or word (2 M
buckets: 2 GB).
"""

import os
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages.errors import StageError
from stages.kernels.fasttext import LABEL_PREFIX, MAX_NGRAMS, Collapsed, collapse, list_buffers
from stages.kernels.ngrams import Tokens
from stages.recall.classifier.recipe import Recipe
from stages.recall.classifier.windows import Ranges, windows
from stages.recall.classifier.zeroed import zeroed_allocations
from stages.recall.options import Training

POSITIVE, NEGATIVE = "positive", "negative"
MIN_BUCKETS = 1 << 12
TOKENS_AT_ONCE = 1 << 22


class TooFewExamplesError(StageError):
    """Nothing can be learned from so few examples."""


def fit(
    negatives: pa.Array,
    positives: pa.Array,
    recipe: Recipe,
    options: Training,
    full: Path | None = None,
) -> Collapsed:
    """One run of fastText over the examples of both classes, collapsed; `full`: where to write
    fastText's own file of it."""
    model = train_fasttext(negatives, positives, recipe, options)
    if full is not None:
        model.save_model(str(full))
    return collapse(model, NEGATIVE)


def train_fasttext(
    negatives: pa.Array,
    positives: pa.Array,
    recipe: Recipe,
    options: Training,
    buckets: int | None = None,
) -> Any:
    """The fastText model itself; `buckets` overrides what the data asks for."""
    import fasttext  # noqa: PLC0415 - compiled library, needed only where models are trained

    for name, documents in ((NEGATIVE, negatives), (POSITIVE, positives)):
        if not len(documents.flatten()):
            raise StageError(f"recall: no {name} document with a text; add seeds")
    values, examples, labels = _examples(negatives, positives, recipe, options)
    n_tokens = int((examples[:, 1] - examples[:, 0]).sum())
    with tempfile.TemporaryDirectory(prefix="sluice-recall-") as folder:
        path = Path(folder) / "examples.txt"
        with path.open("wb") as file:
            for lines in _lines(values, examples, labels):
                file.write(lines)
        try:
            with zeroed_allocations():
                return fasttext.train_supervised(
                    input=str(path),
                    dim=recipe.dimension,
                    lr=recipe.learning_rate,
                    epoch=recipe.epochs,
                    wordNgrams=MAX_NGRAMS,
                    minCount=recipe.min_count,
                    bucket=buckets or buckets_for(n_tokens, options.max_buckets),
                    thread=1 if options.mode == "reproducible" else os.cpu_count() or 1,
                    label=LABEL_PREFIX,
                    verbose=0,
                )
        except (RuntimeError, ValueError) as error:
            raise TooFewExamplesError(
                f"recall: fastText could not learn from {len(examples)} examples of "
                f"{n_tokens} tokens ({error}); add seeds"
            ) from error


def buckets_for(n_tokens: int, max_buckets: int) -> int:
    """A power of two (a mask instead of a division) of at least half the tokens: with as few
    seeds, more buckets change no score visibly and cost memory and cache."""
    return min(max_buckets, max(MIN_BUCKETS, 1 << max(n_tokens // 2 - 1, 0).bit_length()))


def _examples(
    negatives: pa.Array, positives: pa.Array, recipe: Recipe, options: Training
) -> tuple[Tokens, Ranges, npt.NDArray[np.bool_]]:
    """All tokens, the examples' ranges in them, shuffled, and which are positive."""
    random = np.random.default_rng(options.seed)
    values, ranges, base = [], [], 0
    for documents in (negatives, positives):
        offsets, tokens = list_buffers(documents)
        ranges.append(windows(offsets, recipe.window, recipe.windows_per_document) + base)
        values.append(tokens)
        base += len(tokens)
    # `np.resize` repeats a permutation from its beginning, so every example occurs as often as any
    # other, but for one round that is not complete.
    if recipe.balance is not None:
        sizes = [len(part) for part in ranges]
        n = min(max(sizes), int(recipe.balance * min(sizes)))
        ranges = [part[np.resize(random.permutation(len(part)), n)] for part in ranges]
    labels = np.repeat([False, True], [len(part) for part in ranges])
    order = random.permutation(len(labels))
    return np.concatenate(values), np.concatenate(ranges)[order], labels[order]


def _lines(values: Tokens, examples: Ranges, labels: npt.NDArray[np.bool_]) -> Iterator[memoryview]:
    """fastText's lines, a few million tokens at once: `__label__positive 12 7 …`."""
    prefixes = np.array([f"{LABEL_PREFIX}{NEGATIVE} ", f"{LABEL_PREFIX}{POSITIVE} "])
    sizes = examples[:, 1] - examples[:, 0]
    # A cut wherever the running total passes a multiple of the limit.
    cuts = np.flatnonzero(np.diff(np.cumsum(sizes) // TOKENS_AT_ONCE)) + 1
    for first, last in pairwise([0, *cuts.tolist(), len(examples)]):
        lengths = sizes[first:last]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        # The token at each place of the lines: examples overlap and repeat, so ranges are taken
        # one after another by their distance from where they come to lie.
        index = np.arange(offsets[-1]) + np.repeat(examples[first:last, 0] - offsets[:-1], lengths)
        words = pa.array(values[index]).cast(pa.string())
        texts = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), words), " ")
        marks = pa.array(prefixes[labels[first:last].astype(np.int8)])
        lines = pc.binary_join_element_wise(marks, texts, "\n", "")
        _, line_offsets, data = lines.buffers()
        yield memoryview(data)[: int(np.frombuffer(line_offsets, np.int32)[len(lines)])]
