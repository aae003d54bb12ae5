"""A page with what the gold says of its text nodes, and of its blocks."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.content.align import covered, left_over
from benchmarks.content.pages import GoldPage
from benchmarks.content.tokens import tokens
from stages.web.content.choose import find_blocks
from stages.web.content.describe import describe
from stages.web.content.page import page_of
from stages.web.content.scan import Scan, scan
from stages.web.content.words import WordTable, next_word, word_table
from stages.web.tree.build import Tree, build
from stages.web.tree.elements import KEYS

Counts = npt.NDArray[np.float64]

_NAMED = tuple(KEYS[name] for name in ("class", "id", "role", "itemprop", "itemtype"))


@dataclass
class Labelled:
    """A page, its tree, the words of its text nodes, and how many of them the gold has."""

    page: GoldPage
    tree: Tree
    words: dict[int, list[str]]
    hits: dict[int, int]


@dataclass
class Rows:
    """A page's blocks: rows for the forests, what these are made from, words, the gold's share."""

    page: GoldPage
    scan: Scan
    tree_end: npt.NDArray[np.int32]
    features: npt.NDArray[np.float32]
    larger: npt.NDArray[np.int32]
    groups: npt.NDArray[np.int32]
    words: list[list[str]]
    share: Counts

    @property
    def n_words(self) -> Counts:
        """Words of every block."""
        return np.array([len(words) for words in self.words], np.float64)


def label(page: GoldPage) -> Labelled:
    """Visible text has the first claim on the gold's words, hidden text the next."""
    tree = build(page.html)
    nothing = word_table({})
    visible = scan(page_of(tree, nothing), False).block >= 0
    all_nodes = scan(page_of(tree, nothing), True).block >= 0
    text = tree.text.tobytes()
    words = {
        int(node): found
        for node in np.flatnonzero(all_nodes & (tree.tag == 0))
        if (found := tokens(text[tree.first[node] : tree.last[node]].decode("utf-8", "replace")))
    }
    hits = dict.fromkeys(words, 0)
    wanted = list(page.gold)
    for shown in (True, False):
        nodes = [node for node in words if visible[node] == shown]
        flat = [word for node in nodes for word in words[node]]
        found = covered(flat, wanted)
        owners = np.repeat(nodes, [len(words[node]) for node in nodes]) if nodes else []
        for node, hit in zip(owners, found, strict=True):
            hits[int(node)] += int(hit)
        wanted = left_over(wanted, [word for word, hit in zip(flat, found, strict=True) if hit])
        if len(wanted) < 0.15 * len(page.gold):
            break
    return Labelled(page, tree, words, hits)


def describe_page(labelled: Labelled, table: WordTable) -> Rows:
    """The blocks of a page, with a table of class words."""
    page = page_of(labelled.tree, table)
    found = find_blocks(page)
    features, larger, groups = describe(page, found)
    words: list[list[str]] = [[] for _ in found.blocks]
    hits = np.zeros(len(words))
    for node, own in labelled.words.items():
        block = found.block[node]
        if block >= 0:
            words[block] += own
            hits[block] += labelled.hits[node]
    share = hits / np.maximum(1, [len(own) for own in words]) if words else hits
    return Rows(labelled.page, found, labelled.tree.end, features, larger, groups, words, share)


def under_words(labelled: Labelled) -> tuple[float, dict[str, tuple[float, float]]]:
    """The gold's share of the page's words; for every class word, the gold's share of the words
    below elements that have it, and their share of the page's words."""
    tree = labelled.tree
    totals = np.zeros((2, len(tree.tag) + 1))
    for node, own in labelled.words.items():
        totals[:, node + 1] = len(own), labelled.hits[node]
    totals = np.cumsum(totals, axis=1)
    n_words, n_hits = totals[:, -1]
    below: dict[str, Counts] = {}
    ends: dict[str, int] = {}
    for node, word in _class_words(tree):
        if node < ends.get(word, 0):
            continue
        ends[word] = int(tree.end[node])
        sums = totals[:, ends[word]] - totals[:, node]
        below[word] = below.get(word, np.zeros(2)) + sums
    shares = {
        word: (float(hits / count), float(count / n_words))
        for word, (count, hits) in below.items()
        if count
    }
    return float(n_hits / max(n_words, 1)), shares


def _class_words(tree: Tree) -> Iterator[tuple[int, str]]:
    html = np.frombuffer(tree.page, np.uint8)
    for node in np.flatnonzero(tree.tag > 0):
        for slot in range(tree.first[node], tree.last[node]):
            key, _, _, position, stop = (int(number) for number in tree.attributes[slot])
            while key in _NAMED:
                begin, position = next_word.py_func(html, position, stop)
                if begin == position:
                    break
                yield int(node), tree.page[begin:position].decode().lower()
