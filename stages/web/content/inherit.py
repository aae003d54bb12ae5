"""What an element hands down to all that is in it: its meaning, its names' weights, its depth."""

from stages.kernels.compiling import Ints, int64, kernel
from stages.web.content.page import Page
from stages.web.content.parts import (
    ARIA_HIDDEN,
    ARTICLE,
    BLOCK,
    DIALOG,
    FOOTER,
    FORMULA,
    HEADER,
    HIDDEN,
    INHERITED,
    INNER_FOOTER,
    INNER_HEADER,
    LIST,
    MAIN,
    NAV,
    TABLE,
)  # isort: skip  # fmt: skip
from stages.web.content.words import next_word, word_weight
from stages.web.tree.elements import FIRST_MATHEMATICS, KEYS, LAST_MATHEMATICS, TAGS
from stages.web.tree.state import KEY, N_PLACES, VALUE, VALUE_END

(
    S_FLAGS, S_BLOCK, S_LINK_END, S_SUM, S_MIN, S_MAX, S_NEAR, S_ID, S_LISTS, S_TABLES, S_SIGN,
    S_DEPTH,
) = range(12)  # fmt: skip
"""Columns of what an element hands down: flags, innermost block, where the open link ends, weights
of class words (sum, least, most, of the nearest with any) and of ids (least), depths, and a hash of
tag and class."""
N_STATE = 12

_A, _SCRIPT, _DIALOG_TAG = TAGS["a"], TAGS["script"], TAGS["dialog"]
_CLASS, _ID, _ROLE = KEYS["class"], KEYS["id"], KEYS["role"]
_HIDDEN, _ARIA, _STYLE, _TYPE, _OPEN = (
    KEYS[name] for name in ("hidden", "aria-hidden", "style", "type", "open")
)
_NAMED = sum(1 << KEYS[name] for name in ("class", "id", "role", "itemprop", "itemtype"))
_FORMULA_KEYS = sum(
    1 << KEYS[name]
    for name in ("data-latex", "data-tex", "data-math", "data-formula", "data-expr",
                 "data-equation", "data-mathml", "data-math-style", "data-mx-maths", "alttext",
                 "eeimg")
)  # fmt: skip
"""A bit for every key: there are fewer than 63."""
MAX_NAMED_NODES = 16
"""Of an element that is a formula by its name: web components called so hold whole pages."""
PRIME = 0x01000193
"""Of FNV-1a, 32 bits; hashes keep 31."""
MOST = 2000
"""Sum of weights at most, to either side."""


def letters(text: str) -> int:
    """Up to eight letters as a number; of longer texts, the first eight."""
    return int.from_bytes(text.encode()[:8], "big")


_NAVIGATION, _ALERT, _CONTENT_INFO = map(letters, ("navigation", "alertdialog", "contentinfo"))
_DIALOG, _BANNER = letters("dialog"), letters("banner")
_MENU, _MAIN, _NONE = letters("menu"), letters("main"), letters("none")
_MATH, _DISPLAY = letters("math/"), letters("display")
_VISIBILITY, _VALUE_HIDDEN = letters("visibility"), letters("hidden")


@kernel
def enter(p: Page, node: int, state: Ints) -> None:  # noqa: PLR0912
    """Adds what an element says to that which it inherits (its row of `state`, so far its
    parent's)."""
    s = N_STATE * node
    mine = _by_tag(p, node, state, s)
    sign = int64(p.tag[node])
    total, least, most, n_words = int64(0), int64(0), int64(0), int64(0)
    if p.tag[node] == _DIALOG_TAG and not _is_open(p, node):
        mine |= HIDDEN
    for slot in range(p.first[node], p.last[node]):
        key = p.attributes[N_PLACES * slot + KEY]
        position = int64(p.attributes[N_PLACES * slot + VALUE])
        stop = int64(p.attributes[N_PLACES * slot + VALUE_END])
        if not _NAMED >> key & 1:
            mine = _by_attribute(p, node, key, position, stop, mine)
            continue
        if key == _ROLE:
            mine |= _role(p.html, position, stop)
        while position < stop:
            begin, position = next_word(p.html, position, stop)
            if begin == position:
                break
            weight = word_weight(p.html, begin, position, p.words)
            if key == _ID:
                if weight < state[s + S_ID]:
                    state[s + S_ID] = weight
                continue
            total += weight
            if weight < least:
                least = weight
            if weight > most:
                most = weight
            n_words += weight != 0
            if key == _CLASS:
                sign = (sign * PRIME + p.html[begin] * 256 + position - begin) & 0x7FFFFFFF
    state[s + S_FLAGS] |= mine & INHERITED
    if mine & BLOCK:
        state[s + S_BLOCK] = node
        state[s + S_SIGN] = sign
    if n_words:
        near = state[s + S_SUM] + total
        state[s + S_SUM] = -MOST if near < -MOST else MOST if near > MOST else near
        if least < state[s + S_MIN]:
            state[s + S_MIN] = least
        if most > state[s + S_MAX]:
            state[s + S_MAX] = most
        state[s + S_NEAR] = total


