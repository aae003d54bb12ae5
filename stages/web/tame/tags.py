"""What each tag of the page does."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, cast
from zlib import crc32

import numpy as np
from numba import njit

from stages.web.tame import elements as el
from stages.web.tame import page as pg
from stages.web.tame import tokens as tk
from stages.web.tame.page import Page
from stages.web.tame.stack import find, has_room, is_between_cells, make_room, pop_to, push
from stages.web.tame.tokens import Bytes, kernel

FORMULA_TAG = "math-tex"
"""What a `<script type="math/tex">` becomes."""

_DOCTYPE = tk.as_bytes("<!DOCTYPE html>")
_BREAK, _PARAGRAPH, _LINE_END = map(tk.as_bytes, ("<br>", "<p></p>", "\n"))
_STRAY, _STRAY_END = tk.as_bytes("<span>"), tk.as_bytes("</span>")
_PRE, _PRE_END = tk.as_bytes("<pre"), tk.as_bytes("</pre>")
_TEX, _TEX_END = tk.as_bytes(f"<{FORMULA_TAG}"), tk.as_bytes(f"</{FORMULA_TAG}>")
_CDATA, _TYPE, _MATH = tk.as_bytes("<![CDATA["), tk.as_bytes("type"), tk.as_bytes("math/")

_ONCE = el.HTML | el.HEAD | el.BODY
_MUTES = el.TEMPLATE | el.SELECT
_FOREIGN = el.FOREIGN | el.UNREAD | el.SCRIPT
_FOREIGN_INTEGRATION = el.INTEGRATES | el.SPECIAL | el.SCOPE | el.HOLDS_ITEMS
_TABLE_PARTS = el.TABLE | el.CAPTION | el.ROWS | el.ROW | el.CELL


def tame(html: str) -> bytes:
    """The page as well-nested HTML in UTF-8."""
    data = np.frombuffer(html.encode("utf-8", "replace"), np.uint8)
    n_strays = min(len(data), pg.MAX_NODES)
    size = len(_DOCTYPE) + pg.GROWTH * len(data) + n_strays * (len(_STRAY) + len(_STRAY_END))
    page = Page(data, np.empty(size, np.uint8), np.zeros(pg.N_MEMORY, np.int64))
    page.memory[pg.TABLE :] = _elements()
    return page.out[: _write(page)].tobytes()


_elements = cache(el.element_table)


def _compiled(stamp: int) -> Callable[[Page], int]:
    """The loop over the page. Numba keeps what it compiles until this file changes, whatever
    becomes of the others: `stamp` is in the key, and stands for them."""

    def write(page: Page) -> int:
        data = page.data
        page.memory[pg.STAMP] = stamp
        pg.put(page, _DOCTYPE)
        at: int | np.int64 = np.int64(0)
        while at < len(data):
            start = at
            while at < len(data) and data[at] != tk.LESS:
                at += 1
            _put_shown(page, start, at)
            if at < len(data):
                at = _markup(page, at)
        return int(page.memory[pg.OUT])

    compiled: Callable[[Page], int]
    compiled = cast(Any, njit)(cache=True, nogil=True, _nrt=False)(write)
    return compiled


@kernel
def _markup(page: Page, at: int) -> int:
    """Behind what begins with the "<" at `at`."""
    data = page.data
    first = np.int64(data[at + 1]) if at + 1 < len(data) else 0
    second = np.int64(data[at + 2]) if at + 2 < len(data) else 0
    if tk.is_letter(first):
        return _start_tag(page, at + 1)
    if first == tk.SLASH and tk.is_letter(second):
        return _end_tag(page, at + 2)
    if first == tk.BANG and page.memory[pg.FOREIGN] and tk.starts_with(data, at, _CDATA):
        start, end = at + len(_CDATA), tk.find_character_data_end(data, at + len(_CDATA))
        _put_shown(page, start, end)
        return end + 3
    if first == tk.BANG or first == tk.SLASH or first == 63:  # noqa: PLR1714 - 63 is ?
        return tk.skip_declaration(data, at)
    _put_shown(page, at, at + 1)
    return at + 1


@kernel
def _start_tag(page: Page, name: int) -> int:
    """Behind a start tag, and what belongs to it and is not markup."""
    name_end, key = tk.read_name(page.data, name)
    end, n_attributes, closes = tk.read_attributes(page.data, name_end, page.memory, pg.FOUND)
    if end > len(page.data):
        return end
    flags = _flags(page, key)
    was_foreign = page.memory[pg.FOREIGN]
    if was_foreign and not flags & el.BREAKS_OUT:  # <title> is another there, <td> is none
        flags &= _FOREIGN_INTEGRATION if flags & el.INTEGRATES else _FOREIGN
    elif flags & el.INTEGRATES and not flags & el.VERBATIM:
        flags = 0
    if flags & (el.UNREAD | el.VERBATIM):
        if closes and was_foreign:
            return end
        return _verbatim(page, flags, name, name_end, end, n_attributes)
    if key != 0 and not _is_mute(page, flags, np.int64(1)):
        is_open = _element(page, key, flags, name, name_end, n_attributes)
        if is_open and closes and was_foreign:
            pop_to(page, page.memory[pg.DEPTH] - 1)
    return end


@kernel
def _element(page: Page, key: int, flags: int, name: int, name_end: int, n_attributes: int) -> bool:
    """Begin an element; whether it is open now."""
    memory = page.memory
    if flags & _MUTES:
        memory[pg.MUTE], memory[pg.MUTED] = flags & _MUTES, 1
    elif flags & _ONCE:
        if not memory[pg.SEEN] & flags & _ONCE:
            pg.put_tag(page, name, name_end, n_attributes)
        memory[pg.SEEN] |= flags & _ONCE
    elif not flags & el.UNUSED and make_room(page, flags):
        if not flags & el.VOID:
            return push(page, key, flags, name, name_end, n_attributes)
        if has_room(page):
            pg.put_tag(page, name, name_end, n_attributes)
        elif flags & el.BREAK:
            pg.put(page, _LINE_END)
    return False


@kernel
def _end_tag(page: Page, name: int) -> int:
    """Behind an end tag."""
    name_end, key = tk.read_name(page.data, name)
    end, _, _ = tk.read_attributes(page.data, name_end, page.memory, pg.FOUND)
    flags = _flags(page, key)
    if end > len(page.data) or key == 0 or _is_mute(page, flags, np.int64(-1)):
        return end
    level = find(page, flags & el.HEADING, key, _barrier(flags))
    if level >= 0:
        pop_to(page, level)
    elif flags & (el.P | el.BREAK):  # an end tag that is an element
        make_room(page, flags)
        _put_node(page, _PARAGRAPH if flags & el.P else _BREAK)
    return end


@kernel
def _barrier(flags: int) -> int:
    """What an end tag does not reach beyond."""
    if flags & el.P:
        return el.SCOPE | el.BUTTON
    if flags & el.ITEM:
        return el.SCOPE | el.LIST
    if flags & _TABLE_PARTS:
        return el.TABLE
    return el.SCOPE if flags & el.SPECIAL else el.SPECIAL


@kernel
def _is_mute(page: Page, flags: int, step: int) -> bool:
    """Whether a start (1) or end tag (-1) belongs to a template or to options, which are not
    shown. A block that cannot be in a `<select>` shows that it was never closed."""
    memory = page.memory
    if memory[pg.MUTE] == el.TEMPLATE:
        if flags & el.TEMPLATE:
            memory[pg.MUTED] += step
    elif memory[pg.MUTE] == el.SELECT:
        if flags & el.SELECT:
            memory[pg.MUTED] = 0
        elif flags & el.SPECIAL and not flags & el.IN_SELECT:
            memory[pg.MUTE] = 0
            return False
    else:
        return False
    if memory[pg.MUTED] == 0:
        memory[pg.MUTE] = 0
    return True


@kernel
def _verbatim(
    page: Page, flags: int, name: int, name_end: int, start: int, n_attributes: int
) -> int:
    """Behind an element whose text is not markup; `start` is the end of its start tag."""
    data = page.data
    stop = len(data)
    if not flags & el.ENDLESS:
        stop = tk.find_end_tag(data, start, name, name_end, flags & el.SCRIPT != 0)
    is_read = not flags & el.UNREAD
    if flags & el.SCRIPT:
        is_read = _is_formula(page, n_attributes)
    if is_read and not _is_mute(page, flags, np.int64(1)) and has_room(page):
        make_room(page, flags)
        is_raw = flags & (el.SCRIPT | el.PREFORMATTED) != 0
        if flags & el.SCRIPT:
            pg.put(page, _TEX)
            pg.put_attributes(page, n_attributes)
            pg.put_text(page, start, stop, is_raw)
            pg.put(page, _TEX_END)
        elif flags & el.PREFORMATTED:
            pg.put(page, _PRE)
            pg.put_attributes(page, n_attributes)
            pg.put_text(page, start, stop, is_raw)
            pg.put(page, _PRE_END)
        else:
            pg.put_tag(page, name, name_end, n_attributes)
            pg.put_text(page, start, stop, is_raw)
            pg.put_end(page, name, name_end)
    if stop == len(data):
        return stop
    end, _, _ = tk.read_attributes(data, stop + 2 + name_end - name, page.memory, pg.FOUND)
    return int(end)


@kernel
def _is_formula(page: Page, n_attributes: int) -> bool:
    """Whether a script holds a formula by its `type`."""
    data, memory = page.data, page.memory
    for row in range(pg.FOUND, pg.FOUND + 4 * n_attributes, 4):
        is_type = memory[row + 1] - memory[row] == len(_TYPE)
        if is_type and tk.starts_with(data, memory[row], _TYPE):
            return tk.starts_with(data, memory[row + 2], _MATH)
    return False


@kernel
def _put_shown(page: Page, start: int, end: int) -> None:
    """Write text, unless nothing is shown. Text between the cells of a table gets an element of
    its own: a parser puts it before the table, and would append it to what it put there before."""
    if page.memory[pg.MUTE]:
        return
    is_stray = is_between_cells(page) and has_room(page)
    at = start
    while is_stray and at < end and tk.is_blank(np.int64(page.data[at])):
        at += 1
    if is_stray and at < end:
        _put_node(page, _STRAY)
        pg.put_text(page, start, end, np.bool_(False))
        pg.put(page, _STRAY_END)
    else:
        pg.put_text(page, start, end, np.bool_(False))


@kernel
def _put_node(page: Page, text: Bytes) -> None:
    """Write an element of our own, unless there are too many."""
    if has_room(page):
        page.memory[pg.NODES] += 1
        pg.put(page, text)


@kernel
def _flags(page: Page, key: int) -> int:
    """The groups of an element; 0 for one that HTML does not know."""
    memory = page.memory
    slot = key & (el.N_SLOTS - 1)
    while memory[pg.TABLE + 2 * slot + 1]:
        if memory[pg.TABLE + 2 * slot] == key:
            return int(memory[pg.TABLE + 2 * slot + 1])
        slot = (slot + 1) & (el.N_SLOTS - 1)
    return 0


_write = _compiled(
    crc32(b"".join(p.read_bytes() for p in sorted(Path(__file__).parent.glob("*.py"))))
)
