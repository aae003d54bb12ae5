"""The role of every node, in one pass over the tree.

What depends on a node alone is read off its tag, its classes and its style. What depends on what is
inside is gathered on the way: inline code with line breaks, tables for layout, elements whose whole
text is a number.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from stages.kernels.arrow import Bytes
from stages.kernels.compiling import entry, int64, kernel, pointer
from stages.web.markdown.attributes import with_attributes
from stages.web.markdown.numbering import Marking, number_item, number_list
from stages.web.markdown.paper import ROLE, STAMP
from stages.web.markdown.roles import (
    ANCHOR,
    BLOCK_CLASS,
    BLOCK_STYLE,
    CODE,
    CODE_ROOT,
    CODE_TABLE,
    FORMULA,
    GUTTER,
    HAS_PRE,
    INLINE,
    INLINE_CODE,
    KEEP_LINES,
    KIND,
    LAYOUT,
    LINE,
    LOOSE_GUTTER,
    MONOSPACE,
    MULTILINE,
    NUMERIC,
    PRE_STYLE,
    QUOTE,
    SKIP,
)
from stages.web.markdown.sole_texts import is_link_sign, is_number
from stages.web.tree.build import Tree
from stages.web.tree.elements import (
    FIRST_MATHEMATICS,
    LAST_MATHEMATICS,
    MAX_CELL_BYTES,
    TAGS,
    NameTable,
)
from stages.web.tree.state import MAX_DEPTH, Numbers

Flags = npt.NDArray[np.bool_]

_BR, _CODE, _TABLE, _TR, _TD, _TH = (TAGS[t] for t in ("br", "code", "table", "tr", "td", "th"))
_MATH, _LI, _P, _DIV, _A = (TAGS[t] for t in ("math", "li", "p", "div", "a"))
_CONTAINER = TAGS["mjx-container"]
_H1, _H6, _UL, _OL = TAGS["h1"], TAGS["h6"], TAGS["ul"], TAGS["ol"]
T_NODE, T_END, T_ROWS, T_CELLS, T_WIDEST, N_TABLE = range(6)
"""Of an open table: node and end, rows, cells of this row, widest row."""
N_TABLES, CELL_BYTES, CODE_NODE, CODE_ENDS, PRE_ENDS, LINES_END, N_COUNTS = range(7)
"""Places in `Marking.counts`: open tables, bytes of the open cell, the innermost element of inline
code and where it ends, where the outermost preformatted one ends, and where the last that may be a
block of code does."""
_MAY_BE_CODE = CODE_ROOT | CODE_TABLE | PRE_STYLE | KEEP_LINES | MONOSPACE


def marked_nodes(tree: Tree, keep: Flags | None, kinds: Numbers, words: NameTable) -> Numbers:
    """int32[6, n]: the tree's columns, then the role of every node (see `roles`)."""
    nodes = np.zeros((6, len(tree.tag)), np.int32)
    nodes[:ROLE] = tree.nodes
    kept = np.ones(len(tree.tag), np.bool_) if keep is None else keep
    html = np.frombuffer(tree.page, np.uint8)
    tables = np.zeros(N_COUNTS + N_TABLE * MAX_DEPTH, np.int32)
    _mark(html, nodes, tree.attributes, tree.text, kept.view(np.uint8), kinds, words, tables)
    return nodes


def _compiled(stamp: int) -> Callable[..., None]:
    def mark(
        html: Bytes, nodes: Numbers, attributes: Numbers, text: Bytes, keep: Bytes, kinds: Numbers,
        words: NameTable, tables: Numbers,
    ) -> None:  # fmt: skip
        n = nodes.shape[1]
        m = Marking(
            html=pointer(html, 0),
            n=n + (stamp & 0),
            tag=pointer(nodes, 0),
            parent=pointer(nodes, n),
            end=pointer(nodes, 2 * n),
            first=pointer(nodes, 3 * n),
            last=pointer(nodes, 4 * n),
            role=pointer(nodes, 5 * n),
            attributes=pointer(attributes, 0),
            text=pointer(text, 0),
            kinds=pointer(kinds, 0),
            words=pointer(words, 0),
            n_slots=words.shape[1],
            tables=pointer(tables, N_COUNTS),
            counts=pointer(tables, 0),
        )
        kept = pointer(keep, 0)
        for i in range(n):
            if (
                not kept[i]
                and not (kept[m.parent[i]] and _is_empty_cell(m, i))
                and not (i < m.counts[LINES_END] and _is_blank_code(m, i))
            ):
                m.role[i] = SKIP
            elif m.tag[i] == 0:
                _mark_text(m, i)
            else:
                _mark_element(m, i)
        _judge_tables(m, n)

    return entry(mark)


@kernel
def _is_empty_cell(m: Marking, i: int) -> bool:
    """Whether a node is a cell that shows nothing: it is no content, but it has its column."""
    if m.tag[i] != _TD and m.tag[i] != _TH:
        return False
    if m.end[i] > i + 2:
        return False
    return m.end[i] == i + 1 or m.tag[i + 1] != 0 or m.text[m.first[i + 1]] <= 0x20


