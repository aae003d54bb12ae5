"""Pages nested so deeply that parsing them would take minutes.

HTML parsers climb the stack of open elements at every tag: time is quadratic in depth (lexbor:
20,000 levels 0.5 s, 200,000 levels 97 s). Browsers cut at 512. `nesting_depth` estimates the depth
without parsing, at 850 MB/s; a page beyond `MAX_DEPTH` is read by `strip_tags`, without a tree.
"""

import re
from html import unescape

import numpy as np
import numpy.typing as npt
from numba import njit

MAX_DEPTH = 1500

_NOT_TEXT = re.compile(
    r"<(script|style|noscript|template|head)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", re.S | re.I
)
_BREAK = re.compile(r"</?(?:p|div|br|li|ul|ol|tr|table|h[1-6]|pre|section|article)\b[^<>]*>", re.I)
_TAG = re.compile(r"</?[A-Za-z!?][^<>]*>?")
_BLANKS = re.compile(r"[ \t\r\f\v]+")
_LINES = re.compile(r"\s*\n\s*")


def nesting_depth(html: str) -> int:
    """How deep elements nest at most, counting every element that a start tag of its own kind
    does not close; an element never closed counts for all that follows."""
    return int(_depth(np.frombuffer(html.encode("utf-8", "replace"), np.uint8)))


def strip_tags(html: str) -> str:
    """The text between the tags, a line for each block."""
    text = _TAG.sub("", _BREAK.sub("\n", _NOT_TEXT.sub(" ", html)))
    return _LINES.sub("\n", _BLANKS.sub(" ", unescape(text))).strip()


@njit(cache=True, nogil=True)
def _depth(data: npt.NDArray[np.uint8]) -> int:
    """data: uint8, UTF-8. Tested against lexbor's tree on nested pages."""
    depth = 0
    deepest = 0
    size = len(data)
    at = 0
    while at < size - 1:
        if data[at] != 60:  # <
            at += 1
            continue
        closes = data[at + 1] == 47  # /
        start = at + 2 if closes else at + 1
        end = start
        name = 0
        while end < size and end - start < 7 and 97 <= data[end] | 32 <= 122:
            name = name * 32 + (data[end] | 32) - 96
            end += 1
        at = end if end > at + 1 else at + 1
        if end == start or _closes_itself(name):
            continue
        if closes:
            depth = max(depth - 1, 0)
        else:
            depth += 1
            deepest = max(deepest, depth)
    return deepest


def _number(name: str) -> int:
    """A tag name of at most seven letters in base 32."""
    number = 0
    for character in name:
        number = number * 32 + ord(character) - 96
    return number


_SELF_CLOSING_NAMES = (
    *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source"),
    *("track", "wbr", "param", "path", "p", "li", "dt", "dd", "td", "th", "tr", "tbody", "thead"),
    *("tfoot", "option"),
)
_SELF_CLOSING = np.array(sorted(map(_number, _SELF_CLOSING_NAMES)), np.int64)
"""Void elements, and those that the next of their kind closes."""


@njit(cache=True, nogil=True)
def _closes_itself(name: int) -> bool:
    at = np.searchsorted(_SELF_CLOSING, name)
    return bool(at < len(_SELF_CLOSING) and _SELF_CLOSING[at] == name)
