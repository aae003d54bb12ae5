"""What an element hands down to all that is in it: its meaning, its names' weights, its depth."""

import numpy as np
from numba import njit

from stages.kernels.arrow import Bytes
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
    Numbers,
)  # isort: skip  # fmt: skip
from stages.web.content.words import next_word, word_weight
from stages.web.tree.elements import KEYS, TAGS

(
    S_FLAGS, S_BLOCK, S_LINK_END, S_SUM, S_MIN, S_MAX, S_NEAR, S_ID, S_LISTS, S_TABLES, S_SIGN,
    S_DEPTH,
) = range(12)  # fmt: skip
"""Columns of what an element hands down: flags, innermost block, where the open link ends, weights
of class words (sum, least, most, of the nearest with any) and of ids (least), depths, and a hash of
tag and class."""
N_STATE = 12

_A, _SCRIPT = TAGS["a"], TAGS["script"]
_CLASS, _ID, _ROLE = KEYS["class"], KEYS["id"], KEYS["role"]
_NAMED = (_CLASS, _ID, _ROLE, KEYS["itemprop"], KEYS["itemtype"])
_HIDDEN, _ARIA, _STYLE, _TYPE = (KEYS[name] for name in ("hidden", "aria-hidden", "style", "type"))
_FORMULA_KEYS = tuple(
    KEYS[name]
    for name in ("data-latex", "data-tex", "data-math", "data-formula", "data-expr",
                 "data-equation", "data-mathml", "alttext", "eeimg")
)  # fmt: skip
PRIME = np.int64(0x01000193)
"""Of FNV-1a, 32 bits; hashes keep 31."""


@njit(cache=True, nogil=True)
def enter(p: Page, node: int, state: Numbers) -> None:
    """Adds what an element says to that which it inherits (state[node], so far its parent's)."""
    s = state[node]
    mine = _by_tag(p, node, s)
    sign = np.int64(p.tag[node])
    total, least, most, n_words = 0, 0, 0, 0
    for slot in range(p.first[node], p.last[node]):
        key = p.attributes[slot, 0]
        start, stop = p.attributes[slot, 3], p.attributes[slot, 4]
        if key not in _NAMED:
            mine = _by_attribute(p, node, key, start, stop, mine)
        else:
            position = start
            while position < stop:
                begin, position = next_word(p.html, position, stop)
                if begin == position:
                    break
                weight = word_weight(p.html, begin, position, p.words)
                if key == _ID:
                    s[S_ID] = min(s[S_ID], weight)
                    continue
                total += weight
                least, most = min(least, weight), max(most, weight)
                n_words += weight != 0
                if key == _CLASS:
                    sign = (sign * PRIME + p.html[begin] * 256 + position - begin) & 0x7FFFFFFF
            if key == _ROLE:
                mine |= _role(p.html, start, stop)
    s[S_FLAGS] |= mine & INHERITED
    if mine & BLOCK:
        s[S_BLOCK] = node
        s[S_SIGN] = sign
    if n_words:
        s[S_SUM] = max(-2000, min(2000, s[S_SUM] + total))
        s[S_MIN], s[S_MAX] = min(s[S_MIN], least), max(s[S_MAX], most)
        s[S_NEAR] = total


# Flags of an element by its tag, and the depths that it adds to.
@njit(cache=True, nogil=True)
def _by_tag(p: Page, node: int, s: Numbers) -> int:
    tag = p.tag[node]
    mine = p.flags[0, tag]
    inner = s[S_FLAGS] & (ARTICLE | MAIN) != 0
    s[S_DEPTH] += 1
    if mine & HEADER and inner:
        mine ^= HEADER | INNER_HEADER
    if mine & FOOTER and inner:
        mine ^= FOOTER | INNER_FOOTER
    if mine & LIST:
        s[S_LISTS] += 1
    if mine & TABLE:
        s[S_TABLES] += 1
    if tag == _A:
        s[S_LINK_END] = p.end[node]
    return np.int64(mine)


# Flags with those of an attribute whose value is no name.
@njit(cache=True, nogil=True)
def _by_attribute(p: Page, node: int, key: int, start: int, stop: int, mine: int) -> int:
    if key == _HIDDEN or (key == _STYLE and _is_display_none(p.html, start, stop)):
        mine |= HIDDEN
    elif key == _ARIA and stop - start == 4:
        mine |= ARIA_HIDDEN
    elif key in _FORMULA_KEYS:
        mine |= FORMULA
    elif key == _TYPE and p.tag[node] == _SCRIPT and begins(p.html, start, stop, b"math/"):
        mine = FORMULA
    return mine


@njit(cache=True, nogil=True)
def begins(html: Bytes, start: int, stop: int, text: bytes) -> bool:
    """Whether html[start:stop] begins with `text`, which is in small letters; ASCII case folded."""
    if stop - start < len(text):
        return False
    for index in range(len(text)):
        byte = html[start + index]
        if 0x41 <= byte <= 0x5A:
            byte |= 0x20
        if byte != text[index]:
            return False
    return True


@njit(cache=True, nogil=True)
def _role(html: Bytes, start: int, stop: int) -> int:
    if begins(html, start, stop, b"navigation") or begins(html, start, stop, b"menu"):
        return NAV
    if begins(html, start, stop, b"main"):
        return MAIN
    if begins(html, start, stop, b"dialog") or begins(html, start, stop, b"alertdialog"):
        return DIALOG
    if begins(html, start, stop, b"contentinfo"):
        return FOOTER
    if begins(html, start, stop, b"banner"):
        return HEADER
    return 0


# Whether a style says `display: none`.
@njit(cache=True, nogil=True)
def _is_display_none(html: Bytes, start: int, stop: int) -> bool:
    for position in range(start, stop - 11):
        if html[position] | 0x20 != 0x64 or not begins(html, position, stop, b"display"):
            continue
        after = position + 7
        while after < stop and html[after] in (0x20, 0x3A):
            after += 1
        if begins(html, after, stop, b"none"):
            return True
    return False