@kernel
def _is_blank_code(m: Marking, i: int) -> bool:
    """Whether a node in code is what shows nothing elsewhere: an indentation that is an element of
    its own, or an empty line."""
    tag, above = m.tag[i], m.parent[i]
    if tag == 0:
        inline = m.kinds[m.tag[above]] == INLINE and m.end[above] == i + 1
        return inline and m.role[m.parent[above]] & KIND != SKIP and _is_space(m, i)
    if m.role[above] & KIND == SKIP:
        return False
    if tag == _BR:
        return True
    if m.end[i] > i + 4:
        return False
    n_breaks = 0
    for inner in range(i + 1, m.end[i]):
        n_breaks += m.tag[inner] == _BR
        if m.tag[inner] == 0 and not _is_space(m, inner):
            return False
    return n_breaks > 0


@kernel
def _is_space(m: Marking, i: int) -> bool:
    """Whether a text is blanks without a line end."""
    for position in range(m.first[i], m.last[i]):
        if m.text[position] != 0x20 and m.text[position] != 0x09:
            return False
    return True


@kernel
def _mark_text(m: Marking, i: int) -> None:
    n_tables = m.counts[N_TABLES]
    if n_tables > 0:
        m.counts[CELL_BYTES] += m.last[i] - m.first[i]
        if m.counts[CELL_BYTES] > MAX_CELL_BYTES:
            m.role[m.tables[N_TABLE * (n_tables - 1) + T_NODE]] |= LAYOUT
    above = m.parent[i]
    if above != i - 1 or m.end[above] != i + 1:
        return
    if is_number(m.text, m.first[i], m.last[i]):
        m.role[above] |= NUMERIC
    elif m.tag[above] == _A and is_link_sign(m.text, m.first[i], m.last[i]):
        m.role[above] |= ANCHOR


@kernel
def _mark_element(m: Marking, i: int) -> None:  # noqa: PLR0912
    tag, end, counts = m.tag[i], m.end[i], m.counts
    found = with_attributes(m, i, int64(m.kinds[tag]))
    if tag == _MATH or tag == _CONTAINER or FIRST_MATHEMATICS <= tag <= LAST_MATHEMATICS:
        found |= FORMULA
    kind = found & KIND
    if found & BLOCK_STYLE and kind == INLINE:
        found |= LINE
    _judge_tables(m, i)
    if counts[N_TABLES] > 0:
        _mark_in_table(m, tag, kind, found)
    if tag == _TABLE and counts[N_TABLES] < MAX_DEPTH:
        top = N_TABLE * counts[N_TABLES]
        m.tables[top + T_NODE], m.tables[top + T_END] = i, end
        m.tables[top + T_ROWS] = m.tables[top + T_CELLS] = m.tables[top + T_WIDEST] = 0
        counts[N_TABLES] += 1
    if found & GUTTER and i >= counts[PRE_ENDS]:
        found |= LOOSE_GUTTER
    if (kind == CODE or found & _MAY_BE_CODE) and end > counts[LINES_END]:
        counts[LINES_END] = end
    if kind == CODE:
        if end > counts[PRE_ENDS]:
            counts[PRE_ENDS] = end
    elif kind == INLINE_CODE and i >= counts[PRE_ENDS] and i >= counts[CODE_ENDS]:
        counts[CODE_NODE], counts[CODE_ENDS] = i, end
        if found & (BLOCK_CLASS | BLOCK_STYLE):
            found |= MULTILINE
    elif i < counts[CODE_ENDS] and (
        tag == _BR or tag == _LI or tag == _P or tag == _DIV or tag == _TR
    ):
        m.role[counts[CODE_NODE]] |= MULTILINE
    if tag == _OL:
        number_list(m, i)
    elif tag == _LI:
        number_item(m, i)
    m.role[i] = found


@kernel
def _mark_in_table(m: Marking, tag: int, kind: int, found: int) -> None:
    """What an element in a table says of the table."""
    top = N_TABLE * (m.counts[N_TABLES] - 1)
    table = m.tables[top + T_NODE]
    if tag == _TR:
        m.tables[top + T_ROWS] += 1
        m.tables[top + T_CELLS] = 0
    elif tag == _TD or tag == _TH:
        m.tables[top + T_CELLS] += 1
        if m.tables[top + T_CELLS] > m.tables[top + T_WIDEST]:
            m.tables[top + T_WIDEST] = m.tables[top + T_CELLS]
        m.counts[CELL_BYTES] = 0
    elif kind == CODE:
        m.role[table] |= LAYOUT | HAS_PRE
    elif (
        kind == QUOTE
        or found & CODE_ROOT
        or tag == _TABLE
        or tag == _UL
        or tag == _OL
        or _H1 <= tag <= _H6
    ):
        m.role[table] |= LAYOUT


@kernel
def _judge_tables(m: Marking, i: int) -> None:
    """Close the tables that end before `i`: one with few rows or columns is for layout."""
    while m.counts[N_TABLES] > 0:
        top = N_TABLE * (m.counts[N_TABLES] - 1)
        if i < m.tables[top + T_END]:
            return
        m.counts[N_TABLES] -= 1
        if m.tables[top + T_ROWS] < 2 or m.tables[top + T_WIDEST] < 2:
            m.role[m.tables[top + T_NODE]] |= LAYOUT


_mark = _compiled(STAMP)
