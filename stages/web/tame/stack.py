"""The elements that are open, and what closes them (WHATWG HTML, section 13.2.6.4.7 and after).

Whatever a start tag closes by the standard is closed in writing. So the parser that reads the
result never has more elements open than are on this stack (but a `<tbody>` or `<tr>` it adds
itself), and never one to open again.
"""

import numpy as np

from stages.web.tame import elements as el
from stages.web.tame import page as pg
from stages.web.tame.page import Page
from stages.web.tame.tokens import as_bytes, kernel

MAX_DEPTH = 128
"""Browsers cut at 512; of 6,000 crawled pages the deepest has 51."""
MAX_USUAL_DEPTH = 32
"""What is left of it once a page has used up its `MAX_STEPS`."""
MAX_FORMATTING = 16
MAX_LISTS = 10

KEY, FLAGS, NAME, NAME_END, WAS_FOREIGN, IS_SHOWN = range(pg.STACK, pg.STACK + pg.N_COLUMNS)
"""Where in `memory` is what is known of the outermost element; `N_COLUMNS` on, of the next. Those
that are too deep to be written leave line ends."""

_LINE_END = as_bytes("\n")
_ROWS = el.TABLE | el.ROWS | el.ROW
_FOLLOWING = el.HEADING | el.OPTION | el.RUBY
"""Each ends the one before it, unless something else is open inside that."""
_PARTS = el.ROWS | el.ROW | el.CELL | el.CAPTION


@kernel
def find(page: Page, flags: int, key: int, barrier: int) -> int:
    """The innermost open element of a group or key, none of `barrier` being inside it; else -1."""
    memory = page.memory
    level = memory[pg.DEPTH] - 1
    while level >= 0:
        row = level * pg.N_COLUMNS
        if memory[row + FLAGS] & flags or memory[row + KEY] == key:
            return int(level)
        if memory[row + FLAGS] & barrier:
            return -1
        level -= 1
    return -1


@kernel
def has_room(page: Page) -> bool:
    """Whether one more element is written."""
    memory = page.memory
    max_depth = MAX_DEPTH if memory[pg.STEPS] < pg.MAX_STEPS else MAX_USUAL_DEPTH
    return bool(memory[pg.DEPTH] < max_depth and memory[pg.NODES] < pg.MAX_NODES)


@kernel
def is_between_cells(page: Page) -> bool:
    """Whether text would be in a table, but in no cell."""
    top = page.memory[pg.DEPTH] - 1
    return bool(top >= 0 and page.memory[top * pg.N_COLUMNS + FLAGS] & _ROWS)


@kernel
def push(page: Page, key: int, flags: int, name: int, name_end: int, n_attributes: int) -> bool:
    """Open an element; false if it is one too many to be remembered."""
    memory = page.memory
    depth = memory[pg.DEPTH]
    if depth == pg.N_STACK or (flags & el.FORMATTING and memory[pg.FORMATTING] == MAX_FORMATTING):
        return False
    is_shown = has_room(page) and not (flags & el.LIST and memory[pg.LISTS] >= MAX_LISTS)
    row = depth * pg.N_COLUMNS
    memory[row + KEY], memory[row + FLAGS] = key, flags
    memory[row + NAME], memory[row + NAME_END] = name, name_end
    memory[row + WAS_FOREIGN], memory[row + IS_SHOWN] = memory[pg.FOREIGN], is_shown
    if flags & (el.FOREIGN | el.INTEGRATES):
        memory[pg.FOREIGN] = flags & el.FOREIGN
    memory[pg.DEPTH] += 1
    _count(page, flags, np.int64(1))
    if is_shown:
        pg.put_tag(page, name, name_end, n_attributes)
    elif flags & el.SPECIAL:
        pg.put(page, _LINE_END)
    return True


@kernel
def pop_to(page: Page, depth: int) -> None:
    """Close all elements above."""
    memory = page.memory
    while memory[pg.DEPTH] > depth:
        memory[pg.DEPTH] -= 1
        row = memory[pg.DEPTH] * pg.N_COLUMNS
        memory[pg.FOREIGN] = memory[row + WAS_FOREIGN]
        _count(page, memory[row + FLAGS], np.int64(-1))
        if memory[row + IS_SHOWN]:
            pg.put_end(page, memory[row + NAME], memory[row + NAME_END])
        elif memory[row + FLAGS] & el.SPECIAL:
            pg.put(page, _LINE_END)


@kernel
def _count(page: Page, flags: int, step: int) -> None:
    if flags & el.FORMATTING:
        page.memory[pg.FORMATTING] += step
    elif flags & el.P:
        page.memory[pg.PARAGRAPHS] += step
    elif flags & el.LIST:
        page.memory[pg.LISTS] += step
    elif flags & el.FORM:
        page.memory[pg.FORMS] += step


@kernel
def make_room(page: Page, flags: int) -> bool:
    """Close what the start of an element closes; false if the element cannot begin here."""
    memory = page.memory
    if flags & el.BREAKS_OUT:
        while memory[pg.FOREIGN]:
            pop_to(page, memory[pg.DEPTH] - 1)
    if memory[pg.FOREIGN]:
        return True
    if flags & (_PARTS | el.TABLE) and not _make_room_in_table(page, flags):
        return False
    if flags & el.FORM and memory[pg.FORMS]:
        return False
    if flags & el.CLOSES_P and memory[pg.PARAGRAPHS]:
        _close(page, el.P, el.SCOPE | el.BUTTON)
    if flags & (el.ITEM | el.TERM):
        _close(page, flags & (el.ITEM | el.TERM), el.HOLDS_ITEMS)
    elif flags & el.LINK:
        _close(page, el.LINK, el.SPECIAL)
    elif flags & el.BUTTON:
        _close(page, el.BUTTON, el.SCOPE)
    elif flags & _FOLLOWING:
        while memory[pg.DEPTH]:
            top = memory[pg.DEPTH] - 1
            if not memory[top * pg.N_COLUMNS + FLAGS] & flags & _FOLLOWING:
                break
            pop_to(page, top)
    return True


@kernel
def _close(page: Page, flags: int, barrier: int) -> None:
    level = find(page, np.int64(flags), np.int64(0), np.int64(barrier))
    if level >= 0:
        pop_to(page, level)


@kernel
def _make_room_in_table(page: Page, flags: int) -> bool:
    """Close what is between a table and its new part; false for a part without a table."""
    nothing = np.int64(0)
    if flags & el.TABLE:  # a table in a table that is not in a cell ends it
        if find(page, np.int64(_ROWS), nothing, np.int64(el.CELL | el.CAPTION)) >= 0:
            pop_to(page, find(page, np.int64(el.TABLE), nothing, nothing))
        return True
    context = np.int64(el.TABLE)
    if flags & (el.CELL | el.ROW):
        context |= el.ROWS
    if flags & el.CELL:
        context |= el.ROW
    level = find(page, context, nothing, nothing)
    if level >= 0:
        pop_to(page, level + 1)
    return level >= 0
