"""fastText itself as the trainer: the paper's recipe, and the peer of `linear`.

fastText reads a file of decimal token ids, one example a line. With one thread the same lines give
the same bytes, and on any x86-64 processor: the wheel is compiled for SSE2, and of the C library it
calls `expf` alone, whose variants with and without FMA differ at one of a billion arguments (-63.1,
where the softmax is 4e-28). Disk: about 6 bytes a token; memory: 1 KiB a bucket or word (2 M
buckets: 2 GB).
"""

import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.contract.telling import tell
from stages.kernels.fasttext.scoring import LABEL_PREFIX, MAX_NGRAMS
from stages.recall.classifier.recipe import NEGATIVE, POSITIVE, Recipe
from stages.recall.classifier.windows import TrainingExamples
from stages.recall.classifier.zeroed import zeroed_allocations

TOKENS_AT_ONCE = 1 << 22


def train_fasttext(
    examples: TrainingExamples, recipe: Recipe, buckets: int, *, threads: int = 1
) -> Any:
    """The fastText model; RuntimeError or ValueError is its own complaint about the examples."""
    import fasttext  # noqa: PLC0415 - compiled library, needed only where it trains

    with tempfile.TemporaryDirectory(prefix="sluice-recall-") as folder:
        path = Path(folder) / "examples.txt"
        with path.open("wb") as file:
            for lines in _lines(examples):
                file.write(lines)
        tell(f"{recipe.epochs} epochs of fastText, {len(examples.ranges):,} examples")
        with zeroed_allocations():
            return fasttext.train_supervised(
                input=str(path),
                dim=recipe.dimension,
                lr=recipe.learning_rate,
                epoch=recipe.epochs,
                wordNgrams=MAX_NGRAMS,
                minCount=recipe.min_count,
                bucket=buckets,
                thread=threads,
                label=LABEL_PREFIX,
                verbose=0,
            )


def _lines(examples: TrainingExamples) -> Iterator[memoryview]:
    """fastText's lines, a few million tokens at once: `__label__positive 12 7 …`."""
    values, ranges, positive = examples
    prefixes = np.array([f"{LABEL_PREFIX}{NEGATIVE} ", f"{LABEL_PREFIX}{POSITIVE} "])
    sizes = ranges[:, 1] - ranges[:, 0]
    # A cut wherever the running total passes a multiple of the limit.
    cuts = np.flatnonzero(np.diff(np.cumsum(sizes) // TOKENS_AT_ONCE)) + 1
    for first, last in pairwise([0, *cuts.tolist(), len(ranges)]):
        lengths = sizes[first:last]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        # The token at each place of the lines: examples overlap and repeat, so ranges are taken
        # one after another by their distance from where they come to lie.
        index = np.arange(offsets[-1]) + np.repeat(ranges[first:last, 0] - offsets[:-1], lengths)
        words = pa.array(values[index]).cast(pa.string())
        texts = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), words), " ")
        marks = pa.array(prefixes[positive[first:last].astype(np.int8)])
        lines = pc.binary_join_element_wise(marks, texts, "\n", "")
        _, line_offsets, data = lines.buffers()
        yield memoryview(data)[: int(np.frombuffer(line_offsets, np.int32)[len(lines)])]
