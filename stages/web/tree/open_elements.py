"""Which open elements a tag ends (HTML standard, section 13.2.6), by scopes in a bounded stack."""

from stages.kernels.compiling import int64, kernel
from stages.web.tree.elements import (
    BARRIER,
    BREAKOUT,
    BUTTON,
    CELL,
    CLOSES_P,
    ENDS_ITEM,
    FOREIGN_ROOT,
    GROUP,
    HEAD,
    HEADING,
    INTEGRATES,
    ITEM,
    ONE_AT_A_TIME,
    OPTIONS,
    ROW,
    RUBY,
    SPECIAL,
    TABLE,
    TABLE_PART,
    TAGS,
    TERM,
)
from stages.web.tree.state import DEPTH, FOREIGN, N_NODES, Build, close_to, innermost, leave_head

_COL = TAGS["col"]
_COLGROUP = TAGS["colgroup"]
_OPTGROUP = TAGS["optgroup"]
_OPTION = TAGS["option"]
_P = TAGS["p"]
_SELECT = TAGS["select"]
_TABLE = TAGS["table"]
_TEMPLATE = TAGS["template"]


@kernel
def make_room(b: Build, name: int) -> bool:  # noqa: PLR0912
    """What the start of an element ends, before it is opened; false if the tag is ignored."""
    properties = b.flags[name]
    if b.counts[FOREIGN] > 0 and properties & BREAKOUT:
        _leave_foreign(b)
    if not properties & HEAD:
        leave_head(b)
    if properties & SPECIAL and name != _SELECT:
        _close(b, int64(_SELECT), int64(BARRIER))
    if properties & TABLE_PART:
        return _make_table_room(b, name)
    if properties & CLOSES_P:
        if properties & (ITEM | TERM):
            _close_item(b, properties)
        _close(b, int64(_P), int64(BARRIER | BUTTON))
        if properties & HEADING and b.flags[innermost(b)] & HEADING:
            close_to(b, b.counts[DEPTH] - 1)
    elif properties & OPTIONS:
        current = innermost(b)
        while current == _OPTION or (current == _OPTGROUP and name == _OPTGROUP):
            close_to(b, b.counts[DEPTH] - 1)
            current = innermost(b)
    elif properties & ONE_AT_A_TIME:
        if _close(b, name, int64(BARRIER)):
            return name != _SELECT
    elif properties & RUBY and b.flags[innermost(b)] & RUBY:
        close_to(b, b.counts[DEPTH] - 1)
    if name == _TABLE:
        current = innermost(b)
        if b.flags[current] & (TABLE | GROUP | ROW) and current != _TEMPLATE:
            _close(b, name, int64(TABLE))
    return True


@kernel
def _close_item(b: Build, properties: int) -> None:
    """End the open item that a new `<li>`, `<dd>` or `<dt>` follows."""
    for depth in range(b.counts[DEPTH] - 1, 0, -1):
        found = b.flags[b.tag[b.stack[depth]]]
        if found & properties & (ITEM | TERM):
            close_to(b, depth)
            return
        if found & ENDS_ITEM:
            return


@kernel
def _make_table_room(b: Build, name: int) -> bool:
    """End cells, rows and groups that a part of the same table follows; false outside of tables."""
    properties = b.flags[name]
    for depth in range(b.counts[DEPTH] - 1, 0, -1):
        tag = b.tag[b.stack[depth]]
        found = b.flags[tag]
        if (
            found & TABLE
            or (properties & CELL and found & (ROW | GROUP))
            or (properties & ROW and found & GROUP)
            or (name == _COL and tag == _COLGROUP)
        ):
            close_to(b, depth + 1)
            return True
    return False


@kernel
def _leave_foreign(b: Build) -> None:
    for depth in range(b.counts[DEPTH] - 1, 0, -1):
        found = b.flags[b.tag[b.stack[depth]]]
        if found & FOREIGN_ROOT:
            close_to(b, depth)
            return
        if found & (SPECIAL | INTEGRATES):
            return


@kernel
def _close(b: Build, name: int, stops: int) -> bool:
    """End the innermost open element with this tag; whether there is one. (Constants are passed as
    `int(…)`: a literal would have this compiled once more.)"""
    depth = find_open(b, name, stops)
    if depth > 0:
        close_to(b, depth)
    return depth > 0


@kernel
def end_early(b: Build, name: int) -> None:
    """The end of a formatting element that crosses a block which is still open: what follows is not
    in it any more, although the block is."""
    depth = find_open(b, name, int64(BARRIER))
    if depth > 0:
        b.end[b.stack[depth]] = -b.counts[N_NODES]


@kernel
def find_open(b: Build, name: int, stops: int) -> int:
    """Depth of the innermost open element that an end tag of this name ends, -1 if an element with
    one of the properties `stops` comes first or there is none."""
    is_heading = b.flags[name] & HEADING
    for depth in range(b.counts[DEPTH] - 1, 0, -1):
        tag = b.tag[b.stack[depth]]
        found = b.flags[tag]
        if found & is_heading or (tag == name and b.end[b.stack[depth]] >= 0):
            return depth
        if found & stops:
            return -1
    return -1