@kernel
def _is_open(p: Page, node: int) -> bool:
    for slot in range(p.first[node], p.last[node]):
        if p.attributes[N_PLACES * slot + KEY] == _OPEN:
            return True
    return False


@kernel
def _by_tag(p: Page, node: int, state: Ints, s: int) -> int:
    """Flags of an element by its tag, and the depths that it adds to."""
    tag = p.tag[node]
    mine = int64(p.flags[tag])
    if FIRST_MATHEMATICS <= tag <= LAST_MATHEMATICS and p.end[node] - node > MAX_NAMED_NODES:
        mine = 0
    state[s + S_DEPTH] += 1
    if state[s + S_FLAGS] & (ARTICLE | MAIN):
        if mine & HEADER:
            mine ^= HEADER | INNER_HEADER
        if mine & FOOTER:
            mine ^= FOOTER | INNER_FOOTER
    if mine & LIST:
        state[s + S_LISTS] += 1
    if mine & TABLE:
        state[s + S_TABLES] += 1
    if tag == _A:
        state[s + S_LINK_END] = p.end[node]
    return mine


@kernel
def _by_attribute(p: Page, node: int, key: int, start: int, stop: int, mine: int) -> int:
    """Flags with those of an attribute whose value is no name."""
    if key == _HIDDEN or (key == _STYLE and _hides(p.html, start, stop)):
        return mine | HIDDEN
    if key == _ARIA and stop - start == 4:
        return mine | ARIA_HIDDEN
    if _FORMULA_KEYS >> key & 1:
        return mine | FORMULA
    if key == _TYPE and p.tag[node] == _SCRIPT and head(p.html, start, stop) >> 24 == _MATH:
        return FORMULA
    return mine


@kernel
def head(html: Ints, start: int, stop: int) -> int:
    """The first eight bytes of html[start:stop] as a number like that of `letters`, ASCII case
    folded; zero bytes behind a shorter one."""
    found = int64(0)
    for position in range(start, start + 8):
        byte = int64(html[position]) if position < stop else 0
        if 0x41 <= byte <= 0x5A:
            byte |= 0x20
        found = found << 8 | byte
    return found


@kernel
def _role(html: Ints, start: int, stop: int) -> int:
    role = head(html, start, stop)
    if role == _NAVIGATION or role >> 32 == _MENU:
        return NAV
    if role >> 32 == _MAIN:
        return MAIN
    if role >> 16 == _DIALOG or role == _ALERT:
        return DIALOG
    if role == _CONTENT_INFO:
        return FOOTER
    return HEADER if role >> 16 == _BANNER else 0


@kernel
def _hides(html: Ints, start: int, stop: int) -> bool:
    """Whether a style says `display: none` or `visibility: hidden`."""
    for position in range(start, stop - 11):
        first = html[position] | 0x20
        if first != 0x64 and first != 0x76:
            continue
        word = head(html, position, stop)
        is_display = word >> 8 == _DISPLAY
        if not is_display and word != _VISIBILITY:
            continue
        after = position + (7 if is_display else 10)
        while after < stop and (html[after] == 0x20 or html[after] == 0x3A):
            after += 1
        value = head(html, after, stop)
        if value >> 32 == _NONE if is_display else value >> 16 == _VALUE_HIDDEN:
            return True
    return False
