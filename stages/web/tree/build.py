"""From the bytes of a page to a flat tree, in one pass and linear time.

Tokenising follows the HTML standard (section 13.2.5). Tree construction follows section 13.2.6
where readers would notice: implied ends of paragraphs, items, cells, rows and headings, void and
raw-text elements, scopes, SVG and MathML and what ends them. Simplified, because no text moves by
it: formatting elements are not reopened in the next block (where an end tag crosses a block, `end`
alone says where the element ends), and what stands in a table outside of cells stays there. No
stack of open elements is deeper than 512, as in browsers, so every search in it is bounded and no
page is quadratic.

Memory: 20 bytes a node and 20 an attribute, reserved for the number of `<` and `=` in the page,
and the text once: about three times the page in all.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from stages.kernels.arrow import Bytes
from stages.web.tree.characters import reference_table
from stages.web.tree.elements import (
    FORMATTING,
    RAW,
    REFERENCES,
    TAGS,
    TEXT,
    UNKNOWN,
    VOID,
    name_tables,
    properties,
)
from stages.web.tree.open_elements import end_early, make_room, matching_depth
from stages.web.tree.state import (
    DEPTH,
    END,
    FIRST,
    FOREIGN,
    LAST,
    MAX_DEPTH,
    N_ATTRIBUTES,
    N_NODES,
    N_TEXT,
    PARENT,
    SKIP_NEWLINE,
    TAG,
    Build,
    Numbers,
    add_node,
    close_to,
    leave_head,
)
from stages.web.tree.tokens import (
    cdata_end,
    cdata_start,
    copy_text,
    is_letter,
    is_space,
    look_up,
    raw_text_end,
    read_attributes,
    skip_attributes,
    skip_declaration,
    skip_line_end,
    text_end,
)

HTML = TAGS["html"]
_BODY = TAGS["body"]
_BR = TAGS["br"]
_HEAD = TAGS["head"]
_LISTING = TAGS["listing"]
_MATH = TAGS["math"]
_P = TAGS["p"]
_PLAINTEXT = TAGS["plaintext"]
_PRE = TAGS["pre"]
_SVG = TAGS["svg"]
_TEXTAREA = TAGS["textarea"]


class Tree(NamedTuple):
    """A page's nodes in document order, its attributes and its text.

    Of nodes: `tag` (0: text), `parent` (the root's is -1), `end` (the first node behind the
    subtree), `first` and `last`: of a text node its bytes in `text`, of an element its attributes.
    `attributes` int32[n, 5]: key (0: not in the table), and where in the page's bytes name and
    value begin and end, the value with its references still in it. All int32.
    """

    page: bytes
    tag: Numbers
    parent: Numbers
    end: Numbers
    first: Numbers
    last: Numbers
    attributes: Numbers
    text: Bytes


def build(page: bytes, *, xml: bool = False) -> Tree:
    """The tree of a page's UTF-8 bytes (at most 2 GiB). `xml`: `<x/>` closes any element."""
    n_tags, n_values = page.count(b"<"), page.count(b"=")
    b = Build(
        html=np.frombuffer(page, np.uint8),
        names=name_tables(),
        references=reference_table(),
        flags=properties(),
        nodes=np.zeros((2 * n_tags + 3, 5), np.int32),
        attributes=np.zeros((min(n_values + 4 * n_tags, len(page) // 2) + 1, 5), np.int32),
        text=np.empty(len(page) + len(page) // 5 + 64, np.uint8),
        stack=np.zeros(MAX_DEPTH, np.int32),
        count=np.zeros(6, np.int64),
    )
    _read(b, xml)
    columns = np.ascontiguousarray(b.nodes[: b.count[N_NODES]].T)
    return Tree(page, *columns, b.attributes[: b.count[N_ATTRIBUTES]], b.text[: b.count[N_TEXT]])


# Fills the arrays of `b`. Replaces lexbor's tree: tests/stages/web/tree.
@njit(cache=True, nogil=True)
def _read(b: Build, xml: bool) -> None:
    n = len(b.html)
    b.nodes[0, TAG], b.nodes[0, PARENT] = HTML, -1
    b.count[N_NODES], b.count[DEPTH] = 1, 1
    position = 0
    while position < n:
        byte = b.html[position]
        if byte != 0x3C or position + 1 >= n:
            position = _read_text(b, position)
            continue
        following = b.html[position + 1]
        if is_letter(following):
            position = _read_start(b, position, xml)
        elif following == 0x2F:
            position = _read_end(b, position)
        elif following in (33, 63):
            if xml or b.count[FOREIGN] > 0:
                inside = cdata_start(b.html, position)
                if inside > 0:
                    stop = cdata_end(b.html, inside)
                    _append_text(b, inside, stop, False)
                    position = min(stop + 3, n)
                    continue
            position = skip_declaration(b.html, position)
        else:
            position = _read_text(b, position)
    close_to(b, 0)


# Text up to the next `<` that begins markup, as one node; returns the position there.
@njit(cache=True, nogil=True)
def _read_text(b: Build, start: int) -> int:
    stop, blank = text_end(b.html, start)
    if not blank:
        leave_head(b)
    _append_text(b, start, stop, True)
    return stop


# html[start:stop] as a text node, or at the end of the text node that has just been added.
@njit(cache=True, nogil=True)
def _append_text(b: Build, start: int, stop: int, decode: bool) -> None:
    count = b.count
    begin = count[N_TEXT]
    if count[SKIP_NEWLINE]:
        count[SKIP_NEWLINE] = 0
        start = skip_line_end(b.html, start, stop)
    length = copy_text(b.html, start, stop, b.references, decode, b.text, begin)
    if length == begin:
        return
    count[N_TEXT] = length
    node = count[N_NODES] - 1
    above = b.stack[count[DEPTH] - 1]
    if (
        b.nodes[node, TAG] == TEXT
        and b.nodes[node, PARENT] == above
        and b.nodes[node, LAST] == begin
    ):
        b.nodes[node, LAST] = length
        return
    node += 1
    count[N_NODES] += 1
    b.nodes[node, TAG] = TEXT
    b.nodes[node, PARENT] = above
    b.nodes[node, END] = node + 1
    b.nodes[node, FIRST], b.nodes[node, LAST] = begin, length


# A start tag, and all of a raw-text element; returns the position behind.
@njit(cache=True, nogil=True)
def _read_start(b: Build, start: int, xml: bool) -> int:
    n = len(b.html)
    stop = start + 1
    while stop < n and not is_space(b.html[stop]) and b.html[stop] not in (0x2F, 0x3E):
        stop += 1
    name = max(look_up(b.html, start + 1, stop, b.names[0], True), UNKNOWN)
    b.count[SKIP_NEWLINE] = 0
    if name in (HTML, _BODY) or (name == _HEAD and b.count[N_NODES] > 4):
        leave_head(b)
        if name == HTML and b.nodes[0, FIRST] == b.nodes[0, LAST]:
            b.nodes[0, FIRST] = b.count[N_ATTRIBUTES]
            after, _ = read_attributes(b, stop, True)
            b.nodes[0, LAST] = b.count[N_ATTRIBUTES]
            return after
        if name != _BODY or b.count[DEPTH] > 1:
            after, _ = read_attributes(b, stop, False)
            return after
    if not make_room(b, name):
        after, _ = read_attributes(b, stop, False)
        return after
    node = add_node(b, name)
    b.nodes[node, FIRST] = b.count[N_ATTRIBUTES]
    after, closed = read_attributes(b, stop, True)
    b.nodes[node, LAST] = b.count[N_ATTRIBUTES]
    if b.flags[name] & VOID or (closed and (xml or b.count[FOREIGN] > 0 or name in (_SVG, _MATH))):
        return after
    if b.flags[name] & RAW and b.count[FOREIGN] == 0:
        return _read_raw(b, after, start + 1, stop, node, name)
    if b.count[DEPTH] < MAX_DEPTH:
        b.stack[b.count[DEPTH]] = node
        b.count[DEPTH] += 1
        if name in (_SVG, _MATH):
            b.count[FOREIGN] += 1
    if name in (_PRE, _LISTING):
        b.count[SKIP_NEWLINE] = 1
    return after


# The content of a raw-text element up to its own end tag, which html[name_start:name_stop] names.
@njit(cache=True, nogil=True)
def _read_raw(b: Build, start: int, name_start: int, name_stop: int, node: int, name: int) -> int:
    n = len(b.html)
    n = len(b.html)
    stop = n if name == _PLAINTEXT else raw_text_end(b.html, start, name_start, name_stop)
    depth = b.count[DEPTH]
    if depth < MAX_DEPTH:
        b.stack[depth] = node
        b.count[DEPTH] += 1
    b.count[SKIP_NEWLINE] = name == _TEXTAREA
    decode = b.flags[name] & REFERENCES != 0
    _append_text(b, start, stop, decode)
    b.count[SKIP_NEWLINE] = 0
    close_to(b, depth)
    position = stop
    while position < n and b.html[position] != 0x3E:
        position += 1
    return position + 1


# An end tag; returns the position behind.
@njit(cache=True, nogil=True)
def _read_end(b: Build, start: int) -> int:
    n = len(b.html)
    name_start = start + 2
    if name_start >= n:
        return n
    if not is_letter(b.html[name_start]):  # `</>` is nothing, `</ …>` a comment
        position = name_start
        while position < n and b.html[position] != 0x3E:
            position += 1
        return position + 1
    stop = name_start
    while stop < n and not is_space(b.html[stop]) and b.html[stop] not in (0x2F, 0x3E):
        stop += 1
    name = max(look_up(b.html, name_start, stop, b.names[0], True), UNKNOWN)
    after = skip_attributes(b.html, stop)
    b.count[SKIP_NEWLINE] = 0
    if name in (HTML, _BODY):
        return after
    depth = matching_depth(b, name)
    if depth > 0:
        close_to(b, depth)
    elif b.flags[name] & FORMATTING:
        end_early(b, name)
    elif name in (_P, _BR):
        node = add_node(b, name)
        b.nodes[node, FIRST] = b.nodes[node, LAST] = b.count[N_ATTRIBUTES]
    return after
