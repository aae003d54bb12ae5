"""Languages by content on three splits: how much of a figure is the repositories that it has seen.

    python -m benchmarks.language_splits        (needs scipy)

A plain naive Bayes (tokens, pairs of tokens, first tokens of lines; logarithms of counts; smoothing
of 0.01) and the shipped table name the same files in a language by content alone: all development
files, of which half share a repository with a training file; those that share none; and the
training files themselves, cross-validated by repository in the five folds of
`sluice language train` (the table's figures are those of its record). Printed are the share of
files that is named rightly and its mean over languages.
"""

import re
import zlib
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse as sp

from stages.kernels.arrow import utf8_buffers
from stages.kernels.languages.model import MOST_BYTES, class_of, shipped_table

DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "languages"
SMOOTHING = 0.01
N_FEATURES = 1 << 21
TOKEN = re.compile(rb"[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*|[0-9]+|[^\sA-Za-z0-9_]")

Names = npt.NDArray[np.object_]


def main() -> None:
    """Print a line for every split."""
    train, train_names, train_sources = read("train")
    dev, dev_names, dev_sources = read("dev")
    known, asked = count(train), count(dev)
    table = shipped_table()
    options, record = table.record["options"], table.record["cross_validated"]
    found = table.likelihoods(*utf8_buffers(pa.array(dev, pa.large_binary())))
    ours = np.array(table.classes, np.object_)[table.best(found)[0]]
    theirs = name(known, train_names, asked)
    is_unseen = ~np.isin(dev_sources, every_source())
    print("                              files   naive Bayes     Sluice")
    for title, chosen in (("development", is_unseen | True), ("… unseen", is_unseen)):
        tell(
            title, score(theirs[chosen], dev_names[chosen]), score(ours[chosen], dev_names[chosen])
        )
    sources = every_source()
    dealt = np.random.default_rng(options["seed"]).permutation(len(sources)) % options["folds"]
    fold_of = dealt[np.searchsorted(sources, train_sources)]
    held_out = np.empty(len(train), np.object_)
    for fold in range(options["folds"]):
        held = fold_of == fold
        held_out[held] = name(known[~held], train_names[~held], known[held])
    micro, macro, n_files = (record[key] for key in ("micro", "macro", "n_files"))
    tell("cross-validated", score(held_out, train_names), (micro, macro, n_files))


def read(stem: str) -> tuple[list[bytes], Names, Names]:
    """Contents, languages and repositories of the files that are in a language."""
    columns = ["content", "language", "source"]
    rows = pq.read_table(DATA / f"{stem}.parquet", columns=columns).to_pylist()
    rows = [row for row in rows if row["language"] is not None]
    names = [class_of(row["language"], None) for row in rows]
    return (
        [row["content"] for row in rows],
        np.array(names, np.object_),
        np.array([row["source"] for row in rows], np.object_),
    )


def every_source() -> Names:
    """The repositories of training files, those in no language included, sorted."""
    return np.unique(pq.read_table(DATA / "train.parquet", columns=["source"])["source"].to_numpy())


def count(texts: Sequence[bytes]) -> sp.csr_matrix:
    """[texts, hashed features] ln(1 + n)."""
    starts, places, values = [0], [], []
    for text in texts:
        found: Counter[int] = Counter()
        for line in text[:MOST_BYTES].splitlines():
            tokens = [b"0" if one[:1].isdigit() else one for one in TOKEN.findall(line)]
            features = [
                *tokens,
                *map(b" ".join, pairwise(tokens)),
                *(b"^" + one for one in tokens[:1]),
            ]
            found.update(zlib.crc32(feature) % N_FEATURES for feature in features)
        places += found.keys()
        values += found.values()
        starts.append(len(places))
    return sp.csr_matrix(
        (np.log1p(np.array(values, np.float64)), places, starts), (len(texts), N_FEATURES)
    )


def name(known: sp.csr_matrix, names: Names, asked: sp.csr_matrix) -> Names:
    """The likeliest class of each text, all classes alike before it is read."""
    classes, which = np.unique(names.astype(str), return_inverse=True)
    members = sp.csr_matrix((np.ones(len(which)), (which, np.arange(len(which)))))
    sums = (members @ known).tocsr()
    totals = np.asarray(sums.sum(axis=1)).ravel() + SMOOTHING * len(np.unique(known.indices))
    sums.data = np.log(sums.data / SMOOTHING + 1)
    lengths = np.asarray(asked.sum(axis=1))
    scores = (asked @ sums.T).toarray() - lengths * np.log(totals / SMOOTHING)
    return classes.astype(np.object_)[scores.argmax(axis=1)]


def score(guesses: Names, names: Names) -> tuple[float, float, int]:
    """Share that is right, its mean over languages, files."""
    right = guesses == names
    return (
        float(right.mean()),
        float(np.mean([right[names == one].mean() for one in set(names)])),
        len(names),
    )


def tell(title: str, theirs: tuple[float, float, int], ours: tuple[float, float, int]) -> None:
    """One line."""
    print(
        f"{title:28s} {ours[2]:6,d}   {theirs[0]:.3f} {theirs[1]:.3f}   {ours[0]:.3f} {ours[1]:.3f}"
    )


if __name__ == "__main__":
    main()
