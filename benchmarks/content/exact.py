"""Formulas and code to the letter, beside text, of pages whose domain nothing was learned from.

    python -m benchmarks.content.exact [DATA]

What is written of the own gold's pages, once with the tables that are shipped and once with tables
learned from the pages of other registered domains (five folds, as in `learn`). Pages of the gold
without a text of their own taught nothing, and are asked all the same. Needs LightGBM.
"""

import sys
from pathlib import Path

import numpy as np

from benchmarks.content.labels import label
from benchmarks.content.learn import cross_validated
from benchmarks.content.pages import GoldPage, read_pages, registered_domain
from benchmarks.extract import read_gold, score
from stages.web.content.choose import keep_nodes
from stages.web.extract import extract, written_page


def main() -> None:
    """Print both, side by side."""
    data = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data")
    taught = [label(page) for page in read_pages(data)]
    gold = read_gold()
    asked = [label(_page(row["url"], row["origin"], row["html"])) for row in gold]
    rows, said = cross_validated(taught, asked)
    crossed = [
        written_page(page.tree, keep_nodes(page.tree, row.scan, likely.astype(np.float32))).text
        for page, row, likely in zip(asked, rows[len(taught) :], said[len(taught) :], strict=True)
    ]
    own = [extract(row["html"]).text for row in gold]
    print("| | formulas kept | code verbatim | text F1 |\n|---|--:|--:|--:|")
    for name, texts in (("shipped tables", own), ("cross-validated", crossed)):
        formulas, code, f1 = score(gold, texts, False)
        print(f"| {name} | {formulas:.4f} | {code:.4f} | {f1:.4f} |")


def _page(url: str, origin: str, html: str) -> GoldPage:
    return GoldPage("gold", origin, registered_domain(url), html.encode("utf-8", "replace"), ())


if __name__ == "__main__":
    main()
