"""Training and calibrating one binary classifier from token ids.

Scores are calibrated on documents that the scoring model has not seen: five cross-fitted folds for
the small recipe (then all documents train the model that is kept), one in twenty held out for the
paper's. Memory: the tokens of both classes, 4 bytes each, and what the trainer holds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from stages.contract.telling import as_part
from stages.errors import ConfigError
from stages.kernels.elementary import Float64
from stages.kernels.fasttext.scoring import Collapsed, list_buffers
from stages.recall.classifier.calibrate import calibrate, judge
from stages.recall.classifier.certainty import number_groups
from stages.recall.classifier.evidence import Markup, PageEvidence, fit_weights
from stages.recall.classifier.fit import TooFewExamplesError, fit
from stages.recall.classifier.folds import deal_groups
from stages.recall.classifier.model import Examples, TrainedModel
from stages.recall.classifier.recipe import (
    FASTTEXT,
    LINEAR,
    NEGATIVE,
    POSITIVE,
    Recipe,
    resolve_recipe,
)
from stages.recall.options import Training

Groups = Sequence[str] | None
"""The domain of each document, or None: what is held out together."""

MIN_DISTINCT = 4
"""Distinct examples a class needs."""


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
    the model also judges whole pages, unless options or recipe say otherwise. `full`: where
    fastText, which then is the trainer, writes its own file of the model, beside the collapsed one.
    The result depends on the documents and their order, the options and, if it trains, fastText's
    version alone."""
    if full is not None and options.trainer == LINEAR:
        raise ConfigError('fastText\'s own file is written by `trainer = "fasttext"` alone')
    trainer = options.trainer if full is None else FASTTEXT
    recipe = resolve_recipe(options.recipe, len(positives), trainer)
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
    model, scores = _cross_fitted(classes[0], classes[1], recipe, options, full)
    seen = [~np.isnan(part) for part in scores]
    below, above = (part[rows] for part, rows in zip(scores, seen, strict=True))
    numbered = number_groups((negative_groups, positive_groups), (len(negatives), len(positives)))
    low, high = (
        numbers[documents.rows][rows]
        for numbers, documents, rows in zip(numbered, classes, seen, strict=True)
    )
    domains = high, low
    calibration = calibrate(above, below, options.precision, domains)
    page = None
    judges_pages = recipe.pages if options.evidence == "auto" else options.evidence == "page"
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
        page = replace(page, calibration=calibrate(above, below, options.precision, domains))
    deciding = page.calibration if page else calibration
    held_out = judge(deciding, above, below, domains)
    examples = {
        name: Examples.of(documents.array)
        for name, documents in zip((NEGATIVE, POSITIVE), classes, strict=True)
    }
    return TrainedModel(
        model,
        calibration,
        held_out,
        recipe.name,
        page,
        options.tokens,
        examples,
        recipe.trainer,
    )


def _cross_fitted(
    negatives: "_Documents",
    positives: "_Documents",
    recipe: Recipe,
    options: Training,
    full: Path | None,
) -> tuple[Collapsed, list[Float64]]:
    """The model that is kept, and the score that a model which has not seen it gives to each
    document of both classes; NaN where every model has."""
    classes = (negatives, positives)
    scores = [np.full(len(documents.array), np.nan) for documents in classes]
    for fold in range(recipe.folds if recipe.refit else 1):
        kept = None if recipe.refit else full
        with as_part(f"model {fold + 1} of {recipe.n_models}"):
            model = fit(negatives.without(fold), positives.without(fold), recipe, options, kept)
        for part, documents in zip(scores, classes, strict=True):
            part[documents.folds == fold] = model.logits(documents.within(fold))[:, 0]
    if recipe.refit:
        with as_part(f"model {recipe.n_models} of {recipe.n_models}"):
            model = fit(negatives.array, positives.array, recipe, options, full)
    return model, scores


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
        # One fold alone (one group, or none given) would leave nothing to train on: then by
        # content, twins together.
        if len(np.unique(folds)) < 2:
            folds = np.unique(keys, return_inverse=True)[1] % n_folds
        return cls(documents, folds, chosen)

    def within(self, fold: int) -> pa.Array:
        """The documents held out in `fold`."""
        return self.array.filter(pa.array(self.folds == fold))

    def without(self, fold: int) -> pa.Array:
        """The documents that train the model of `fold`."""
        return self.array.filter(pa.array(self.folds != fold))
