"""The role of every node, in one pass over the tree.

What depends on a node alone is read off its tag, its classes and its style. What depends on what is
inside is gathered on the way: inline code with line breaks, tables for layout, elements whose whole
text is a number.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.kernels.arrow import Bytes
from stages.web.markdown.numbering import number_item, number_list
from stages.web.markdown.paper import ROLE
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
from stages.web.tree.state import (
    END,
    FIRST,
    KEY,
    LAST,
    MAX_DEPTH,
    PARENT,
    TAG,
    VALUE,
    VALUE_END,
    Numbers,
)

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
_TEX_KEYS = np.zeros(len(KEYS), np.bool_)
for _key in ("data-equation", "data-expr", "data-formula", "data-latex", "data-math", "data-mathml",
             "data-tex"):  # fmt: skip
    _TEX_KEYS[KEYS[_key]] = True
_FONT = np.uint64(name_hash("font-family:"))
_COPY_WORDS = (0x636F7079, 0x636F7069)
"""`copy` and `copi` as numbers."""
_ADDRESS_WORDS = (0x6C617465, 0x6D617468, 0x63686C3D, 0x636F6773)
"""`late`, `math`, `chl=`, `cogs`, as numbers."""
_TEX_WORD, _BACKSLASH = 0x746578, 0x253563
MAX_ADDRESS_BYTES = 4096
"""Images inlined as `data:` addresses are longer, and no formulas."""


# The properties of page[start:stop], a list of classes, or of declarations if `style`.
@njit(cache=True, nogil=True)
def _properties(page: Bytes, start: int, stop: int, words: NameTable, style: bool) -> int:
    found = 0
    key = np.uint64(FNV_OFFSET)
    window = 0
    for position in range(start, stop + 1):
        byte = int(page[position]) if position < stop else 0x20
        blank = byte == 0x20 or 0x09 <= byte <= 0x0D
        if style and position < stop:
            if blank or byte in (0x22, 0x27):
                continue
            if 0x41 <= byte <= 0x5A:
                byte |= 0x20
            ends = byte in (0x3B, 0x2C, 0x21)
        else:
            ends = blank
        if not style:
            window = (window << 8 | byte | 0x20) & 0xFFFFFFFF
            if window in _COPY_WORDS:
                found |= COPY
        if ends:
            slot = key % np.uint64(words.shape[1])
            while words[0, slot] != 0:
                if words[0, slot] == key:
                    found |= int(words[1, slot])
                    break
                slot = (slot + np.uint64(1)) % np.uint64(words.shape[1])
            key = _FONT if byte == 0x2C else np.uint64(FNV_OFFSET)
        else:
            key = (key ^ np.uint64(byte)) * np.uint64(FNV_PRIME)
    return found


# Whether page[start:stop] has a sign of TeX, as an address or as an alternative text.
@njit(cache=True, nogil=True)
def _may_be_tex(page: Bytes, start: int, stop: int, address: bool) -> bool:
    if address and stop - start > MAX_ADDRESS_BYTES:
        return False
    window = 0
    for position in range(start, stop):
        byte = int(page[position])
        if not address and byte in (0x5C, 0x5E, 0x5F, 0x7B, 0x24):
            return True
        window = (window << 8 | byte | 0x20) & 0xFFFFFFFF
        if address and (window & 0xFFFFFF in (_TEX_WORD, _BACKSLASH) or window in _ADDRESS_WORDS):
            return True
    return False


# The properties that the attributes of node i give it.
@njit(cache=True, nogil=True)
def _read_attributes(
    page: Bytes, attributes: Numbers, first: int, last: int, tag: int, tex_keys: Flags,
    words: NameTable,
) -> int:  # fmt: skip
    found = 0
    for slot in range(first, last):
        key = attributes[slot, KEY]
        start, stop = attributes[slot, VALUE], attributes[slot, VALUE_END]
        if key == 0:
            continue
        if key in (_CLASS, _STYLE):
            found |= _properties(page, start, stop, words, key == _STYLE)
        elif tex_keys[key]:
            found |= FORMULA
        elif key in (_COLSPAN, _ROWSPAN):
            if stop - start != 1 or page[start] != 0x31:
                found |= SPANS
        elif key in (_NUMBERED, _HIDDEN):
            found |= UNSELECTABLE
        elif tag == _IMG:
            address = key in (_SRC, _DATA_SRC, _ORIGINAL)
            if key == _EEIMG or (
                (address or key == _ALT) and _may_be_tex(page, start, stop, address)
            ):
                found |= IMAGE
        elif key == _TYPE and tag == _SCRIPT:
            if stop - start >= 8 and page[start] == 0x6D and page[start + 4] == 0x2F:
                found |= FORMULA
        elif key == _ROLE and tag == _TABLE and stop > start and page[start] | 0x20 in (0x70, 0x6E):
            found |= LAYOUT
    return found


# Whether text[first:last] is a short number, blanks aside.
@njit(cache=True, nogil=True)
def _is_number(text: Bytes, first: int, last: int) -> bool:
    digits = 0
    for position in range(first, min(last, first + 24)):
        byte = text[position]
        if 0x30 <= byte <= 0x39:
            digits += 1
        elif not (byte == 0x20 or 0x09 <= byte <= 0x0D or byte in (0xC2, 0xA0, 0x3A, 0x2E, 0x7C)):
            return False
    return 0 < digits <= 7 and last - first <= 24


@njit(cache=True, nogil=True)
def mark(  # noqa: PLR0912, PLR0915
    page: Bytes, nodes: Numbers, attributes: Numbers, text: Bytes, keep: Flags, kinds: Numbers,
    tex_keys: Flags, words: NameTable, role: Numbers,
) -> None:  # fmt: skip
    """Fills role[n]. `nodes` int32[6, n]: tag, parent, end, first, last; `keep` may be empty: all
    kept."""
    n = nodes.shape[1]
    code = code_end = pre_end = 0
    tables = np.zeros((MAX_DEPTH, 5), np.int32)  # node, end, rows, cells of this row, widest row
    n_tables = cell_bytes = 0
    for i in range(n):
        if len(keep) > 0 and not keep[i]:
            role[i] = SKIP
            continue
        tag, end = nodes[TAG, i], nodes[END, i]
        if tag == 0:
            if n_tables > 0:
                cell_bytes += nodes[LAST, i] - nodes[FIRST, i]
                if cell_bytes > MAX_CELL_BYTES:
                    role[tables[n_tables - 1, 0]] |= LAYOUT
            if i > 0 and _is_number(text, nodes[FIRST, i], nodes[LAST, i]):
                above = nodes[PARENT, i]
                if above == i - 1 and nodes[END, above] == i + 1:
                    role[above] |= NUMERIC
            continue
        found = kinds[tag] | _read_attributes(
            page, attributes, nodes[FIRST, i], nodes[LAST, i], tag, tex_keys, words
        )
        if tag in (_MATH, _CONTAINER):
            found |= FORMULA
        kind = found & KIND
        if found & BLOCK_STYLE and kind == INLINE:
            found |= LINE
        while n_tables > 0 and i >= tables[n_tables - 1, 1]:
            n_tables -= 1
            _judge(tables[n_tables], role)
        if n_tables > 0:
            top = tables[n_tables - 1]
            if tag == _TR:
                top[2] += 1
                top[3] = 0
            elif tag in (_TD, _TH):
                top[3] += 1
                top[4] = max(top[4], top[3])
                cell_bytes = 0
            elif kind == CODE:
                role[top[0]] |= LAYOUT | HAS_PRE
            elif (
                kind == QUOTE or _H1 <= tag <= _H6 or tag in (_TABLE, _UL, _OL) or found & CODE_ROOT
            ):
                role[top[0]] |= LAYOUT
        if tag == _TABLE and n_tables < MAX_DEPTH:
            tables[n_tables, 0], tables[n_tables, 1] = i, end
            tables[n_tables, 2:] = 0
            n_tables += 1
        if found & GUTTER and i >= pre_end:
            found |= LOOSE_GUTTER
        if kind == CODE:
            pre_end = max(pre_end, end)
        elif kind == INLINE_CODE and i >= pre_end and i >= code_end:
            code, code_end = i, end
            if found & (BLOCK_CLASS | BLOCK_STYLE):
                found |= MULTILINE
        elif i < code_end and tag in (_BR, _LI, _P, _DIV, _TR):
            role[code] |= MULTILINE
        if tag == _OL:
            number_list(page, nodes, attributes, i)
        elif tag == _LI:
            number_item(page, nodes, attributes, i)
        role[i] = found
    while n_tables > 0:
        n_tables -= 1
        _judge(tables[n_tables], role)


# A table with fewer than two rows or columns is for layout.
@njit(cache=True, nogil=True)
def _judge(table: Numbers, role: Numbers) -> None:
    if table[2] < 2 or table[4] < 2:
        role[table[0]] |= LAYOUT


def marked_nodes(tree: Tree, keep: Flags | None, kinds: Numbers, words: NameTable) -> Numbers:
    """int32[6, n]: the tree's columns, then the role of every node (see `roles`)."""
    nodes = np.empty((6, len(tree.tag)), np.int32)
    for row, column in enumerate((tree.tag, tree.parent, tree.end, tree.first, tree.last)):
        nodes[row] = column
    nodes[ROLE] = 0
    page = np.frombuffer(tree.page, np.uint8)
    kept = np.zeros(0, np.bool_) if keep is None else keep
    mark(page, nodes, tree.attributes, tree.text, kept, kinds, _TEX_KEYS, words, nodes[ROLE])
    return nodes
