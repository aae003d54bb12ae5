"""Which open elements a tag ends (HTML standard, section 13.2.6), by scopes in a bounded stack."""

from numba import njit

from stages.web.tree.elements import (
    BARRIER,
    BREAKOUT,
    CLOSES_P,
    HEAD,
    HEADING,
    SPECIAL,
    TABLE_PART,
    TAGS,
)
from stages.web.tree.state import DEPTH, END, FOREIGN, N_NODES, TAG, Build, close_to, leave_head

_A = TAGS["a"]
_ADDRESS = TAGS["address"]
_ANNOTATION_XML = TAGS["annotation-xml"]
_BUTTON = TAGS["button"]
_COL = TAGS["col"]
_COLGROUP = TAGS["colgroup"]
_DD = TAGS["dd"]
_DESC = TAGS["desc"]
_DIV = TAGS["div"]
_DT = TAGS["dt"]
_FOREIGNOBJECT = TAGS["foreignobject"]
_LI = TAGS["li"]
_MATH = TAGS["math"]
_MTEXT = TAGS["mtext"]
_OL = TAGS["ol"]
_OPTGROUP = TAGS["optgroup"]
_OPTION = TAGS["option"]
_P = TAGS["p"]
_RB = TAGS["rb"]
_RP = TAGS["rp"]
_RT = TAGS["rt"]
_RTC = TAGS["rtc"]
_SELECT = TAGS["select"]
_SVG = TAGS["svg"]
_TABLE = TAGS["table"]
_TBODY = TAGS["tbody"]
_TD = TAGS["td"]
_TEMPLATE = TAGS["template"]
_TFOOT = TAGS["tfoot"]
_TH = TAGS["th"]
_THEAD = TAGS["thead"]
_TR = TAGS["tr"]
_UL = TAGS["ul"]


# What the start of an element ends, before it is opened; false if the tag is to be ignored.
@njit(cache=True, nogil=True)
def make_room(b: Build, name: int) -> bool:
    properties = b.flags[name]
    if b.count[FOREIGN] > 0 and properties & BREAKOUT:
        _leave_foreign(b)
    if not properties & HEAD:
        leave_head(b)
    if properties & SPECIAL and name != _SELECT:
        depth = find_open(b, _SELECT, BARRIER, -1)
        if depth > 0:
            close_to(b, depth)
    current = b.nodes[b.stack[b.count[DEPTH] - 1], TAG]
    if properties & TABLE_PART:
        return _make_table_room(b, name)
    if properties & CLOSES_P:
        if name in (_LI, _DD, _DT):
            _close_item(b, name)
        _close_p(b)
        current = b.nodes[b.stack[b.count[DEPTH] - 1], TAG]
        if properties & HEADING and b.flags[current] & HEADING:
            close_to(b, b.count[DEPTH] - 1)
    elif name in (_OPTION, _OPTGROUP):
        while b.count[DEPTH] > 1 and b.nodes[b.stack[b.count[DEPTH] - 1], TAG] in (
            _OPTION,
            _OPTGROUP,
        ):
            if name == _OPTION and b.nodes[b.stack[b.count[DEPTH] - 1], TAG] == _OPTGROUP:
                break
            close_to(b, b.count[DEPTH] - 1)
    elif name in (_A, _BUTTON, _SELECT):
        depth = find_open(b, name, BARRIER, -1)
        if depth > 0:
            close_to(b, depth)
            return name != _SELECT
    elif name in (_RB, _RT, _RTC, _RP) and current in (_RB, _RT, _RTC, _RP):
        close_to(b, b.count[DEPTH] - 1)
    if name == _TABLE and current in (_TABLE, _TBODY, _THEAD, _TFOOT, _TR):
        depth = find_open(b, _TABLE, 0, _TEMPLATE)
        if depth > 0:
            close_to(b, depth)
    return True


