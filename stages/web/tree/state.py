"""The state of a build: the arrays being filled and the stack of open elements."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.kernels.arrow import Bytes
from stages.web.tree.characters import ReferenceTable
from stages.web.tree.elements import TAGS, NameTables

Numbers = npt.NDArray[np.int32]
Counters = npt.NDArray[np.int64]

MAX_DEPTH = 512
"""Open elements at most, as in browsers; deeper ones become siblings."""

N_NODES, N_ATTRIBUTES, N_TEXT, DEPTH, FOREIGN, SKIP_NEWLINE = range(6)
"""Places in `Build.count`: nodes, attributes, bytes of text, open elements, open SVG and MathML
elements, whether a line end at the start of text is dropped (after `<pre>`)."""

TAG, PARENT, END, FIRST, LAST = range(5)
"""Columns of `Build.nodes`; see `build.Tree`."""
KEY, NAME, NAME_END, VALUE, VALUE_END = range(5)
"""Columns of `Build.attributes`."""

HEAD_TAG, SVG, MATH = TAGS["head"], TAGS["svg"], TAGS["math"]


class Build(NamedTuple):
    """What kernels share: the page, the tables of names, the tree so far (int32[n, 5] both) and its
    text, the open elements, the counters. Few arrays, as each costs a call its reference count."""

    html: Bytes
    names: NameTables
    references: ReferenceTable
    flags: Numbers
    nodes: Numbers
    attributes: Numbers
    text: Bytes
    stack: Numbers
    count: Counters


# Close all open elements from `depth` on, and those below that ended before (`end_early`).
@njit(cache=True, nogil=True)
def close_to(b: Build, depth: int) -> None:
    while b.count[DEPTH] > depth or (
        b.count[DEPTH] > 1 and b.nodes[b.stack[b.count[DEPTH] - 1], END] < 0
    ):
        b.count[DEPTH] -= 1
        node = b.stack[b.count[DEPTH]]
        b.nodes[node, END] = -b.nodes[node, END] if b.nodes[node, END] < 0 else b.count[N_NODES]
        if b.nodes[node, TAG] == SVG or b.nodes[node, TAG] == MATH:
            b.count[FOREIGN] -= 1


# A new node below the innermost open element.
@njit(cache=True, nogil=True)
def add_node(b: Build, name: int) -> int:
    node = b.count[N_NODES]
    b.count[N_NODES] += 1
    b.nodes[node, TAG] = name
    b.nodes[node, PARENT] = b.stack[b.count[DEPTH] - 1]
    b.nodes[node, END] = node + 1
    return node


# Whether the innermost open element is the head and `name` does not belong there.
@njit(cache=True, nogil=True)
def leave_head(b: Build) -> None:
    if b.count[DEPTH] > 0 and b.nodes[b.stack[b.count[DEPTH] - 1], TAG] == HEAD_TAG:
        close_to(b, b.count[DEPTH] - 1)
