"""One model from the examples of both classes, by either trainer, as a table of scores.

Both read the same arrays: the same windows in the same order, the same n-grams in as many buckets.
"""

import os
from pathlib import Path

import pyarrow as pa

from stages.errors import StageError
from stages.kernels.fasttext.scoring import Collapsed, collapse
from stages.recall.classifier.fasttext_trainer import train_fasttext
from stages.recall.classifier.linear import train_linear
from stages.recall.classifier.recipe import LINEAR, NEGATIVE, POSITIVE, Recipe
from stages.recall.classifier.windows import draw_examples
from stages.recall.options import Training

MIN_BUCKETS = 1 << 12


class TooFewExamplesError(StageError):
    """Nothing can be learned from so few examples."""


def fit(
    negatives: pa.Array,
    positives: pa.Array,
    recipe: Recipe,
    options: Training,
    full: Path | None = None,
) -> Collapsed:
    """Train once, with the recipe's trainer; `full`: where fastText writes its own file."""
    for name, documents in ((NEGATIVE, negatives), (POSITIVE, positives)):
        if not len(documents.flatten()):
            raise StageError(f"recall: no {name} document with a text; add seeds")
    examples = draw_examples(negatives, positives, recipe, options.seed)
    buckets = buckets_for(examples.n_tokens, options.max_buckets)
    if recipe.trainer == LINEAR:
        return train_linear(examples, recipe, buckets)
    threads = 1 if options.mode == "reproducible" else os.cpu_count() or 1
    try:
        model = train_fasttext(examples, recipe, buckets, threads=threads)
    except (RuntimeError, ValueError) as error:
        raise TooFewExamplesError(
            f"recall: fastText could not learn from {len(examples.ranges)} examples of "
            f"{examples.n_tokens} tokens ({error}); add seeds"
        ) from error
    if full is not None:
        model.save_model(str(full))
    return collapse(model, NEGATIVE)


def buckets_for(n_tokens: int, max_buckets: int) -> int:
    """A power of two (a mask instead of a division) of at least half the tokens, if the maximum
    allows: with as few seeds, more buckets change no score visibly and cost memory and cache."""
    largest = 1 << max_buckets.bit_length() - 1
    return min(largest, max(MIN_BUCKETS, 1 << max(n_tokens // 2 - 1, 0).bit_length()))
