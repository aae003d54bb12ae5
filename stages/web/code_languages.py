"""Which languages a page's blocks of code are in.

A fence's own word counts where the page's markup gave one and `code_aliases.tsv` knows it (`-`
there: nothing of the 338). Other blocks are named by what they contain, if that is certain enough;
common languages are what pages hold, so a short block is not named after a rare relative.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from stages.kernels.languages.judge import ContentJudge
from stages.kernels.languages.model import shipped_table

ALIASES = "code_aliases.tsv"
NOTHING = "-"
MIN_CONFIDENCE = 0.4
"""Of 1,018 blocks whose markup says their language, half are named at this, 94 % of them alike."""
MOST_BLOCKS = 64
"""Blocks of a page whose content is asked."""

_FENCE = re.compile(r"(`{3,}+)([^`\n]*+)$", re.M)


def code_languages(text: str) -> tuple[str, ...]:
    """The distinct languages of the fenced blocks in a page's Markdown, in order of appearance."""
    named: list[str | None] = []
    unnamed: list[tuple[int, bytes]] = []
    for word, code in _blocks(text):
        language = _aliases().get(word.strip().lower())
        if language is None and len(unnamed) < MOST_BLOCKS:
            unnamed.append((len(named), code.encode("utf-8", "replace")))
        named.append(language)
    if unnamed:
        judged = _judge().name([code for _, code in unnamed], [()] * len(unnamed))
        for (place, _), (name, confidence) in zip(unnamed, judged, strict=True):
            named[place] = name if confidence >= MIN_CONFIDENCE else None
    return tuple(dict.fromkeys(name for name in named if name and name != NOTHING))


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """The word behind each fence that is closed, by as many backticks, and the lines between. One
    search for lines of backticks: a page may have any number that nothing closes."""
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
            yield fence[2], text[fence.end() + 1 : close - 1]
            end = close + len(fence[1])


def _fences(text: str) -> Iterator[re.Match[str]]:
    """The lines, each behind a line end, that begin with three backticks or more and hold no other
    than these."""
    at = text.find("\n```")
    while at >= 0:
        fence = _FENCE.match(text, at + 1)
        if fence is not None:
            yield fence
        at = text.find("\n```", at + 1)


@cache
def _aliases() -> dict[str, str]:
    _, *rows = (files("seeds") / ALIASES).read_text("utf-8").splitlines()
    return {alias: language for alias, _, language in (row.partition("\t") for row in rows)}


@cache
def _judge() -> ContentJudge:
    return ContentJudge(shipped_table(), NOTHING)
