"""No letter, digit or mathematical sign of a real page is lost between its bytes and its text."""

import unicodedata
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from selectolax.lexbor import LexborHTMLParser

from benchmarks.extract import read_crawl
from stages.web.content.choose import choose
from stages.web.markdown.source import Source
from stages.web.markdown.write import write
from stages.web.tree.build import Tree, build
from stages.web.tree.elements import TAGS

CRAWL = Path(__file__).parents[4] / "shared/data/web/crawl"

FORMULAS = {"math", "svg", "sup", "sub", "img"}
"""These become LaTeX, or other characters."""
RENDERED = ("katex", "mathjax", "mjx", "mwe-math")
"""Classes of what shows a formula that is written from its source."""
NUMBERED = {"pre", "table", "code"}
"""Here the numbers of lines are left out."""
LEFT_OUT = {"script", "style", "button", "textarea", "noscript"}
TO_THE_SOURCE = {"Source", "[source]", "[src]"}
"""The whole text of links that are left out."""


def counted(text: str, *, digits: bool) -> Counter[str]:
    kinds = "LSN" if digits else "LS"
    found: Counter[str] = Counter()
    for character, n in Counter(text).items():
        for one in unicodedata.normalize("NFKC", character):
            category = unicodedata.category(one)
            if category[0] in kinds and category not in ("Sk", "So", "Sc"):
                found[one] += n
    return found


def kept_text(tree: Tree, keep: object) -> tuple[str, str]:
    """The text of the kept nodes outside of formulas: of prose, and of what may have numbers."""
    source, texts = Source(tree), {False: [""], True: [""]}
    skipped, numbered = [False] * len(tree.tag), [False] * len(tree.tag)
    for node in range(1, len(tree.tag)):
        above, name = int(tree.parent[node]), source.name(node)
        classes = " ".join(source.classes(node)).lower() if tree.tag[node] else ""
        skipped[node] = (
            skipped[above]
            or name in FORMULAS | LEFT_OUT
            or any(one in classes for one in RENDERED)
            or (name == "a" and source.text(node).strip() in TO_THE_SOURCE)
        )
        numbered[node] = numbered[above] or name in NUMBERED or "line" in classes
        if not tree.tag[node] and keep[node] and not skipped[node]:  # type: ignore[index]
            text = (
                tree.text[tree.first[node] : tree.last[node]].tobytes().decode("utf-8", "replace")
            )
            texts[numbered[node]].append(text)
    return "".join(texts[False]), "".join(texts[True])


def shown_text(tree: Tree) -> str:
    """The page's text without that of templates, which a browser keeps apart."""
    parts, position = [], 0
    for node in np.flatnonzero(tree.tag == TAGS["template"]).tolist():
        inside = np.flatnonzero(tree.tag[node : tree.end[node]] == 0) + node
        if inside.size and tree.first[inside[0]] >= position:
            parts.append(tree.text[position : tree.first[inside[0]]])
            position = int(tree.last[inside[-1]])
    return np.concatenate([*parts, tree.text[position:]]).tobytes().decode("utf-8", "replace")


@pytest.mark.skipif(not CRAWL.is_dir(), reason="the development crawl is not here")
@pytest.mark.parametrize(
    ("first", "last", "step"), [(0, 1_000, 5), pytest.param(1, 6_000, 6, marks=pytest.mark.slow)]
)
def test_nothing_of_real_pages_is_lost(first: int, last: int, step: int) -> None:
    """The tree has the text that lexbor's has, and what is chosen of it is written: compared as
    multisets, on 200 and on 1,000 pages of the crawl."""
    n_pages = n_signs = 0
    for page in islice(read_crawl(), first, last, step):
        data = page.encode("utf-8", "replace")
        tree = build(data)
        if not page.startswith("%PDF"):
            root = LexborHTMLParser(data).root
            text = (root.text(deep=True) if root else "").replace("\x00", "")
            assert shown_text(tree).split() == text.split(), n_pages
        keep = choose(tree).keep
        written = write(tree, keep).text
        prose, with_numbers = kept_text(tree, keep)
        wanted = counted(prose, digits=True) + counted(with_numbers, digits=False)
        lost = wanted - counted(written, digits=True)
        assert not lost, (n_pages, lost)
        n_pages += 1
        n_signs += wanted.total()
    assert n_pages > (last - first) // step - 100
    assert n_signs > 800 * n_pages
