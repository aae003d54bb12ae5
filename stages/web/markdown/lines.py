"""Code whose lines are elements and whose white space a style sheet keeps, which nobody sees here.

What gives it away: rows that begin with the numbers 1, 2, 3 … as elements of their own; children
that are called lines; or lines that end in `<br>` or are elements, and are indented by no-break
spaces.
"""

import re
from itertools import pairwise

from stages.web.markdown.source import Source
from stages.web.tree.elements import TAGS
from stages.web.tree.state import Numbers

MIN_LINES = 2
MAX_WORDS = 40
MAX_BYTES = 100_000
"""Of one block of code that is told by its lines."""

_ROWS = frozenset(TAGS[name] for name in ("tr", "div", "li", "p"))
_CELLS = frozenset(TAGS[name] for name in ("td", "th"))
_WRAPPERS = frozenset(TAGS[name] for name in ("table", "thead", "tbody", "tr", "div", "ol", "ul"))
_IN_LINE = frozenset(
    TAGS[name]
    for name in ("#text", "#unknown", "a", "b", "br", "code", "em", "font", "i", "span", "strong",
                 "sub", "sup", "tt", "u", "var", "wbr")
)  # fmt: skip
_IN_GROUPS = _IN_LINE | {TAGS["div"]}
_LINES = _IN_GROUPS | {TAGS["p"]}
_SPAN = TAGS["span"]
_TABLE, _TR, _TH, _BR = (TAGS[name] for name in ("table", "tr", "th", "br"))
_NUMBER = re.compile(r"[\s\u00a0]*(\d{1,6})[\s\u00a0:.|]*")
_INDENTED = re.compile("(?:^|\n)\\s*\u00a0[\u00a0 ]|\u00a0 ?\u00a0")
_CALLED_LINE = re.compile(r"(?:^|[-_])lines?(?:$|[-_])|(?:^|[a-z])Line(?:$|[A-Z])")


def numbered_block(source: Source, node: int) -> int:
    """The element whose rows are numbered by elements like the one at `node`; -1 if there is
    none."""
    row = node
    for _ in range(4):
        if source.tag[row] in _ROWS and row != node:
            break
        row = source.parent[row]
        if row <= 0:
            return -1
    block = source.parent[row]
    for _ in range(2):
        if source.tag[row] == _TR and source.tag[block] != _TABLE and block > 0:
            block = source.parent[block]
    is_code = block > 0 and source.end[block] - block < MAX_BYTES // 8
    return block if is_code and _is_numbered(source, block, source.tag[row]) else -1


def is_code_by_lines(source: Source, node: int) -> bool:
    """Whether an element that is called code, or is in a monospaced font, holds lines of it."""
    start, stop = source.text_span(node)
    if not 0 < stop - start < MAX_BYTES:
        return False
    inside = source.tags(node + 1, source.end[node])
    if _IN_GROUPS.issuperset(inside) and _names_kinds(source, node):
        return True
    if _IN_LINE.issuperset(inside):
        return _BR in inside and _INDENTED.search(source.text(node)) is not None
    if _LINES.issuperset(inside) and _INDENTED.search(source.text(node)) is not None:
        rows = [child for child in source.children(node) if source.tag[child]]
        if len(rows) >= MIN_LINES and all(source.tag[row] in _ROWS for row in rows):
            return True
    if source.tag[node] == _TABLE:
        return _is_numbered(source, node, _TR)
    lines = [child for child in source.children(node) if source.tag[child]]
    for _ in range(4):
        if len(lines) != 1 or source.tag[lines[0]] not in _WRAPPERS:
            break
        lines = [child for child in source.children(lines[0]) if source.tag[child]]
    return len(lines) >= MIN_LINES and all(
        any(_CALLED_LINE.search(name) for name in source.classes(line)) for line in lines
    )


def _names_kinds(source: Source, node: int) -> bool:
    """Whether the first words below a node say what they are, as coqdoc's do: `class="id"
    title="keyword"`."""
    for inner in range(node + 1, min(source.end[node], node + MAX_WORDS)):
        if source.tag[inner] == _SPAN and "id" in source.classes(inner):
            return "title" in source.attributes(inner)
    return False


def drop_heads(source: Source, table: int, role: Numbers, drop: int) -> None:
    """Leave out rows of a table of code that head its columns."""
    for row in _rows(source, table, _TR):
        cells = [child for child in source.children(row) if source.tag[child] in _CELLS]
        if len(cells) > 1 and all(source.tag[cell] == _TH for cell in cells):
            role[row] = drop


def _rows(source: Source, block: int, tag: int) -> list[int]:
    """The rows of a table; of another element its children, if all are of one kind."""
    if tag == _TR:
        return [n for n in range(block + 1, source.end[block]) if source.tag[n] == _TR]
    children = [n for n in source.children(block) if source.tag[n] or source.text(n).strip()]
    return children if all(source.tag[n] == tag for n in children) else []


def _is_numbered(source: Source, block: int, tag: int) -> bool:
    """Whether the rows of an element begin with numbers that count, each in an element that says
    that it is a line's."""
    rows = _rows(source, block, tag)
    numbers = [_row_number(source, row) for row in rows]
    if numbers and numbers[0] is None:
        numbers = numbers[1:]
    known = [number for number in numbers if number is not None]
    if len(numbers) < MIN_LINES or len(known) != len(numbers):
        return False
    return all(b - a == 1 for a, b in pairwise(known))


def _row_number(source: Source, row: int) -> int | None:
    """The number that a row begins with."""
    first = next((child for child in source.children(row) if source.tag[child]), None)
    if first is None or (source.tag[row] == _TR and source.tag[first] not in _CELLS):
        return None
    said, holder = "", first
    is_line = False
    for node in range(first, min(source.end[first], first + 4)):
        if not source.tag[node]:
            continue
        attributes = source.attributes(node)
        said = said or attributes.get("data-line-number", "")
        names = f"{attributes.get('class', '')} {attributes.get('id', '')}"
        is_line = is_line or bool(said or re.search(r"num|line|\bln|\bL\d", names, re.I))
    found = _NUMBER.fullmatch(said or source.text(holder))
    return int(found[1]) if found and is_line else None
