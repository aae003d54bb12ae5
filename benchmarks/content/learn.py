"""The table of class words and the two forests, and what they reach.

Figures are cross-validated over registered domains in five folds. A page's class words are weighed
by a table from the other folds; the second forest learns from what first forests of other folds
said. LightGBM, one thread, a fixed seed: the same pages give the same table.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import lightgbm
import numpy as np
import numpy.typing as npt

from benchmarks.content.labels import Labelled, Rows, describe_page, under_words
from benchmarks.content.pages import N_FOLDS
from benchmarks.content.tokens import word_f1
from stages.web.content.choose import keep_blocks
from stages.web.content.context import context
from stages.web.content.describe import N_ALL, N_FEATURES
from stages.web.content.forest import N_QUESTIONS, TREE_DEPTH, Forest
from stages.web.content.words import word_table

Scores = npt.NDArray[np.float64]

N_TREES = 60
PARAMETERS = {
    "objective": "cross_entropy", "learning_rate": 0.08, "num_leaves": 10, "max_depth": TREE_DEPTH,
    "min_data_in_leaf": 300, "min_sum_hessian_in_leaf": 20.0, "lambda_l2": 5.0,
    "feature_fraction": 0.5, "bagging_fraction": 0.7, "bagging_freq": 1, "max_bin": 63,
    "verbose": -1, "num_threads": 1, "seed": 1, "deterministic": True, "force_row_wise": True,
}  # fmt: skip
MIN_DOMAINS = 12
"""A class word is learned if it was seen on so many domains …"""
PRIOR_DOMAINS = 4.0
"""… and is drawn towards nothing by so many that say nothing."""
WHOLE_PAGE = 0.9
"""Elements around more of a page's words than this say nothing of what is content in it."""
LEAST_WEIGHT = 8
GOLD_WEIGHT = 2.0
"""Pages with code, mathematics and other scripts are few in the training set and many in use."""


@dataclass(frozen=True)
class Learned:
    """The tables, and the cross-validated F1 of every page."""

    words: dict[str, int]
    first: Forest
    second: Forest
    scores: list[float]


def learn(pages: Sequence[Labelled]) -> Learned:
    """Everything that is shipped, and what it reaches on pages of other domains."""
    rows, crossed = cross_validated(pages)
    scores = [page_f1(page, said) for page, said in zip(rows, crossed, strict=True)]
    first, second = (to_forest(fit(rows, n_columns)) for n_columns in (N_FEATURES, N_ALL))
    return Learned(learn_words(pages), first, second, scores)


def cross_validated(
    pages: Sequence[Labelled], asked: Sequence[Labelled] = ()
) -> tuple[list[Rows], list[Scores]]:
    """The rows of all pages and what tables from other domains say of them; those of `asked` teach
    nothing."""
    tables = [
        word_table(learn_words(page for page in pages if page.page.fold != fold))
        for fold in range(N_FOLDS)
    ]
    rows = [describe_page(page, tables[page.page.fold]) for page in (*pages, *asked)]
    for page, said in zip(rows, out_of_fold(rows, len(pages), N_FEATURES), strict=True):
        add_context(page, said)
    return rows, out_of_fold(rows, len(pages), N_ALL)


def learn_words(pages: Iterable[Labelled]) -> dict[str, int]:
    """The weight of every class word: how much larger the gold's share of the text below it is
    than of the page's, as a mean over domains, 127 for one."""
    told: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for page in pages:
        average, shares = under_words(page)
        for word, (share, size) in shares.items():
            if size <= WHOLE_PAGE and average >= 0.02:
                told[word][page.page.domain].append(share - average)
    weights = {}
    for word, domains in told.items():
        if len(domains) >= MIN_DOMAINS:
            total = sum(float(np.mean(values)) for values in domains.values())
            weights[word] = round(127 * total / (len(domains) + PRIOR_DOMAINS))
    return {word: weight for word, weight in weights.items() if abs(weight) >= LEAST_WEIGHT}


def fit(pages: Sequence[Rows], n_columns: int) -> lightgbm.Booster:
    """A forest over the first `n_columns` of the rows. Every page weighs about the same, and its
    blocks by their words, as the measure is a mean over pages of an F1 of words."""
    rows, shares, weights = [], [], []
    for page in pages:
        n_words = page.n_words
        used = n_words > 0
        whole = max(len(page.page.gold), 0.3 * n_words.sum(), 50.0)
        factor = GOLD_WEIGHT if page.page.source == "gold" else 1.0
        rows.append(page.features[used, :n_columns])
        shares.append(np.clip(page.share[used], 0, 1))
        weights.append(300 * factor * n_words[used] / whole)
    data = lightgbm.Dataset(
        np.concatenate(rows), np.concatenate(shares), weight=np.concatenate(weights)
    )
    return lightgbm.train(PARAMETERS, data, N_TREES)


def predict(model: lightgbm.Booster, page: Rows, n_columns: int) -> Scores:
    """The probability of every block of a page."""
    if not len(page.features):
        return np.zeros(0)
    return np.asarray(model.predict(page.features[:, :n_columns], num_threads=1))


def add_context(page: Rows, said: Scores) -> None:
    """Fills the columns of the second forest."""
    context(
        page.features, said.astype(np.float32), page.scan.blocks, page.tree_end, page.larger,
        page.groups,
    )  # fmt: skip


def out_of_fold(pages: Sequence[Rows], n_taught: int, n_columns: int) -> list[Scores]:
    """What forests that have not seen a page's domain say of its blocks. The first `n_taught` pages
    teach them."""
    taught = pages[:n_taught]
    said: list[Scores] = [np.zeros(0)] * len(pages)
    for fold in range(N_FOLDS):
        model = fit([page for page in taught if page.page.fold != fold], n_columns)
        for place, page in enumerate(pages):
            if page.page.fold == fold:
                said[place] = predict(model, page, n_columns)
    return said


def page_f1(page: Rows, probability: Scores) -> float:
    """Word F1 of the blocks that the probabilities keep."""
    kept, _ = keep_blocks(page.scan.blocks, probability.astype(np.float32))
    found = (words for words, keep in zip(page.words, kept, strict=True) if keep)
    return word_f1(chain.from_iterable(found), page.page.gold)


def to_forest(model: lightgbm.Booster) -> Forest:
    """The trees of a model as perfect trees: below a leaf, every way leads to its answer."""
    trees = model.dump_model()["tree_info"]
    feature = np.zeros((len(trees), N_QUESTIONS), np.uint8)
    threshold = np.zeros((len(trees), N_QUESTIONS), np.float32)
    answer = np.zeros((len(trees), N_QUESTIONS + 1), np.float32)
    for number, tree in enumerate(trees):
        open_places = [(0, tree["tree_structure"])]
        while open_places:
            place, node = open_places.pop()
            if place >= N_QUESTIONS:
                answer[number, place - N_QUESTIONS] = node["leaf_value"]
                continue
            left = right = node
            if "split_feature" in node:
                feature[number, place] = node["split_feature"]
                threshold[number, place] = _at_most(node["threshold"])
                left, right = node["left_child"], node["right_child"]
            open_places += [(2 * place + 1, left), (2 * place + 2, right)]
    return Forest(feature, threshold, answer)


def _at_most(value: float) -> np.float32:
    """The largest float32 that is not above `value`, so that rows fall to the same side."""
    nearest = np.float32(value)
    return nearest if float(nearest) <= value else np.nextafter(nearest, np.float32(-np.inf))