# End the open item that a new `<li>`, `<dd>` or `<dt>` follows.
@njit(cache=True, nogil=True)
def _close_item(b: Build, name: int) -> None:
    for depth in range(b.count[DEPTH] - 1, 0, -1):
        found = b.nodes[b.stack[depth], TAG]
        if found == name or (name != _LI and found in (_DD, _DT)):
            close_to(b, depth)
            return
        if b.flags[found] & SPECIAL and found not in (_ADDRESS, _DIV, _P):
            return


# End cells, rows and groups that a part of the same table follows; false outside of tables.
@njit(cache=True, nogil=True)
def _make_table_room(b: Build, name: int) -> bool:
    for depth in range(b.count[DEPTH] - 1, 0, -1):
        found = b.nodes[b.stack[depth], TAG]
        if found in (_TABLE, _TEMPLATE):
            close_to(b, depth + 1)
            return True
        is_row = found == _TR
        is_group = found in (_TBODY, _THEAD, _TFOOT)
        if (name in (_TD, _TH) and (is_row or is_group)) or (name == _TR and is_group):
            close_to(b, depth + 1)
            return True
        if name == _COL and found == _COLGROUP:
            close_to(b, depth + 1)
            return True
    return False


@njit(cache=True, nogil=True)
def _leave_foreign(b: Build) -> None:
    for depth in range(b.count[DEPTH] - 1, 0, -1):
        found = b.nodes[b.stack[depth], TAG]
        if found in (_FOREIGNOBJECT, _MTEXT, _ANNOTATION_XML, _DESC) or (
            b.flags[found] & SPECIAL and found not in (_SVG, _MATH)
        ):
            return
        if found in (_SVG, _MATH):
            close_to(b, depth)
            return


@njit(cache=True, nogil=True)
def _close_p(b: Build) -> None:
    depth = find_open(b, _P, BARRIER, _BUTTON)
    if depth > 0:
        close_to(b, depth)


# The depth of the open element that an end tag closes, -1 if none.
@njit(cache=True, nogil=True)
def matching_depth(b: Build, name: int) -> int:
    properties = b.flags[name]
    if properties & HEADING:
        for depth in range(b.count[DEPTH] - 1, 0, -1):
            found = b.flags[b.nodes[b.stack[depth], TAG]]
            if found & HEADING:
                return depth
            if found & BARRIER:
                return -1
        return -1
    if properties & TABLE_PART or name == _TABLE:
        return find_open(b, name, 0, -1 if name == _TABLE else _TABLE)
    if name == _P:
        return find_open(b, name, BARRIER, _BUTTON)
    if name == _LI:
        return _find_list_item(b)
    if name in (_TEMPLATE, _SVG, _MATH):
        return find_open(b, name, 0, -1)
    if properties & BARRIER or properties & SPECIAL:
        return find_open(b, name, BARRIER, -1)
    return find_open(b, name, SPECIAL, -1)


@njit(cache=True, nogil=True)
def _find_list_item(b: Build) -> int:
    for depth in range(b.count[DEPTH] - 1, 0, -1):
        found = b.nodes[b.stack[depth], TAG]
        if found == _LI:
            return depth
        if b.flags[found] & BARRIER or found in (_UL, _OL):
            return -1
    return -1


# The end of a formatting element that crosses a block which is still open: what follows is not in
# it any more, although the block is.
@njit(cache=True, nogil=True)
def end_early(b: Build, name: int) -> None:
    depth = find_open(b, name, BARRIER, -1)
    if depth > 0:
        b.nodes[b.stack[depth], END] = -b.count[N_NODES]


# Depth of the innermost open element with this tag, -1 if an element with one of the properties
# `barrier` comes first (an open `stop`, too) or there is none.
@njit(cache=True, nogil=True)
def find_open(b: Build, name: int, barrier: int, stop: int) -> int:
    for depth in range(b.count[DEPTH] - 1, 0, -1):
        found = b.nodes[b.stack[depth], TAG]
        if found == name and b.nodes[b.stack[depth], END] >= 0:
            return depth
        if b.flags[found] & barrier or found == stop:
            return -1
    return -1
