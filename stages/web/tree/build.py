"""From the bytes of a page to a flat tree, in one pass and linear time.

Tokenising follows the HTML standard (section 13.2.5). Tree construction follows section 13.2.6
where readers would notice: implied ends of paragraphs, items, cells, rows and headings, void and
raw-text elements, scopes, SVG and MathML and what ends them. Simplified, because no text moves by
it: formatting elements are not reopened in the next block, an end tag that crosses a block is
ignored, and what stands in a table outside of cells stays where it is. No stack of open elements is
deeper than 512, as in browsers, so every search in it is bounded and no page is quadratic; deeper
elements become siblings.

Memory: 17 bytes a node and 14 an attribute, allocated for the number of `<` and `=` in the page,
and the text once: about three times the page in all.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.kernels.arrow import Bytes
from stages.web.tree.characters import (
    ReferenceTable,
    append_points,
    read_reference,
    reference_table,
)
from stages.web.tree.elements import (
    BARRIER,
    BREAKOUT,
    CLOSES_P,
    FNV_OFFSET,
    FNV_PRIME,
    FORMATTING,
    HEAD,
    HEADING,
    RAW,
    REFERENCES,
    SLOTS,
    SPECIAL,
    TABLE_PART,
    TAGS,
    TEXT,
    UNKNOWN,
    VOID,
    NameTable,
    attribute_table,
    properties,
    tag_table,
)

Numbers = npt.NDArray[np.int32]
Tags = npt.NDArray[np.int16]

MAX_DEPTH = 512
MAX_ATTRIBUTES = 64
"""Of one element; further ones are passed over."""

HTML = TAGS["html"]
_HEAD, _BODY, _P, _LI, _DD, _DT = (TAGS[name] for name in "head body p li dd dt".split())
_UL, _OL, _DL, _BUTTON, _FORM, _A = (TAGS[name] for name in "ul ol dl button form a".split())
_TABLE, _TR, _TD, _TH = (TAGS[name] for name in "table tr td th".split())
_TBODY, _THEAD, _TFOOT = (TAGS[name] for name in "tbody thead tfoot".split())
_CAPTION, _COLGROUP, _COL = (TAGS[name] for name in "caption colgroup col".split())
_SELECT, _OPTION, _OPTGROUP = (TAGS[name] for name in "select option optgroup".split())
_SVG, _MATH, _FOREIGNOBJECT = (TAGS[name] for name in "svg math foreignobject".split())
_PRE, _LISTING, _TEXTAREA, _BR = (TAGS[name] for name in "pre listing textarea br".split())
_ADDRESS, _DIV, _TEMPLATE, _PLAINTEXT = (
    TAGS[name] for name in "address div template plaintext".split()
)
_RB, _RT, _RTC, _RP = (TAGS[name] for name in "rb rt rtc rp".split())
_MTEXT, _ANNOTATION_XML, _DESC = (TAGS[name] for name in "mtext annotation-xml desc".split())

# Counters of the build, in one array that every helper changes.
_N_NODES, _N_ATTRIBUTES, _N_TEXT, _DEPTH, _FOREIGN, _SKIP_NEWLINE = range(6)


class Arrays(NamedTuple):
    """The tree. Nodes in document order: `tag` int16 (0: text), `parent` int32 (the root's is -1),
    `end` int32 (first node behind the subtree), `first`/`last` int32: of a text node its bytes in
    `text`, of an element its attributes. Attributes: `key` int16 (0: not in the table), name and
    value as spans of the page's bytes, the value with its references still in it."""

    tag: Tags
    parent: Numbers
    end: Numbers
    first: Numbers
    last: Numbers
    key: Tags
    name_span: Numbers
    value_span: Numbers
    text: Bytes


def build(page: bytes, *, xml: bool = False) -> Arrays:
    """The tree of a page's UTF-8 bytes (at most 2 GiB). `xml`: `<x/>` closes any element."""
    html = np.frombuffer(page, np.uint8)
    n_tags, n_values = page.count(b"<"), page.count(b"=")
    arrays = _build(
        html,
        2 * n_tags + 3,
        min(n_values + 4 * n_tags, len(page) // 2) + 1,
        xml,
        tag_table(),
        attribute_table(),
        reference_table(),
        properties(),
    )
    return Arrays(*arrays)


@njit(cache=True, nogil=True)
def _is_space(byte: int) -> bool:
    return byte == 0x20 or 0x09 <= byte <= 0x0D and byte != 0x0B


@njit(cache=True, nogil=True)
def _is_letter(byte: int) -> bool:
    return 0x61 <= byte | 0x20 <= 0x7A


# The number of the name at html[start:end] (ASCII case folded, a prefix left out), 0 if unknown.
@njit(cache=True, nogil=True)
def _look_up(html: Bytes, start: int, end: int, table: NameTable, prefixed: bool) -> int:
    key = np.uint64(FNV_OFFSET)
    for position in range(start, end):
        byte = html[position]
        if 0x41 <= byte <= 0x5A:
            byte |= 0x20
        if byte == 0x3A and prefixed:
            key = np.uint64(FNV_OFFSET)
            continue
        key = (key ^ np.uint64(byte)) * np.uint64(FNV_PRIME)
    slot = key % np.uint64(SLOTS)
    while table[0, slot] != 0:
        if table[0, slot] == key:
            return np.int64(table[1, slot])
        slot = (slot + np.uint64(1)) % np.uint64(SLOTS)
    return 0


# html uint8[:] -> the fields of `Arrays`. Replaces lexbor's tree: tests/stages/web/tree.
@njit(cache=True, nogil=True)
def _build(
    html: Bytes,
    max_nodes: int,
    max_attributes: int,
    xml: bool,
    tag_names: NameTable,
    attribute_names: NameTable,
    references: ReferenceTable,
    flags: Numbers,
):  # type: ignore[no-untyped-def]
    n = len(html)
    tag = np.zeros(max_nodes, np.int16)
    parent = np.zeros(max_nodes, np.int32)
    end = np.zeros(max_nodes, np.int32)
    first = np.zeros(max_nodes, np.int32)
    last = np.zeros(max_nodes, np.int32)
    key = np.zeros(max_attributes, np.int16)
    name_span = np.zeros((max_attributes, 2), np.int32)
    value_span = np.zeros((max_attributes, 2), np.int32)
    text = np.empty(n + n // 5 + 64, np.uint8)
    stack = np.zeros(MAX_DEPTH, np.int32)
    count = np.zeros(6, np.int64)
    tag[0], parent[0] = HTML, -1
    count[_N_NODES], count[_DEPTH] = 1, 1

    position = 0
    while position < n:
        byte = html[position]
        if byte != 0x3C or position + 1 >= n:
            position = _read_text(
                html, position, references, text, count, tag, parent, first, last, stack, end, flags
            )
            continue
        following = html[position + 1]
        if _is_letter(following):
            position = _read_start(
                html,
                position,
                xml,
                tag_names,
                attribute_names,
                references,
                flags,
                tag,
                parent,
                end,
                first,
                last,
                key,
                name_span,
                value_span,
                text,
                stack,
                count,
            )
        elif following == 0x2F:
            position = _read_end(
                html, position, tag_names, flags, tag, parent, end, first, last, stack, count
            )
        elif following == 0x21 or following == 0x3F:
            if xml or count[_FOREIGN] > 0:
                inside = _cdata(html, position)
                if inside > 0:
                    stop = _find_cdata_end(html, inside)
                    _append_raw(
                        html,
                        inside,
                        stop,
                        references,
                        False,
                        text,
                        count,
                        tag,
                        parent,
                        first,
                        last,
                        stack,
                        end,
                    )
                    position = min(stop + 3, n)
                    continue
            position = _skip_declaration(html, position)
        else:
            position = _read_text(
                html, position, references, text, count, tag, parent, first, last, stack, end, flags
            )
    _pop(0, end, stack, count, tag)
    n_nodes, n_attributes = count[_N_NODES], count[_N_ATTRIBUTES]
    return (
        tag[:n_nodes].copy(), parent[:n_nodes].copy(), end[:n_nodes].copy(), first[:n_nodes].copy(),
        last[:n_nodes].copy(), key[:n_attributes].copy(), name_span[:n_attributes].copy(),
        value_span[:n_attributes].copy(), text[: count[_N_TEXT]].copy(),
    )  # fmt: skip


# Close all open elements from `depth` on, and those below that ended before (`_end_early`).
@njit(cache=True, nogil=True)
def _pop(depth: int, end: Numbers, stack: Numbers, count: Numbers, tag: Tags) -> None:
    while count[_DEPTH] > depth or (count[_DEPTH] > 1 and end[stack[count[_DEPTH] - 1]] < 0):
        count[_DEPTH] -= 1
        node = stack[count[_DEPTH]]
        end[node] = -end[node] if end[node] < 0 else count[_N_NODES]
        if tag[node] == _SVG or tag[node] == _MATH:
            count[_FOREIGN] -= 1


# A new node below the innermost open element.
@njit(cache=True, nogil=True)
def _add(
    name: int, count: Numbers, tag: Tags, parent: Numbers, end: Numbers, stack: Numbers
) -> int:
    node = count[_N_NODES]
    count[_N_NODES] += 1
    tag[node] = name
    parent[node] = stack[count[_DEPTH] - 1]
    end[node] = node + 1
    return node


# Whether the innermost open element is the head and `name` does not belong there.
@njit(cache=True, nogil=True)
def _leave_head(end: Numbers, stack: Numbers, count: Numbers, tag: Tags) -> None:
    if count[_DEPTH] > 0 and tag[stack[count[_DEPTH] - 1]] == _HEAD:
        _pop(count[_DEPTH] - 1, end, stack, count, tag)


# Text up to the next `<` that begins markup, as one node; returns the position there.
@njit(cache=True, nogil=True)
def _read_text(
    html: Bytes, start: int, references: ReferenceTable, text: Bytes, count: Numbers, tag: Tags,
    parent: Numbers, first: Numbers, last: Numbers, stack: Numbers, end: Numbers, flags: Numbers,
) -> int:  # fmt: skip
    n = len(html)
    position = start + 1
    blank = _is_space(html[start])
    while position < n:
        byte = html[position]
        if byte == 0x3C and position + 1 < n:
            following = html[position + 1]
            if _is_letter(following) or following in (0x2F, 0x21, 0x3F):
                break
        blank = blank and _is_space(byte)
        position += 1
    if not blank:
        _leave_head(end, stack, count, tag)
    _append_raw(html, start, position, references, True, text, count, tag, parent, first, last,
                stack, end)  # fmt: skip
    return position


# html[start:stop] as a text node, or at the end of the text node that has just been added.
@njit(cache=True, nogil=True)
def _append_raw(
    html: Bytes, start: int, stop: int, references: ReferenceTable, decode: bool, text: Bytes,
    count: Numbers, tag: Tags, parent: Numbers, first: Numbers, last: Numbers, stack: Numbers,
    end: Numbers,
) -> None:  # fmt: skip
    begin = length = count[_N_TEXT]
    position = start
    if count[_SKIP_NEWLINE]:
        count[_SKIP_NEWLINE] = 0
        if position < stop and html[position] == 0x0D:
            position += 1
        if position < stop and html[position] == 0x0A:
            position += 1
    while position < stop:
        byte = html[position]
        if byte == 0x26 and decode:
            after, points = read_reference(html, position, references)
            if after > position:
                length = append_points(text, length, points)
                position = after
                continue
        elif byte == 0x0D:
            byte = np.uint8(0x0A)
            if position + 1 < stop and html[position + 1] == 0x0A:
                position += 1
        if byte != 0:
            text[length] = byte
            length += 1
        position += 1
    if length == begin:
        return
    count[_N_TEXT] = length
    node = count[_N_NODES] - 1
    if tag[node] == TEXT and parent[node] == stack[count[_DEPTH] - 1] and last[node] == begin:
        last[node] = length
        return
    node += 1
    count[_N_NODES] += 1
    tag[node] = TEXT
    parent[node] = stack[count[_DEPTH] - 1]
    end[node] = node + 1
    first[node], last[node] = begin, length


# Behind `<!…>` or `<?…>`: comments, doctypes, processing instructions.
@njit(cache=True, nogil=True)
def _skip_declaration(html: Bytes, start: int) -> int:
    n = len(html)
    position = start + 2
    if position + 1 < n and html[position - 1] == 0x21 and html[position] == 0x2D:
        if html[position + 1] == 0x2D:
            return _skip_comment(html, position + 2)
    while position < n and html[position] != 0x3E:
        position += 1
    return position + 1


@njit(cache=True, nogil=True)
def _skip_comment(html: Bytes, start: int) -> int:
    n = len(html)
    if start < n and html[start] == 0x3E:
        return start + 1
    if start + 1 < n and html[start] == 0x2D and html[start + 1] == 0x3E:
        return start + 2
    position = start
    while position + 2 < n:
        if html[position] == 0x2D and html[position + 1] == 0x2D:
            if html[position + 2] == 0x3E:
                return position + 3
            if html[position + 2] == 0x21 and position + 3 < n and html[position + 3] == 0x3E:
                return position + 4
        position += 1
    return n


# Where the text of the CDATA section at `start` begins, 0 if there is none.
@njit(cache=True, nogil=True)
def _cdata(html: Bytes, start: int) -> int:
    mark = (0x3C, 0x21, 0x5B, 0x43, 0x44, 0x41, 0x54, 0x41, 0x5B)
    if start + 9 > len(html):
        return 0
    for index in range(9):
        if html[start + index] != mark[index]:
            return 0
    return start + 9


@njit(cache=True, nogil=True)
def _find_cdata_end(html: Bytes, start: int) -> int:
    position = start
    while position + 2 < len(html):
        if html[position] == 0x5D and html[position + 1] == 0x5D and html[position + 2] == 0x3E:
            return position
        position += 1
    return len(html)


# Behind the attributes and `>` of a tag whose name ends at `start`; attributes are kept if `keep`.
# Also whether the tag ends in `/>`.
@njit(cache=True, nogil=True)
def _read_attributes(
    html: Bytes, start: int, keep: bool, attribute_names: NameTable, key: Tags, name_span: Numbers,
    value_span: Numbers, count: Numbers,
) -> tuple[int, bool]:  # fmt: skip
    n = len(html)
    position = start
    kept = 0
    while True:
        slash = False
        while position < n and (_is_space(html[position]) or html[position] == 0x2F):
            slash = html[position] == 0x2F
            position += 1
        if position >= n:
            return n, False
        if html[position] == 0x3E:
            return position + 1, slash
        begin = position
        position += 1  # a first `=` belongs to the name
        while position < n and not (
            _is_space(html[position]) or html[position] in (0x2F, 0x3E, 0x3D)
        ):
            position += 1
        name_end = position
        while position < n and _is_space(html[position]):
            position += 1
        value = value_end = name_end
        if position < n and html[position] == 0x3D:
            position += 1
            while position < n and _is_space(html[position]):
                position += 1
            if position < n and html[position] in (0x22, 0x27):
                quote = html[position]
                position += 1
                value = position
                while position < n and html[position] != quote:
                    position += 1
                value_end = position
                position += 1
            else:
                value = position
                while position < n and not _is_space(html[position]) and html[position] != 0x3E:
                    position += 1
                value_end = position
        if keep and kept < MAX_ATTRIBUTES and count[_N_ATTRIBUTES] < len(key):
            slot = count[_N_ATTRIBUTES]
            key[slot] = _look_up(html, begin, name_end, attribute_names, False)
            name_span[slot, 0], name_span[slot, 1] = begin, name_end
            value_span[slot, 0], value_span[slot, 1] = value, value_end
            count[_N_ATTRIBUTES] += 1
            kept += 1


# Depth of the innermost open element with this tag, -1 if an element with one of the properties
# `barrier` comes first (an open `stop`, too) or there is none.
@njit(cache=True, nogil=True)
def _find_open(
    name: int, barrier: int, stop: int, flags: Numbers, tag: Tags, stack: Numbers, count: Numbers,
    end: Numbers,
) -> int:  # fmt: skip
    for depth in range(count[_DEPTH] - 1, 0, -1):
        found = tag[stack[depth]]
        if found == name and end[stack[depth]] >= 0:
            return depth
        if flags[found] & barrier or found == stop:
            return -1
    return -1


@njit(cache=True, nogil=True)
def _close_p(flags: Numbers, tag: Tags, stack: Numbers, count: Numbers, end: Numbers) -> None:
    depth = _find_open(_P, BARRIER, _BUTTON, flags, tag, stack, count, end)
    if depth > 0:
        _pop(depth, end, stack, count, tag)


# What the start of an element ends, before it is opened; false if the tag is to be ignored.
@njit(cache=True, nogil=True)
def _make_room(
    name: int, flags: Numbers, tag: Tags, stack: Numbers, count: Numbers, end: Numbers
) -> bool:
    properties = flags[name]
    if count[_FOREIGN] > 0 and properties & BREAKOUT:
        _leave_foreign(flags, tag, stack, count, end)
    if not properties & HEAD:
        _leave_head(end, stack, count, tag)
    if properties & SPECIAL and name != _SELECT:
        depth = _find_open(_SELECT, BARRIER, -1, flags, tag, stack, count, end)
        if depth > 0:
            _pop(depth, end, stack, count, tag)
    current = tag[stack[count[_DEPTH] - 1]]
    if properties & TABLE_PART:
        return _make_table_room(name, tag, stack, count, end)
    if properties & CLOSES_P:
        if name in (_LI, _DD, _DT):
            _close_item(name, flags, tag, stack, count, end)
        _close_p(flags, tag, stack, count, end)
        current = tag[stack[count[_DEPTH] - 1]]
        if properties & HEADING and flags[current] & HEADING:
            _pop(count[_DEPTH] - 1, end, stack, count, tag)
    elif name == _OPTION or name == _OPTGROUP:
        while count[_DEPTH] > 1 and tag[stack[count[_DEPTH] - 1]] in (_OPTION, _OPTGROUP):
            if name == _OPTION and tag[stack[count[_DEPTH] - 1]] == _OPTGROUP:
                break
            _pop(count[_DEPTH] - 1, end, stack, count, tag)
    elif name in (_A, _BUTTON, _SELECT):
        depth = _find_open(name, BARRIER, -1, flags, tag, stack, count, end)
        if depth > 0:
            _pop(depth, end, stack, count, tag)
            return name != _SELECT
    elif name in (_RB, _RT, _RTC, _RP) and current in (_RB, _RT, _RTC, _RP):
        _pop(count[_DEPTH] - 1, end, stack, count, tag)
    if name == _TABLE and current in (_TABLE, _TBODY, _THEAD, _TFOOT, _TR):
        depth = _find_open(_TABLE, 0, _TEMPLATE, flags, tag, stack, count, end)
        if depth > 0:
            _pop(depth, end, stack, count, tag)
    return True


# End the open item that a new `<li>`, `<dd>` or `<dt>` follows.
@njit(cache=True, nogil=True)
def _close_item(
    name: int, flags: Numbers, tag: Tags, stack: Numbers, count: Numbers, end: Numbers
) -> None:
    for depth in range(count[_DEPTH] - 1, 0, -1):
        found = tag[stack[depth]]
        if found == name or (name != _LI and found in (_DD, _DT)):
            _pop(depth, end, stack, count, tag)
            return
        if flags[found] & SPECIAL and found not in (_ADDRESS, _DIV, _P):
            return


# End cells, rows and groups that a part of the same table follows; false outside of tables.
@njit(cache=True, nogil=True)
def _make_table_room(name: int, tag: Tags, stack: Numbers, count: Numbers, end: Numbers) -> bool:
    for depth in range(count[_DEPTH] - 1, 0, -1):
        found = tag[stack[depth]]
        if found == _TABLE or found == _TEMPLATE:
            _pop(depth + 1, end, stack, count, tag)
            return True
        is_row = found == _TR
        is_group = found in (_TBODY, _THEAD, _TFOOT)
        if (name in (_TD, _TH) and (is_row or is_group)) or (name == _TR and is_group):
            _pop(depth + 1, end, stack, count, tag)
            return True
        if name == _COL and found == _COLGROUP:
            _pop(depth + 1, end, stack, count, tag)
            return True
    return False


@njit(cache=True, nogil=True)
def _leave_foreign(flags: Numbers, tag: Tags, stack: Numbers, count: Numbers, end: Numbers) -> None:
    for depth in range(count[_DEPTH] - 1, 0, -1):
        found = tag[stack[depth]]
        if found in (_FOREIGNOBJECT, _MTEXT, _ANNOTATION_XML, _DESC) or (
            flags[found] & SPECIAL and found != _SVG and found != _MATH
        ):
            return
        if found == _SVG or found == _MATH:
            _pop(depth, end, stack, count, tag)
            return


# A start tag, and all of a raw-text element; returns the position behind.
@njit(cache=True, nogil=True)
def _read_start(
    html: Bytes, start: int, xml: bool, tag_names: NameTable, attribute_names: NameTable,
    references: ReferenceTable, flags: Numbers, tag: Tags, parent: Numbers, end: Numbers,
    first: Numbers, last: Numbers, key: Tags, name_span: Numbers, value_span: Numbers, text: Bytes,
    stack: Numbers, count: Numbers,
) -> int:  # fmt: skip
    n = len(html)
    stop = start + 1
    while stop < n and not _is_space(html[stop]) and html[stop] not in (0x2F, 0x3E):
        stop += 1
    name = max(_look_up(html, start + 1, stop, tag_names, True), UNKNOWN)
    count[_SKIP_NEWLINE] = 0
    if name == HTML or name == _BODY or (name == _HEAD and count[_N_NODES] > 4):
        _leave_head(end, stack, count, tag)
        if name == HTML and first[0] == last[0]:
            first[0] = count[_N_ATTRIBUTES]
            after, _ = _read_attributes(html, stop, True, attribute_names, key, name_span,
                                        value_span, count)  # fmt: skip
            last[0] = count[_N_ATTRIBUTES]
            return after
        if name != _BODY or count[_DEPTH] > 1:
            after, _ = _read_attributes(html, stop, False, attribute_names, key, name_span,
                                        value_span, count)  # fmt: skip
            return after
    if not _make_room(name, flags, tag, stack, count, end):
        after, _ = _read_attributes(html, stop, False, attribute_names, key, name_span, value_span,
                                    count)  # fmt: skip
        return after
    node = _add(name, count, tag, parent, end, stack)
    first[node] = count[_N_ATTRIBUTES]
    after, closed = _read_attributes(html, stop, True, attribute_names, key, name_span, value_span,
                                     count)  # fmt: skip
    last[node] = count[_N_ATTRIBUTES]
    if flags[name] & VOID or (closed and (xml or count[_FOREIGN] > 0 or name in (_SVG, _MATH))):
        return after
    if flags[name] & RAW and count[_FOREIGN] == 0:
        return _read_raw(html, after, start + 1, stop, node, name, references, flags, text, count,
                         tag, parent, end, first, last, stack)  # fmt: skip
    if count[_DEPTH] < MAX_DEPTH:
        stack[count[_DEPTH]] = node
        count[_DEPTH] += 1
        if name == _SVG or name == _MATH:
            count[_FOREIGN] += 1
    if name == _PRE or name == _LISTING:
        count[_SKIP_NEWLINE] = 1
    return after


# The content of a raw-text element up to its own end tag, which html[name_start:name_stop] names.
@njit(cache=True, nogil=True)
def _read_raw(
    html: Bytes, start: int, name_start: int, name_stop: int, node: int, name: int,
    references: ReferenceTable, flags: Numbers, text: Bytes, count: Numbers, tag: Tags,
    parent: Numbers, end: Numbers, first: Numbers, last: Numbers, stack: Numbers,
) -> int:  # fmt: skip
    n = len(html)
    length = name_stop - name_start
    stop = n
    position = start
    while position + length + 2 <= n and name != _PLAINTEXT:
        if html[position] == 0x3C and html[position + 1] == 0x2F:
            same = True
            for index in range(length):
                mine, theirs = html[position + 2 + index], html[name_start + index]
                if mine | 0x20 != theirs | 0x20:
                    same = False
                    break
            after = position + 2 + length
            if same and (after == n or _is_space(html[after]) or html[after] in (0x2F, 0x3E)):
                stop = position
                break
        position += 1
    depth = count[_DEPTH]
    if depth < MAX_DEPTH:
        stack[depth] = node
        count[_DEPTH] += 1
    count[_SKIP_NEWLINE] = name == _TEXTAREA
    decode = flags[name] & REFERENCES != 0
    _append_raw(html, start, stop, references, decode, text, count, tag, parent, first, last, stack,
                end)  # fmt: skip
    count[_SKIP_NEWLINE] = 0
    _pop(depth, end, stack, count, tag)
    position = stop
    while position < n and html[position] != 0x3E:
        position += 1
    return position + 1


# An end tag; returns the position behind.
@njit(cache=True, nogil=True)
def _read_end(
    html: Bytes, start: int, tag_names: NameTable, flags: Numbers, tag: Tags, parent: Numbers,
    end: Numbers, first: Numbers, last: Numbers, stack: Numbers, count: Numbers,
) -> int:  # fmt: skip
    n = len(html)
    name_start = start + 2
    if name_start >= n:
        return n
    if not _is_letter(html[name_start]):  # `</>` is nothing, `</ …>` a comment
        position = name_start
        while position < n and html[position] != 0x3E:
            position += 1
        return position + 1
    stop = name_start
    while stop < n and not _is_space(html[stop]) and html[stop] not in (0x2F, 0x3E):
        stop += 1
    name = max(_look_up(html, name_start, stop, tag_names, True), UNKNOWN)
    after = _skip_attributes(html, stop)
    count[_SKIP_NEWLINE] = 0
    if name == HTML or name == _BODY:
        return after
    depth = _matching(name, flags, tag, stack, count, end)
    if depth > 0:
        _pop(depth, end, stack, count, tag)
    elif flags[name] & FORMATTING:
        _end_early(name, flags, tag, stack, count, end)
    elif name == _P or name == _BR:
        node = _add(name, count, tag, parent, end, stack)
        first[node] = last[node] = count[_N_ATTRIBUTES]
    return after


# The end of a formatting element that crosses a block which is still open: what follows is not in
# it any more, although the block is.
@njit(cache=True, nogil=True)
def _end_early(
    name: int, flags: Numbers, tag: Tags, stack: Numbers, count: Numbers, end: Numbers
) -> None:
    depth = _find_open(name, BARRIER, -1, flags, tag, stack, count, end)
    if depth > 0:
        end[stack[depth]] = -count[_N_NODES]


@njit(cache=True, nogil=True)
def _skip_attributes(html: Bytes, start: int) -> int:
    n = len(html)
    position = start
    in_name = False
    while position < n:
        byte = html[position]
        position += 1
        if byte == 0x3E:
            return position
        if byte == 0x3D and in_name:
            while position < n and _is_space(html[position]):
                position += 1
            if position < n and html[position] in (0x22, 0x27):
                quote = html[position]
                position += 1
                while position < n and html[position] != quote:
                    position += 1
                position += 1
            in_name = False
        elif byte == 0x2F or _is_space(byte):
            in_name = in_name and byte != 0x2F
        else:
            in_name = True
    return n


# The depth of the open element that an end tag closes, -1 if none.
@njit(cache=True, nogil=True)
def _matching(
    name: int, flags: Numbers, tag: Tags, stack: Numbers, count: Numbers, end: Numbers
) -> int:
    properties = flags[name]
    if properties & HEADING:
        for depth in range(count[_DEPTH] - 1, 0, -1):
            found = flags[tag[stack[depth]]]
            if found & HEADING:
                return depth
            if found & BARRIER:
                return -1
        return -1
    if properties & TABLE_PART or name == _TABLE:
        return _find_open(name, 0, -1 if name == _TABLE else _TABLE, flags, tag, stack, count, end)
    if name == _P:
        return _find_open(name, BARRIER, _BUTTON, flags, tag, stack, count, end)
    if name == _LI:
        return _find_list_item(flags, tag, stack, count)
    if name in (_TEMPLATE, _SVG, _MATH):
        return _find_open(name, 0, -1, flags, tag, stack, count, end)
    if properties & BARRIER or properties & SPECIAL:
        return _find_open(name, BARRIER, -1, flags, tag, stack, count, end)
    return _find_open(name, SPECIAL, -1, flags, tag, stack, count, end)


@njit(cache=True, nogil=True)
def _find_list_item(flags: Numbers, tag: Tags, stack: Numbers, count: Numbers) -> int:
    for depth in range(count[_DEPTH] - 1, 0, -1):
        found = tag[stack[depth]]
        if found == _LI:
            return depth
        if flags[found] & BARRIER or found in (_UL, _OL):
            return -1
    return -1
