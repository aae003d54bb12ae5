"""What a node's own markup does not settle: which elements are code, which are formulas.

Looks at the few nodes that `mark` left open, in document order, and changes their roles. A page
without code in odd markup and without formulas has none.
"""

import re

import numpy as np

from stages.web.markdown.lines import drop_heads, is_code_by_lines, numbered_block
from stages.web.markdown.roles import (
    CODE,
    CODE_ROOT,
    CODE_TABLE,
    DROP,
    EMOJI,
    FORMULA,
    GUTTER,
    HAS_PRE,
    IMAGE,
    INLINE,
    INLINE_CODE,
    KEEP_LINES,
    KIND,
    LAYOUT,
    LOOSE_GUTTER,
    MATH_CLASS,
    MONOSPACE,
    MULTILINE,
    PLACED,
    PLACED_BLOCK,
    PRE_STYLE,
    SKIP,
    TABLE,
)
from stages.web.markdown.source import Source
from stages.web.markdown.tex.formulas import formula_at
from stages.web.markdown.tex.placing import Placed, placed
from stages.web.tree.elements import MATHEMATICS, TAGS
from stages.web.tree.state import Numbers

_IMG, _TD, _TH, _NOSCRIPT, _PRE, _DIV, _BR = (
    TAGS[name] for name in ("img", "td", "th", "noscript", "pre", "div", "br")
)
_CODE = TAGS["code"]
_HEADERS = frozenset(TAGS[name] for name in ("div", "header", "figcaption", "p", "h6"))
_CODE_TAGS = frozenset(TAGS[name] for name in ("code", "samp", "tt", "kbd"))
_NO_CODE_ROOT = frozenset(TAGS[name] for name in ("body", "html", "main", "article", "section"))
_OPEN = (
    FORMULA | MATH_CLASS | IMAGE | CODE_ROOT | MULTILINE | PRE_STYLE | KEEP_LINES | CODE_TABLE
    | HAS_PRE | EMOJI | LOOSE_GUTTER | MONOSPACE
)  # fmt: skip
MIN_NOSCRIPT_BYTES = 200
"""Less text than this without scripts says that scripts are needed, or repeats an image."""
MAX_PLEA_BYTES = 1000
"""Nobody asks for scripts at greater length; forums end whole threads with such a line."""

MAX_LOOKS = 4
"""Nodes looked at below open ones, in pages: those that nest so many are hostile."""

MAX_FORMULAS = 100_000
"""Formulas in markup of a page, at 25 µs each; further elements are written as any other."""

MAX_HEADER_BYTES = 80
MAX_WRAPPERS = 8
"""Elements around a formula that may be code for it alone, and nodes beside it there."""
_PLAIN_PRE = 3
"""Nodes of a `<pre>` without a header: itself, `<code>`, text."""

_NUMBERS = re.compile(r"[\s\d:.|]*")


def decide(source: Source, role: Numbers) -> dict[int, Placed]:  # noqa: PLR0912
    """Settle the open roles; what stands in the place of formulas, by node."""
    tag = source.tree.tag
    is_open = (role & _OPEN != 0) & (
        (role & IMAGE == 0) | (role & (_OPEN & ~IMAGE) != 0) | (tag == _IMG)
    )
    with_code = (tag == _PRE) & (source.tree.end > np.arange(len(tag)) + _PLAIN_PRE)
    candidates = np.flatnonzero(is_open | (tag == _NOSCRIPT) | with_code)
    formulas: dict[int, Placed] = {}
    behind = work = n_asked = 0
    for node in candidates.tolist():
        flags, kind = int(role[node]), int(role[node]) & KIND
        if node < behind or kind == SKIP:
            continue
        work += source.end[node] - node
        if work > MAX_LOOKS * len(tag):
            break
        if flags & LOOSE_GUTTER and _NUMBERS.fullmatch(source.text(node)):
            block = numbered_block(source, node)
            if block >= 0 and role[block] & KIND not in (SKIP, DROP):
                drop_heads(source, block, role, DROP)
                role[block] = role[block] & ~KIND | CODE
                behind = source.end[block]
                continue
            role[node] = DROP
            behind = source.end[node]
            continue
        if tag[node] == _NOSCRIPT:
            if not _says_something(source, node):
                role[node] = DROP
                behind = source.end[node]
            continue
        if tag[node] == _PRE and kind == CODE:
            _drop_headers(source, node, role)
        if kind == DROP and source.name(node) != "script":
            continue
        if flags & EMOJI and tag[node] == _IMG:
            alt = source.attributes(node).get("alt", "").strip()
            if alt and len(alt) < 12:
                _place(node, (alt, False), role, formulas)
            continue
        is_formula = flags & (FORMULA | MATH_CLASS | IMAGE) and kind != CODE
        if is_formula and n_asked < MAX_FORMULAS and not _is_listing(source, node, kind, role):
            n_asked += 1
            found = formula_at(source, node)
            if found is not None:
                whole, found = _with_code_around(source, node, found, role)
                if found is not None:
                    _place(whole, found, role, formulas)
                    behind = max(source.end[whole], whole + 1)
                    continue
        if _settle_code(source, node, flags, role):
            role[node] = flags & ~KIND | CODE
            behind = source.end[node] if not flags & (FORMULA | MATH_CLASS) else behind
    return formulas


