"""The role of every node, in one pass over the tree.

What depends on a node alone is read off its tag, its classes and its style. What depends on what is
inside is gathered on the way: inline code with line breaks, tables for layout, elements whose whole
text is a number.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from stages.kernels.arrow import Bytes
from stages.kernels.compiling import Ints, entry, int64, kernel, pointer, uint64
from stages.web.markdown.numbering import Marking, number_item, number_list
from stages.web.markdown.paper import ROLE, STAMP
from stages.web.markdown.roles import (
    BLOCK_CLASS,
    BLOCK_STYLE,
    CODE,
    CODE_ROOT,
    COPY,
    FORMULA,
    GUTTER,
    HAS_PRE,
    IMAGE,
    INLINE,
    INLINE_CODE,
    KIND,
    LAYOUT,
    LINE,
    LOOSE_GUTTER,
    MULTILINE,
    NUMERIC,
    QUOTE,
    SKIP,
    SPANS,
    UNSELECTABLE,
)
from stages.web.tree.build import Tree
from stages.web.tree.elements import FNV_OFFSET, FNV_PRIME, KEYS, TAGS, NameTable, name_hash
from stages.web.tree.state import KEY, MAX_DEPTH, N_PLACES, VALUE, VALUE_END, Numbers

Flags = npt.NDArray[np.bool_]

MAX_CELL_BYTES = 800
"""A cell with more text than this is laid out, no datum."""

_BR, _CODE, _TABLE, _TR, _TD, _TH = (TAGS[t] for t in ("br", "code", "table", "tr", "td", "th"))
_IMG, _MATH, _SCRIPT, _LI, _P, _DIV = (TAGS[t] for t in ("img", "math", "script", "li", "p", "div"))
_CONTAINER = TAGS["mjx-container"]
_H1, _H6, _UL, _OL = TAGS["h1"], TAGS["h6"], TAGS["ul"], TAGS["ol"]
_CLASS, _STYLE, _COLSPAN, _ROWSPAN = (KEYS[k] for k in ("class", "style", "colspan", "rowspan"))
_NUMBERED, _HIDDEN, _ALT, _SRC, _TYPE = (
    KEYS[k] for k in ("data-line-number", "aria-hidden", "alt", "src", "type")
)
_ORIGINAL, _DATA_SRC, _EEIMG, _ROLE = (
    KEYS[k] for k in ("data-original", "data-src", "eeimg", "role")
)
_TEX_KEYS = sum(
    1 << KEYS[name]
    for name in ("data-equation", "data-expr", "data-formula", "data-latex", "data-math",
                 "data-mathml", "data-tex")
)  # fmt: skip
"""A bit for every key: there are fewer than 63."""
_FONT = name_hash("font-family:")
_COPY, _COPI = 0x636F7079, 0x636F7069
_LATE, _MATH_WORD, _CHL, _COGS = 0x6C617465, 0x6D617468, 0x63686C3D, 0x636F6773
_TEX_WORD, _BACKSLASH = 0x746578, 0x253563
"""`copy`, `copi`, `late`, `math`, `chl=`, `cogs`, `tex` and `%5c` as numbers."""
MAX_ADDRESS_BYTES = 4096
"""Images inlined as `data:` addresses are longer, and no formulas."""

T_NODE, T_END, T_ROWS, T_CELLS, T_WIDEST, N_TABLE = range(6)
"""Of an open table: node and end, rows, cells of this row, widest row."""
N_TABLES, CELL_BYTES, CODE_NODE, CODE_ENDS, PRE_ENDS, N_COUNTS = range(6)
"""Places in `Marking.counts`: open tables, bytes of the open cell, the innermost element of inline
code and where it ends, where the outermost preformatted one ends."""


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
            if not kept[i] and not (kept[m.parent[i]] and _is_empty_cell(m, i)):
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
def _mark_text(m: Marking, i: int) -> None:
    n_tables = m.counts[N_TABLES]
    if n_tables > 0:
        m.counts[CELL_BYTES] += m.last[i] - m.first[i]
        if m.counts[CELL_BYTES] > MAX_CELL_BYTES:
            m.role[m.tables[N_TABLE * (n_tables - 1) + T_NODE]] |= LAYOUT
    above = m.parent[i]
    if above == i - 1 and m.end[above] == i + 1 and _is_number(m.text, m.first[i], m.last[i]):
        m.role[above] |= NUMERIC


@kernel
def _mark_element(m: Marking, i: int) -> None:
    tag, end, counts = m.tag[i], m.end[i], m.counts
    found = m.kinds[tag] | _read_attributes(m, i)
    if tag == _MATH or tag == _CONTAINER:
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


@kernel
def _read_attributes(m: Marking, i: int) -> int:  # noqa: PLR0912
    """The properties that the attributes of node i give it."""
    found = int64(0)
    tag = m.tag[i]
    for slot in range(m.first[i], m.last[i]):
        row = N_PLACES * slot
        key = m.attributes[row + KEY]
        if key == 0:
            continue
        start, stop = int64(m.attributes[row + VALUE]), int64(m.attributes[row + VALUE_END])
        if key == _CLASS:
            found |= _classes(m, start, stop)
        elif key == _STYLE:
            found |= _styles(m, start, stop)
        elif _TEX_KEYS >> key & 1:
            found |= FORMULA
        elif key == _COLSPAN or key == _ROWSPAN:
            if stop - start != 1 or m.html[start] != 0x31:
                found |= SPANS
        elif key == _NUMBERED or key == _HIDDEN:
            found |= UNSELECTABLE
        elif tag == _IMG:
            if key == _EEIMG or _may_be_tex(m.html, key, start, stop):
                found |= IMAGE
        elif key == _TYPE and tag == _SCRIPT:
            if stop - start >= 8 and m.html[start] == 0x6D and m.html[start + 4] == 0x2F:
                found |= FORMULA
        elif key == _ROLE and tag == _TABLE and stop > start:
            first = m.html[start] | 0x20
            if first == 0x70 or first == 0x6E:
                found |= LAYOUT
    return found


@kernel
def _classes(m: Marking, start: int, stop: int) -> int:
    """The properties of a list of classes."""
    found, window = int64(0), int64(0)
    key = uint64(FNV_OFFSET)
    for position in range(start, stop + 1):
        byte = int64(m.html[position]) if position < stop else 0x20
        window = (window << 8 | byte | 0x20) & 0xFFFFFFFF
        if window == _COPY or window == _COPI:
            found |= COPY
        if byte == 0x20 or 0x09 <= byte <= 0x0D:
            found |= _meaning(m, key)
            key = uint64(FNV_OFFSET)
        else:
            key = (key ^ uint64(byte)) * uint64(FNV_PRIME)
    return found


@kernel
def _styles(m: Marking, start: int, stop: int) -> int:
    """The properties of declarations; each font of a list is one."""
    found = int64(0)
    key = uint64(FNV_OFFSET)
    for position in range(start, stop + 1):
        byte = int64(m.html[position]) if position < stop else 0x3B
        if byte == 0x20 or 0x09 <= byte <= 0x0D or byte == 0x22 or byte == 0x27:
            continue
        if 0x41 <= byte <= 0x5A:
            byte |= 0x20
        if byte == 0x3B or byte == 0x2C or byte == 0x21:
            found |= _meaning(m, key)
            key = uint64(_FONT) if byte == 0x2C else uint64(FNV_OFFSET)
        else:
            key = (key ^ uint64(byte)) * uint64(FNV_PRIME)
    return found


@kernel
def _meaning(m: Marking, key: int) -> int:
    """What a class or a declaration with this hash means."""
    mask = uint64(m.n_slots - 1)
    slot = key & mask
    while m.words[slot] != 0:
        if m.words[slot] == key:
            return int64(m.words[slot + uint64(m.n_slots)])
        slot = (slot + uint64(1)) & mask
    return 0


@kernel
def _may_be_tex(html: Ints, key: int, start: int, stop: int) -> bool:
    """Whether html[start:stop] is an address or an alternative text with a sign of TeX."""
    is_address = key == _SRC or key == _DATA_SRC or key == _ORIGINAL
    if not is_address and key != _ALT:
        return False
    if is_address and stop - start > MAX_ADDRESS_BYTES:
        return False
    window = int64(0)
    for position in range(start, stop):
        byte = int64(html[position])
        if is_address:
            window = (window << 8 | byte | 0x20) & 0xFFFFFFFF
            last = window & 0xFFFFFF
            if last == _TEX_WORD or last == _BACKSLASH or _is_server_word(window):
                return True
        elif byte == 0x5C or byte == 0x5E or byte == 0x5F or byte == 0x7B or byte == 0x24:
            return True
    return False


@kernel
def _is_server_word(window: int) -> bool:
    return window == _LATE or window == _MATH_WORD or window == _CHL or window == _COGS


@kernel
def _is_number(text: Ints, first: int, last: int) -> bool:
    """Whether text[first:last] is a short number, blanks aside."""
    if last - first > 24:
        return False
    digits = 0
    for position in range(first, last):
        byte = text[position]
        if 0x30 <= byte <= 0x39:
            digits += 1
        elif not (
            byte == 0x20
            or 0x09 <= byte <= 0x0D
            or byte == 0xC2
            or byte == 0xA0
            or byte == 0x3A
            or byte == 0x2E
            or byte == 0x7C
        ):
            return False
    return 0 < digits <= 7


_mark = _compiled(STAMP)
