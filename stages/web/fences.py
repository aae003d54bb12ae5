"""The fenced blocks of a page's Markdown."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

_FENCE = re.compile(r"(`{3,}+)([^`\n]*+)$", re.M)


@dataclass(frozen=True)
class Block:
    """The word behind a fence that is closed, the lines between, and where both lie."""

    word: str
    code: str
    start: int
    end: int


def fenced_blocks(text: str) -> Iterator[Block]:
    """Every block that is closed by as many backticks. One search for lines of backticks: a page
    may have any number that nothing closes."""
    text = f"\n{text}"
    fences = list(_fences(text))
    closing: dict[str, list[int]] = {}
    for fence in fences:
        if not fence[2]:
            closing.setdefault(fence[1], []).append(fence.start())
    end = 0
    for fence in fences:
        places = closing.get(fence[1], [])
        first = bisect_left(places, fence.end() + 2)  # a line at least stands between
        if fence.start() >= end and first < len(places):
            close = places[first]
            end = close + len(fence[1])
            yield Block(fence[2], text[fence.end() + 1 : close - 1], fence.start() - 1, end - 1)


def _fences(text: str) -> Iterator[re.Match[str]]:
    """The lines, each behind a line end, that begin with three backticks or more and hold no other
    than these."""
    at = text.find("\n```")
    while at >= 0:
        fence = _FENCE.match(text, at + 1)
        if fence is not None:
            yield fence
        at = text.find("\n```", at + 1)
