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

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from stages.kernels.arrow import Bytes
from stages.kernels.compiling import entry, int64, kernel, pointer, stamp
from stages.web.tree.characters import reference_table
from stages.web.tree.elements import (
    ALWAYS_CLOSED,
    FOREIGN_ROOT,
    FORMATTING,
    PREFORMATTED,
    RAW,
    REFERENCES,
    SLOTS,
    TAGS,
    TEXT,
    VOID,
    name_tables,
    properties,
)
from stages.web.tree.names import look_up_tag
from stages.web.tree.open_elements import end_early, find_open, make_room
from stages.web.tree.state import (
    DEPTH,
    FOREIGN,
    MAX_DEPTH,
    MAX_NODES,
    MOST_ATTRIBUTES,
    N_ATTRIBUTES,
    N_NODES,
    N_PLACES,
    N_TEXT,
    SKIP_NEWLINE,
    STACK,
    STAMP,
    XML,
    Build,
    Counters,
    Hashes,
    Numbers,
    add_node,
    close_to,
    leave_head,
)
from stages.web.tree.tokens import (
    begins_markup,
    cdata_end,
    cdata_start,
    copy_text,
    is_letter,
    name_end,
    raw_text_end,
    read_attributes,
    skip_attributes,
    skip_declaration,
    skip_line_end,
    tag_end,
    text_end,
)

HTML = TAGS["html"]
_BODY = TAGS["body"]
_HEAD = TAGS["head"]
_PLAINTEXT = TAGS["plaintext"]
_TEXTAREA = TAGS["textarea"]


class Tree(NamedTuple):
    """A page's nodes in document order, its attributes and its text.

    Of nodes: `tag` (0: text), `parent` (the root's is -1), `end` (the first node behind the
    subtree), `first` and `last`: of a text node its bytes in `text`, of an element its attributes.
    `attributes` int32[n, 5]: key (0: not in the table), and where in the page's bytes name and
    value begin and end, the value with its references still in it. `nodes` int32[5, n]: the first
    five, of which these are the rows. All int32, contiguous.
    """

    page: bytes
    tag: Numbers
    parent: Numbers
    end: Numbers
    first: Numbers
    last: Numbers
    attributes: Numbers
    text: Bytes
    nodes: Numbers


