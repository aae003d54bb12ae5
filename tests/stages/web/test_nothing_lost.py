"""What is chosen of a real page is written: no letter, digit or mathematical sign is lost."""

import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.extract import read_crawl
from stages.web.content.choose import choose
from stages.web.markdown.source import Source
from stages.web.markdown.write import write
from stages.web.tree.build import Tree, build

CRAWL = Path(__file__).parents[4] / "shared/data/web/crawl"
EVERY = 50

FORMULAS = {"math", "svg", "sup", "sub", "img"}
"""These become LaTeX, or other characters."""
RENDERED = ("katex", "mathjax", "mjx", "mwe-math")
"""Classes of what shows a formula that is written from its source."""
NUMBERED = {"pre", "table", "code"}
"""Here the numbers of lines are left out."""
LEFT_OUT = {"script", "style", "button", "textarea", "noscript"}


def counted(text: str, *, digits: bool) -> Counter[str]:
    kinds = "LSN" if digits else "LS"
    normal = unicodedata.normalize("NFKC", text)
    return Counter(
        one
        for one in normal
        if unicodedata.category(one)[0] in kinds
        and unicodedata.category(one) not in ("Sk", "So", "Sc")
    )


def kept_text(tree: Tree, keep: object) -> tuple[str, str]:
    """The text of the kept nodes outside of formulas: of prose, and of what may have numbers."""
    source, texts = Source(tree), {False: [""], True: [""]}
    skipped, numbered = [False] * len(tree.tag), [False] * len(tree.tag)
    for node in range(1, len(tree.tag)):
        above, name = int(tree.parent[node]), source.name(node)
        classes = " ".join(source.classes(node)).lower() if tree.tag[node] else ""
        skipped[node] = (
            skipped[above] or name in FORMULAS | LEFT_OUT or any(one in classes for one in RENDERED)
        )
        numbered[node] = numbered[above] or name in NUMBERED or "line" in classes
        if not tree.tag[node] and keep[node] and not skipped[node]:  # type: ignore[index]
            text = (
                tree.text[tree.first[node] : tree.last[node]].tobytes().decode("utf-8", "replace")
            )
            texts[numbered[node]].append(text)
    return "".join(texts[False]), "".join(texts[True])


@pytest.mark.skipif(not CRAWL.is_dir(), reason="the development crawl is not here")
def test_nothing_that_is_chosen_is_lost() -> None:
    """Compared as multisets, on every fiftieth page of the crawl."""
    n_pages = n_signs = 0
    for number, page in enumerate(read_crawl()):
        if number % EVERY:
            continue
        tree = build(page.encode("utf-8", "replace"))
        keep = choose(tree).keep
        written = write(tree, keep).text
        prose, with_numbers = kept_text(tree, keep)
        wanted = counted(prose, digits=True) + counted(with_numbers, digits=False)
        lost = wanted - counted(written, digits=True)
        assert not lost, (number, lost)
        n_pages += 1
        n_signs += wanted.total()
    assert n_pages > 50
    assert n_signs > 100_000
