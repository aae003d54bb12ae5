"""Training one binary classifier from token ids (DeepSeekMath, arXiv 2402.03300 section 2.1).

fastText reads a file of decimal token ids, one example a line; one thread, so that the same
examples give the same bytes. Two recipes: the paper's (whole documents), and one for a few hundred
seeds, where the paper's three epochs at 0.1 do not leave the starting point: there documents are
cut into windows of 300 tokens, classes are balanced by repetition, five epochs at 0.5, dimension
64 (16 to 256 agree to 0.005 in F1; 16 fails on a hundred short texts).

Scores are calibrated on documents that the scoring model has not seen: five cross-fitted folds for
the small recipe (then all documents train the model that is kept), one in twenty held out for the
paper's. Memory: the tokens of both classes, 4 bytes each; disk: about 6 bytes a token; fastText:
1 KiB a bucket or word (2 M buckets: 2 GB).
"""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from stages.errors import StageError
from stages.kernels.fasttext import (
    LABEL_PREFIX,
    MAX_NGRAMS,
    Collapsed,
    collapse,
    list_buffers,
)
from stages.kernels.ngrams import Tokens
from stages.recall.classifier.calibrate import calibrate, judge
from stages.recall.classifier.evidence import Markup, PageEvidence, fit_weights
from stages.recall.classifier.folds import deal_groups
from stages.recall.classifier.model import Examples, TrainedModel
from stages.recall.classifier.windows import Ranges, windows
from stages.recall.classifier.zeroed import zeroed_allocations
from stages.recall.options import Training

Groups = Sequence[str] | None
"""The domain of each document, or None: what is held out together."""

POSITIVE, NEGATIVE = "positive", "negative"
SMALL_BELOW = 50_000
"""Positives below which recipe `auto` is `small`."""
MIN_DISTINCT = 4
"""Distinct examples a class needs."""
MIN_BUCKETS = 1 << 12
TOKENS_AT_ONCE = 1 << 22


class TooFewExamplesError(StageError):
    """Nothing can be learned from so few examples."""


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters of one training."""

    name: str
    dimension: int
    learning_rate: float
    epochs: int
    min_count: int
    window: int | None
    windows_per_document: int
    balance: float | None
    """The larger class is at most this many times the smaller, which is repeated up to it."""
    folds: int
    refit: bool
    pages: bool
    """Whether `evidence = "auto"` stands for `page`."""


PAPER = Recipe(
    name="paper",
    dimension=256,
    learning_rate=0.1,
    epochs=3,
    min_count=3,
    window=None,
    windows_per_document=1,
    balance=None,
    folds=20,
    refit=False,
    pages=False,
)
SMALL = Recipe(
    name="small",
    dimension=64,
    learning_rate=0.5,
    epochs=5,
    min_count=3,
    window=300,
    windows_per_document=8,
    balance=2.0,
    folds=5,
    refit=True,
    pages=True,
)


def resolve_recipe(name: str, n_positives: int) -> Recipe:
    """The recipe `auto` stands for, or the named one."""
    if name == "auto":
        return SMALL if n_positives < SMALL_BELOW else PAPER
    return {"small": SMALL, "paper": PAPER}[name]


def train(
    positives: pa.Array,
    negatives: pa.Array,
    options: Training,
    positive_groups: Groups = None,
    negative_groups: Groups = None,
    positive_markup: Markup | None = None,
    negative_markup: Markup | None = None,
    *,
    mixed_groups: bool = False,
    full: Path | None = None,
) -> TrainedModel:
    """Train on two list arrays of token ids, one document a row. Groups (domains) are held out
    whole, as a crawl consists of sites that no seed is from; but only where the model that is kept
    sees all documents: else its largest site would be lost to it. `mixed_groups`: groups have
    documents of both classes, which are then held out together. With the markup of both classes
    the model also judges whole pages, unless options or recipe say otherwise. `full`: where to
    write fastText's own file of the model, beside the collapsed one. The result depends on the
    documents and their order, the options and fastText's version alone."""
    recipe = resolve_recipe(options.recipe, len(positives))
    dealt = None
    if mixed_groups:
        dealt = deal_groups(positive_groups or (), negative_groups or (), recipe.folds)
    classes = [
        _Documents.of(
            documents, groups if recipe.refit else None, name, recipe.folds, options, dealt
        )
        for name, documents, groups in (
            (NEGATIVE, negatives, negative_groups),
            (POSITIVE, positives, positive_groups),
        )
    ]
    scores = [np.full(len(documents.array), np.nan) for documents in classes]
    for fold in range(recipe.folds if recipe.refit else 1):
        kept = None if recipe.refit else full
        model = fit(classes[0].without(fold), classes[1].without(fold), recipe, options, kept)
        for part, documents in zip(scores, classes, strict=True):
            part[documents.folds == fold] = model.logits(documents.within(fold))[:, 0]
    judges_pages = recipe.pages if options.evidence == "auto" else options.evidence == "page"
    if recipe.refit:
        model = fit(classes[0].array, classes[1].array, recipe, options, full)
    seen = [~np.isnan(part) for part in scores]
    below, above = (part[rows] for part, rows in zip(scores, seen, strict=True))
    calibration = calibrate(above, below, options.precision)
    page = None
    if positive_markup is not None and negative_markup is not None and judges_pages:
        markup = [
            counts[documents.rows][rows]
            for counts, documents, rows in zip(
                (negative_markup, positive_markup), classes, seen, strict=True
            )
        ]
        positive = np.repeat([False, True], [len(below), len(above)])
        weights = fit_weights(np.concatenate([below, above]), np.concatenate(markup), positive)
        page = PageEvidence(*weights, calibration)
        below, above = page.logits(below, markup[0]), page.logits(above, markup[1])
        page = replace(page, calibration=calibrate(above, below, options.precision))
    deciding = page.calibration if page else calibration
    held_out = judge(deciding, above, below)
    examples = {
        name: Examples.of(documents.array)
        for name, documents in zip((NEGATIVE, POSITIVE), classes, strict=True)
    }
    return TrainedModel(model, calibration, held_out, recipe.name, page, options.tokens, examples)


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


