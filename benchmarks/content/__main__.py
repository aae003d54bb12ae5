"""`python -m benchmarks.content [DATA] [--seeds DIR] [--pages N]`: learns and writes the tables.

Prints word F1 by kind of page, cross-validated over registered domains, beside that of the tables
on the very pages they were learned from. Needs LightGBM (`pip install sluice[content]`).
"""

import argparse
import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import lightgbm
import numpy as np

from benchmarks.content.labels import Labelled, label
from benchmarks.content.learn import N_TREES, PARAMETERS, Learned, learn
from benchmarks.content.pages import N_FOLDS, GoldPage, read_pages
from benchmarks.content.tokens import word_f1
from stages.web.content.choose import choose_with
from stages.web.content.words import word_table

WORDS, FORESTS = "content_words.tsv", "content_forest.npz"


def main() -> None:
    """Reads the pages, learns, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="?", type=Path, default=Path("../shared/data"))
    parser.add_argument(
        "--seeds", type=Path, default=Path("seeds"), help="where tables are written"
    )
    parser.add_argument("--pages", type=int, help="learn from so many pages only")
    options = parser.parse_args()
    labelled = [label(page) for page in read_pages(options.data, options.pages)]
    learned = learn(labelled)
    pages = [page.page for page in labelled]
    figures = by_kind(pages, learned.scores, [shipped_f1(page, learned) for page in labelled])
    for name, (n_pages, crossed, own) in figures.items():
        print(f"{name:50s} {n_pages:5d} {crossed:.4f} {own:.4f}")
    write(options.seeds, pages, learned, figures)


def shipped_f1(page: Labelled, learned: Learned) -> float:
    """Word F1 of what `choose` keeps with the learned tables."""
    chosen = choose_with(page.tree, word_table(learned.words), learned.first, learned.second)
    found = (word for node, words in page.words.items() if chosen.keep[node] for word in words)
    return word_f1(found, page.page.gold)


Figures = dict[str, tuple[int, float, float]]


def by_kind(pages: Sequence[GoldPage], crossed: list[float], own: list[float]) -> Figures:
    """Pages and mean F1, cross-validated and not, of every source and kind."""
    groups: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for page, *scores in zip(pages, crossed, own, strict=True):
        for name in (page.source, f"{page.source}: {page.kind}"):
            groups[name].append((scores[0], scores[1]))
    return {
        name: (len(found), *(round(float(mean), 4) for mean in np.mean(found, axis=0)))  # type: ignore[misc]
        for name, found in sorted(groups.items())
    }


def write(seeds: Path, pages: Sequence[GoldPage], learned: Learned, figures: Figures) -> None:
    """The two tables, with the record of what they were learned from."""
    digest = hashlib.sha256()
    for page in pages:
        digest.update(hashlib.sha256(page.html).digest())
        digest.update(hashlib.sha256("\0".join(page.gold).encode()).digest())
    record = {
        "command": "python -m benchmarks.content",
        "pages": len(pages),
        "domains": len({page.domain for page in pages}),
        "pages_sha256": digest.hexdigest(),
        "lightgbm": lightgbm.__version__,
        "parameters": PARAMETERS,
        "trees": N_TREES,
        "folds": N_FOLDS,
        "word_f1": {
            name: {"pages": n_pages, "cross_validated": crossed, "development": own}
            for name, (n_pages, crossed, own) in figures.items()
        },
    }  # fmt: skip
    arrays = {
        f"{name}_{place}": array
        for place, forest in ((1, learned.first), (2, learned.second))
        for name, array in forest._asdict().items()
    }
    text = np.frombuffer(json.dumps(record, indent=1).encode(), np.uint8)
    np.savez_compressed(seeds / FORESTS, record=text, **arrays)
    lines = [
        "# Words of class, id, role, itemprop and itemtype values and how much likelier than a",
        "# page's other text that below them is content, 127 for certain.",
        "# Written by `python -m benchmarks.content`; content_forest.npz has the record.",
        *(f"{word}\t{weight}" for word, weight in sorted(learned.words.items())),
    ]
    (seeds / WORDS).write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
