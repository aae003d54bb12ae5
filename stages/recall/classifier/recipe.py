"""Hyper-parameters of a classifier, by how many examples there are.

The paper's (DeepSeekMath, arXiv 2402.03300 section 2.1), for half a million whole documents; and
one for a few hundred seeds, where the paper's three epochs at 0.1 do not leave the starting point:
there documents are cut into windows of 300 tokens, classes are balanced by repetition, five epochs
at 0.5, and if fastText trains dimension 64 (16 to 256 agree to 0.005 in F1; 16 fails on a hundred
short texts). Sluice's own trainer takes the small recipe, fastText the paper's.
"""

from dataclasses import dataclass, replace

POSITIVE, NEGATIVE = "positive", "negative"
"""The two classes."""
LINEAR, FASTTEXT = "linear", "fasttext"
"""The two trainers."""
SMALL_BELOW = 50_000
"""Positives below which recipe `auto` is `small`."""


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters of one training."""

    name: str
    trainer: str
    dimension: int
    """Of fastText."""
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

    @property
    def n_models(self) -> int:
        """How often is trained: one a fold, and the one that is kept."""
        return self.folds + 1 if self.refit else 1


PAPER = Recipe(
    name="paper",
    trainer=FASTTEXT,
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
    trainer=LINEAR,
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


def resolve_recipe(name: str, n_positives: int, trainer: str = "auto") -> Recipe:
    """The recipe `auto` stands for, or the named one; with another trainer, if one is named."""
    if name == "auto":
        recipe = SMALL if n_positives < SMALL_BELOW else PAPER
    else:
        recipe = {"small": SMALL, "paper": PAPER}[name]
    return recipe if trainer == "auto" else replace(recipe, trainer=trainer)