@dataclass(frozen=True)
class _Documents:
    """The documents of one class, and the fold in which each is held out."""

    array: pa.Array
    folds: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    """Which of the documents given they are."""

    @classmethod
    def of(
        cls,
        documents: pa.Array,
        groups: Groups,
        name: str,
        n_folds: int,
        options: Training,
        dealt: Mapping[str, int] | None = None,
    ) -> "_Documents":
        """Check and, above `max_examples`, sample by a hash of the tokens. Groups are dealt out
        to the folds, largest first; without two of them, distinct documents are."""
        offsets, values = list_buffers(documents)
        keys = np.fromiter(
            (
                xxhash.xxh3_64_intdigest(values[start:end].tobytes(), seed=options.seed)
                for start, end in pairwise(offsets.tolist())
            ),
            np.uint64,
            len(documents),
        )
        n_distinct = len(np.unique(keys[np.diff(offsets) > 0]))
        if n_distinct < MIN_DISTINCT:
            raise TooFewExamplesError(
                f"recall: {n_distinct} distinct {name} documents; "
                f"a classifier needs at least {MIN_DISTINCT} of each class: add seeds"
            )
        names = np.asarray(groups if groups is not None else [], dtype=np.str_)
        chosen = np.arange(len(documents))
        if len(documents) > options.max_examples:
            chosen = np.sort(np.argsort(keys, kind="stable")[: options.max_examples])
            documents, keys = documents.take(pa.array(chosen)), keys[chosen]
            names = names[chosen] if groups is not None else names
        dealt = dealt or deal_groups(names.tolist(), (), n_folds)
        folds = np.array([dealt[group] for group in names.tolist()], np.int64)
        if len(np.unique(folds)) < 2:
            folds = np.unique(keys, return_inverse=True)[1] % n_folds
        return cls(documents, folds, chosen)

    def within(self, fold: int) -> pa.Array:
        """The documents held out in `fold`."""
        return self.array.filter(pa.array(self.folds == fold))

    def without(self, fold: int) -> pa.Array:
        """The documents that train the model of `fold`."""
        return self.array.filter(pa.array(self.folds != fold))


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
    cuts = np.flatnonzero(np.diff(np.cumsum(sizes) // TOKENS_AT_ONCE)) + 1
    for first, last in pairwise([0, *cuts.tolist(), len(examples)]):
        lengths = sizes[first:last]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        index = np.arange(offsets[-1]) + np.repeat(examples[first:last, 0] - offsets[:-1], lengths)
        words = pa.array(values[index]).cast(pa.string())
        texts = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), words), " ")
        marks = pa.array(prefixes[labels[first:last].astype(np.int8)])
        lines = pc.binary_join_element_wise(marks, texts, "\n", "")
        _, line_offsets, data = lines.buffers()
        yield memoryview(data)[: int(np.frombuffer(line_offsets, np.int32)[len(lines)])]
