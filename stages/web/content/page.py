"""A tree and the tables that say what its parts mean: as Python passes them, and as kernels do."""

from typing import NamedTuple

import numpy as np

from stages.kernels.arrow import Bytes
from stages.kernels.compiling import Ints, kernel, pointer, stamp
from stages.web.content.parts import Numbers, tag_flags
from stages.web.content.signs import sign_kinds
from stages.web.content.words import WordTable
from stages.web.tree.build import Tree

STAMP = stamp("stages.web.content", "stages.web.tree.elements", "stages.kernels.compiling")


class Arrays(NamedTuple):
    """A tree's arrays and the tables (see `tree.build`, `parts`, `words`, `signs`), as entries take
    them."""

    html: Bytes
    nodes: Numbers
    attributes: Numbers
    text: Bytes
    flags: Numbers
    words: WordTable
    signs: Bytes


class Page(NamedTuple):
    """The same as pointers. `kinds`: the second row of the table of flags."""

    html: Ints
    n: int
    tag: Ints
    parent: Ints
    end: Ints
    first: Ints
    last: Ints
    attributes: Ints
    text: Ints
    flags: Ints
    kinds: Ints
    words: Ints
    signs: Ints


def page_of(tree: Tree, words: WordTable) -> Arrays:
    """A tree and a table of class words as entries take them."""
    html = np.frombuffer(tree.page, np.uint8)
    return Arrays(html, tree.nodes, tree.attributes, tree.text, tag_flags(), words, sign_kinds())


@kernel
def opened(a: Arrays) -> Page:
    """A page's pointers."""
    n = a.nodes.shape[1]
    return Page(
        html=pointer(a.html, 0),
        n=n,
        tag=pointer(a.nodes, 0),
        parent=pointer(a.nodes, n),
        end=pointer(a.nodes, 2 * n),
        first=pointer(a.nodes, 3 * n),
        last=pointer(a.nodes, 4 * n),
        attributes=pointer(a.attributes, 0),
        text=pointer(a.text, 0),
        flags=pointer(a.flags, 0),
        kinds=pointer(a.flags, a.flags.shape[1]),
        words=pointer(a.words, 0),
        signs=pointer(a.signs, 0),
    )
