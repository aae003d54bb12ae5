"""What is kept together: the cells of a row, the rows of a table, headings, terms and descriptions.

A cell says little by itself, so its score is a guess; and where one of a row is left out, those
behind it would stand in the columns of others. A table of which most rows are kept is kept whole,
its header with it. The name of a function has no words, and what is said of it is nothing without.
A heading between what is kept is that text's. A few passes over the nodes of each table.
"""

from typing import NamedTuple

from stages.kernels.compiling import Ints, kernel
from stages.web.tree.elements import MAX_CELL_BYTES, TAGS

_TABLE, _TR, _TD, _TH = (TAGS[name] for name in ("table", "tr", "td", "th"))
_UL, _OL, _PRE, _QUOTE = (TAGS[name] for name in ("ul", "ol", "pre", "blockquote"))
_DT, _DD = TAGS["dt"], TAGS["dd"]
_H1, _H6 = TAGS["h1"], TAGS["h6"]

MIN_DESCRIPTION_BYTES = 60
"""Less text brings no term and no heading with it."""
MAX_DESCRIPTION_NODES = 1000
MAX_HEADED_NODES = 40
"""Looked at for so much text."""
MAX_HEADING_NODES = 100
"""One with more holds what follows it, as it was not closed."""


class Nodes(NamedTuple):
    """A tree's columns as pointers (see `tree.build`)."""

    n: int
    tag: Ints
    end: Ints
    first: Ints
    last: Ints


@kernel
def keep_together(p: Nodes, block: Ints, kept: Ints) -> None:
    """Keeps rows of tables of data whole, most rows with all others, terms with their descriptions,
    headings with their text. `block`: the number of every node's, or -1; `kept`: of blocks."""
    is_between = False  # behind what is kept, headings that are not aside
    behind_heading = 0
    for node in range(p.n):
        kind = p.tag[node]
        if kind == _DT:
            _keep_term(p, node, block, kept)
        elif _H1 <= kind <= _H6 and p.end[node] - node < MAX_HEADING_NODES:
            before = node - 1
            while before >= behind_heading and before > node - MAX_HEADED_NODES:
                if block[before] >= 0:
                    is_between = kept[block[before]] != 0
                    break
                before -= 1
            behind_heading = p.end[node]
            if _keep_if_any(node, behind_heading, block, kept):
                is_between = True
            elif is_between:
                _keep_heading(p, node, block, kept)
        elif kind == _TABLE and _holds_data(p, node):
            n_rows, n_kept = _each_row(p, node, block, kept, False)
            if n_kept < n_rows < 2 * n_kept:
                _each_row(p, node, block, kept, True)


@kernel
def _each_row(p: Nodes, table: int, block: Ints, kept: Ints, keep_all: bool) -> tuple[int, int]:
    """Keep the rows of which anything is kept, or all. How many there are, and were kept."""
    n_rows = n_kept = 0
    row = table + 1
    while row < p.end[table]:
        if p.tag[row] != _TR:
            row += 1
            continue
        n_rows += 1
        if keep_all:
            _keep_all(row, p.end[row], block, kept)
        n_kept += _keep_if_any(row, p.end[row], block, kept)
        row = p.end[row]
    return n_rows, n_kept


@kernel
def _keep_heading(p: Nodes, heading: int, block: Ints, kept: Ints) -> None:
    """Keep a heading before text of some length that is kept, with or without headings between."""
    n_bytes = 0
    i = p.end[heading]
    stop = min(p.n, i + MAX_HEADED_NODES)
    while i < stop:
        is_heading = _H1 <= p.tag[i] <= _H6 and p.end[i] - i < MAX_HEADING_NODES
        if is_heading and not _keep_if_any(i, p.end[i], block, kept):
            i = p.end[i]
            continue
        if block[i] >= 0:
            if not kept[block[i]]:
                return
            if p.tag[i] == 0:
                n_bytes += p.last[i] - p.first[i]
            if n_bytes >= MIN_DESCRIPTION_BYTES:
                _keep_all(heading, p.end[heading], block, kept)
                return
        i += 1


@kernel
def _keep_term(p: Nodes, term: int, block: Ints, kept: Ints) -> None:
    """Keep a term of which a description of some length is kept, and this whole if most of it is.
    (What is short is often a fact beside the content: when somebody joined, and where.)"""
    behind = p.end[term]
    while behind < p.n and p.tag[behind] == 0:
        behind += 1
    if behind == p.n or p.tag[behind] != _DD:
        return
    stop = min(p.end[behind], behind + MAX_DESCRIPTION_NODES)
    n_bytes = n_others = 0
    for i in range(behind, stop):
        if p.tag[i] == 0 and block[i] >= 0:
            if kept[block[i]]:
                n_bytes += p.last[i] - p.first[i]
            else:
                n_others += p.last[i] - p.first[i]
    if n_bytes >= MIN_DESCRIPTION_BYTES:
        _keep_all(term, p.end[term], block, kept)
        if n_bytes > n_others:
            _keep_all(behind, stop, block, kept)


@kernel
def _holds_data(p: Nodes, table: int) -> bool:
    """Whether a table has rows and columns, and nothing in its cells that layout puts there."""
    n_rows = n_cells = widest = n_bytes = 0
    for i in range(table + 1, p.end[table]):
        kind = p.tag[i]
        if kind == 0:
            n_bytes += p.last[i] - p.first[i]
            if n_bytes > MAX_CELL_BYTES:
                return False
        elif kind == _TR:
            n_rows += 1
            n_cells = 0
        elif kind == _TD or kind == _TH:
            n_cells += 1
            widest = max(widest, n_cells)
            n_bytes = 0
        elif (
            kind == _TABLE
            or kind == _UL
            or kind == _OL
            or kind == _PRE
            or kind == _QUOTE
            or _H1 <= kind <= _H6
        ):
            return False
    return n_rows > 1 and widest > 1


@kernel
def _keep_if_any(start: int, stop: int, block: Ints, kept: Ints) -> bool:
    """Keep all of the nodes if one is kept; whether one is."""
    for i in range(start, stop):
        if block[i] >= 0 and kept[block[i]]:
            _keep_all(start, stop, block, kept)
            return True
    return False


@kernel
def _keep_all(start: int, stop: int, block: Ints, kept: Ints) -> None:
    for i in range(start, stop):
        if block[i] >= 0:
            kept[block[i]] = True