def build(page: bytes, *, xml: bool = False) -> Tree:
    """The tree of a page's UTF-8 bytes (at most 2 GiB). `xml`: `<x/>` closes any element."""
    html = np.frombuffer(page, np.uint8)
    n_tags, n_values = (int(np.count_nonzero(html == sign)) for sign in b"<=")
    most_attributes = min(n_values + 4 * n_tags, len(page) // 2) + 1
    columns = np.zeros((5, min(2 * n_tags, MAX_NODES) + 3), np.int32)
    attributes = np.zeros((most_attributes, N_PLACES), np.int32)
    text = np.empty(len(page) + len(page) // 5 + 64, np.uint8)
    count = np.zeros(STACK + MAX_DEPTH, np.int64)
    count[XML], count[MOST_ATTRIBUTES] = xml, most_attributes
    _read(html, _hashes(), properties(), columns, attributes, text, count)
    nodes = np.ascontiguousarray(columns[:, : count[N_NODES]])
    tag, parent, end, first, last = nodes
    kept, written = attributes[: count[N_ATTRIBUTES]], text[: count[N_TEXT]]
    return Tree(page, tag, parent, end, first, last, kept, written, nodes)


@cache
def _hashes() -> Hashes:
    return np.concatenate([name_tables(), reference_table()])


def _compiled(stamp: int) -> Callable[..., None]:
    """The loop over the page; it fills the last four. Replaces lexbor: tests/stages/web/tree."""

    def read(
        html: Bytes, hashes: Hashes, properties: Numbers, columns: Numbers, attributes: Numbers,
        text: Bytes, count: Counters,
    ) -> None:  # fmt: skip
        rows = columns.shape[1]
        b = Build(
            html=pointer(html, 0),
            n=len(html),
            elements=pointer(hashes, 0),
            keys=pointer(hashes, 2 * SLOTS),
            references=pointer(hashes, 4 * SLOTS),
            flags=pointer(properties, 0),
            scope=pointer(properties, properties.shape[1]),
            tag=pointer(columns, 0),
            parent=pointer(columns, rows),
            end=pointer(columns, 2 * rows),
            first=pointer(columns, 3 * rows),
            last=pointer(columns, 4 * rows),
            attributes=pointer(attributes, 0),
            text=pointer(text, 0),
            stack=pointer(count, STACK),
            counts=pointer(count, 0),
        )
        count[STAMP] = stamp
        b.tag[0], b.parent[0] = HTML, -1
        count[N_NODES], count[DEPTH] = 1, 1
        position = int64(0)
        while position < b.n and count[N_NODES] < MAX_NODES:
            following = b.html[position + 1] if position + 1 < b.n else b.html[position]
            if b.html[position] != 0x3C or not begins_markup(following):
                position = _read_text(b, position)
            elif following == 0x2F:
                position = _read_end(b, position)
            elif following == 0x21 or following == 0x3F:
                position = _read_declaration(b, position)
            else:
                position = _read_start(b, position)
        close_to(b, int64(0))

    return entry(read)


@kernel
def _read_declaration(b: Build, start: int) -> int:
    """What is not shown, or a CDATA section; returns the position behind."""
    inside = cdata_start(b, start) if b.counts[XML] + b.counts[FOREIGN] > 0 else 0
    if inside == 0:
        return skip_declaration(b, start)
    stop = cdata_end(b, inside)
    _append_text(b, inside, stop, inside < 0)
    return stop + 3


@kernel
def _read_text(b: Build, start: int) -> int:
    """Text up to the next `<` that begins markup, as one node; returns the position there."""
    stop, blank = text_end(b, start)
    if not blank:
        leave_head(b)
    _append_text(b, start, stop, stop > start)
    return stop


@kernel
def _append_text(b: Build, start: int, stop: int, decode: bool) -> None:
    """html[start:stop] as a text node, or at the end of the text node that was just added."""
    count = b.counts
    begin = count[N_TEXT]
    if count[SKIP_NEWLINE]:
        count[SKIP_NEWLINE] = 0
        start = skip_line_end(b, start, stop)
    length = copy_text(b, start, stop, decode)
    if length == begin:
        return
    count[N_TEXT] = length
    node = count[N_NODES] - 1
    above = b.stack[count[DEPTH] - 1]
    if b.tag[node] != TEXT or b.parent[node] != above or b.last[node] != begin:
        node = add_node(b, int64(TEXT))
        b.first[node] = begin
    b.last[node] = length


@kernel
def _read_start(b: Build, start: int) -> int:
    """A start tag, and all of a raw-text element; returns the position behind."""
    count = b.counts
    stop = name_end(b, start + 1)
    name = look_up_tag(b, start + 1, stop)
    count[SKIP_NEWLINE] = 0
    node = _place(b, name)
    if node >= 0:
        b.first[node] = count[N_ATTRIBUTES]
    after, closed = read_attributes(b, stop, node >= 0)
    if node >= 0:
        b.last[node] = count[N_ATTRIBUTES]
    flags = b.flags[name]
    if node <= 0 or flags & VOID:
        return after
    if closed and (flags & FOREIGN_ROOT or count[XML] + count[FOREIGN] > 0):
        return after
    if flags & RAW and count[FOREIGN] == 0:
        return _read_raw(b, after, start + 1, stop, node)
    if count[DEPTH] < MAX_DEPTH:
        b.stack[count[DEPTH]] = node
        count[DEPTH] += 1
        if flags & FOREIGN_ROOT:
            count[FOREIGN] += 1
    if flags & PREFORMATTED:
        count[SKIP_NEWLINE] = 1
    return after


@kernel
def _place(b: Build, name: int) -> int:
    """The node of a start tag, in its place: of the first `<html>` the root, -1 to ignore it."""
    if name == HTML or name == _BODY or (name == _HEAD and b.counts[N_NODES] > 4):
        leave_head(b)
        if name == HTML and b.first[0] == b.last[0]:
            return 0
        if name != _BODY or b.counts[DEPTH] > 1:
            return -1
    return add_node(b, name) if make_room(b, name) else -1


@kernel
def _read_raw(b: Build, start: int, name_start: int, name_stop: int, node: int) -> int:
    """The content of a raw-text element up to its own end tag, which html[name_start:name_stop]
    names; returns the position behind."""
    count = b.counts
    name = b.tag[node]
    stop = b.n if name == _PLAINTEXT else raw_text_end(b, start, name_start, name_stop)
    depth = count[DEPTH]
    if depth < MAX_DEPTH:
        b.stack[depth] = node
        count[DEPTH] += 1
    count[SKIP_NEWLINE] = name == _TEXTAREA
    _append_text(b, start, stop, b.flags[name] & REFERENCES != 0)
    count[SKIP_NEWLINE] = 0
    close_to(b, depth)
    return tag_end(b, stop)


@kernel
def _read_end(b: Build, start: int) -> int:
    """An end tag; returns the position behind."""
    begin = start + 2
    if begin >= b.n or not is_letter(b.html[begin]):  # `</>` is nothing, `</ …>` a comment
        return tag_end(b, begin)
    stop = name_end(b, begin)
    name = look_up_tag(b, begin, stop)
    after = skip_attributes(b, stop)
    b.counts[SKIP_NEWLINE] = 0
    if name == HTML or name == _BODY:
        return after
    depth = find_open(b, name, b.scope[name])
    flags = b.flags[name]
    if depth > 0:
        close_to(b, depth)
    elif flags & FORMATTING:
        end_early(b, name)
    elif flags & ALWAYS_CLOSED:
        node = add_node(b, name)
        b.first[node] = b.last[node] = b.counts[N_ATTRIBUTES]
    return after


_read = _compiled(stamp("stages.web.tree", "stages.kernels.compiling"))