def _is_listing(source: Source, node: int, kind: int, role: Numbers) -> bool:
    """Whether an element of code says the language of the block that it is in."""
    above = source.parent[node]
    return kind == INLINE_CODE and above > 0 and int(role[above]) & KIND == CODE


def _with_code_around(
    source: Source, node: int, found: Placed, role: Numbers
) -> tuple[int, Placed | None]:
    """A formula with the elements of code that hold it and nothing else: they are markup to keep
    others from its TeX. In more code, an element called mathematics is no formula."""
    above = source.parent[node]
    if found[0][:1] not in ("$", "\\") or above <= 0:
        return node, found
    if int(role[above]) & KIND not in (INLINE, INLINE_CODE, CODE):
        return node, found
    text = source.text(node).strip()
    n_most = source.end[node] - node + MAX_WRAPPERS
    for _ in range(MAX_WRAPPERS):
        kind = int(role[above]) & KIND
        if above <= 0 or kind not in (INLINE, INLINE_CODE, CODE):
            break
        if source.end[above] - above > n_most or source.text(above).strip() != text:
            in_code = kind != INLINE and source.name(node) in MATHEMATICS
            return node, None if in_code else found
        if kind != INLINE:
            node = above
        if kind == CODE:
            return node, placed(found[0], True)
        above = source.parent[above]
    return node, found


def _place(node: int, found: Placed, role: Numbers, formulas: dict[int, Placed]) -> None:
    if found[0]:
        formulas[node] = found
        role[node] = PLACED_BLOCK if found[1] else PLACED
    else:
        role[node] = DROP


def _settle_code(source: Source, node: int, flags: int, role: Numbers) -> bool:  # noqa: PLR0911
    """Whether a node that is not written as code by its tag is a block of code."""
    tag, kind = source.tag[node], flags & KIND
    if kind == CODE or (source.tag[node] in _NO_CODE_ROOT and not flags & CODE_ROOT):
        return False
    end = source.end[node]
    if kind == TABLE and flags & (HAS_PRE | MONOSPACE) and is_code_by_lines(source, node):
        drop_heads(source, node, role, DROP)
        return True
    if flags & HAS_PRE and kind == TABLE:
        _drop_number_cells(source, node, role)
        return False
    if flags & CODE_TABLE and kind == TABLE:
        return not flags & HAS_PRE
    if flags & CODE_ROOT:
        names = [source.classes(node)]
        if _PRE in source.tags(node + 1, end) and "CodeMirror-code" not in names[0]:
            return False
        return bool(source.text(node).strip())
    if kind == INLINE_CODE or tag in _CODE_TAGS:
        if flags & MULTILINE:
            return source.text(node).strip() != ""
        return bool(flags & (PRE_STYLE | KEEP_LINES)) and "\n" in source.text(node).strip()
    if flags & (PRE_STYLE | MONOSPACE):
        inside = source.tags(node + 1, end)
        if _PRE in inside or flags & LAYOUT:
            return False
        if flags & (PRE_STYLE | KEEP_LINES):
            has_lines = flags & MONOSPACE and (inside.count(_DIV) > 1 or _BR in inside)
            return bool(has_lines or "\n" in source.text(node).strip())
        return is_code_by_lines(source, node)
    return False


def _drop_number_cells(source: Source, table: int, role: Numbers) -> None:
    """Cells of a table of code that hold line numbers alone."""
    for node in range(table + 1, source.end[table]):
        if source.tag[node] in (_TD, _TH) and (
            role[node] & GUTTER or _NUMBERS.fullmatch(source.text(node)[:4000])
        ):
            role[node] = DROP


def _drop_headers(source: Source, pre: int, role: Numbers) -> None:
    """Leave out what stands beside the one `<code>` of a `<pre>` as an element of its own: the name
    of a file or language, buttons."""
    around, behind = source.end[pre], source.tags(pre + 1, source.end[pre])
    if behind.count(_CODE) != 1 or pre + 1 >= around:
        return
    code = pre + 1 + behind.index(_CODE)
    above = source.parent[code]
    for _ in range(8):
        for child in source.children(above):
            start, stop = source.text_span(child)
            is_beside = child != code and not child < code < source.end[child]
            if is_beside and source.tag[child] in _HEADERS and stop - start <= MAX_HEADER_BYTES:
                role[child] = DROP
            elif is_beside and source.text(child).strip():
                return
        if above <= pre:
            return
        above = source.parent[above]


def _says_something(source: Source, node: int) -> bool:
    """Whether what stands for readers without scripts is worth keeping."""
    inside = source.tags(node + 1, source.end[node])
    if _PRE in inside:
        return True
    text = source.text(node)
    asks_for_scripts = len(text) < MAX_PLEA_BYTES and "javascript" in text.lower()
    return len(text) >= MIN_NOSCRIPT_BYTES and not asks_for_scripts
