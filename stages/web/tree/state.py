"""The state of a build: the arrays being filled and the stack of open elements."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stages.kernels.compiling import Ints, kernel
from stages.web.tree.elements import FOREIGN_ROOT, TAGS

Numbers = npt.NDArray[np.int32]
Counters = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

MAX_DEPTH = 512
"""Open elements at most, as in browsers; deeper ones become siblings."""
MAX_NODES = 1_000_000
"""Nodes of a page; it ends with the last of them. Whatever scores and writes them takes 600 bytes
a node, and no reader has seen as many."""

(
    N_NODES, N_ATTRIBUTES, N_TEXT, DEPTH, FOREIGN, SKIP_NEWLINE, XML, MOST_ATTRIBUTES, STAMP,
    STACK,
) = range(10)  # fmt: skip
"""Places in `Build.counts`: nodes, attributes, bytes of text, open elements, open SVG and MathML
elements, whether a line end at the start of text is dropped (after `<pre>`), whether `<x/>` closes
any element, attributes that there is room for, which sources compiled the
kernel; behind them the open elements."""

TAG, PARENT, END, FIRST, LAST = range(5)
"""Rows of `build.Tree.nodes`."""
KEY, NAME, NAME_END, VALUE, VALUE_END, N_PLACES = range(6)
"""Places in a row of `Build.attributes`."""

_HEAD = TAGS["head"]


class Build(NamedTuple):
    """What kernels share, as pointers: the page of `n` bytes, the tables of names and of tags, the
    columns of the tree so far (see `build.Tree`), its attributes and text, the open elements, the
    counters."""

    html: Ints
    n: int
    elements: Ints
    keys: Ints
    references: Ints
    flags: Ints
    scope: Ints
    tag: Ints
    parent: Ints
    end: Ints
    first: Ints
    last: Ints
    attributes: Ints
    text: Ints
    stack: Ints
    counts: Ints


@kernel
def close_to(b: Build, depth: int) -> None:
    """Close all open elements from `depth` on, and those below that ended before (`end_early`)."""
    count = b.counts
    while count[DEPTH] > depth or (count[DEPTH] > 1 and b.end[b.stack[count[DEPTH] - 1]] < 0):
        count[DEPTH] -= 1
        node = b.stack[count[DEPTH]]
        end = b.end[node]
        b.end[node] = -end if end < 0 else count[N_NODES]
        if b.flags[b.tag[node]] & FOREIGN_ROOT:
            count[FOREIGN] -= 1


@kernel
def innermost(b: Build) -> int:
    """The tag of the innermost open element."""
    return b.tag[b.stack[b.counts[DEPTH] - 1]]


@kernel
def add_node(b: Build, name: int) -> int:
    """A new node below the innermost open element."""
    node = b.counts[N_NODES]
    b.counts[N_NODES] += 1
    b.tag[node] = name
    b.parent[node] = b.stack[b.counts[DEPTH] - 1]
    b.end[node] = node + 1
    return node


@kernel
def leave_head(b: Build) -> None:
    """Close the head, if it is the innermost open element."""
    if innermost(b) == _HEAD:
        close_to(b, b.counts[DEPTH] - 1)
