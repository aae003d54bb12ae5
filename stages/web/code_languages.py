"""Which languages a page's blocks of code are in.

A fence's own word counts where the page's markup gave one and `code_aliases.tsv` knows it (`-`
there: nothing of the 338). Other blocks are named by what they contain, if that is certain enough;
common languages are what pages hold, so a short block is not named after a rare relative.
"""

from functools import cache
from importlib.resources import files

from stages.kernels.languages.judge import ContentJudge
from stages.kernels.languages.model import shipped_table
from stages.web.fences import fenced_blocks

ALIASES = "code_aliases.tsv"
NOTHING = "-"
MIN_CONFIDENCE = 0.4
"""Of 1,018 blocks whose markup says their language, half are named at this, 94 % of them alike."""
MOST_BLOCKS = 64
"""Blocks of a page whose content is asked."""


def code_languages(text: str) -> tuple[str, ...]:
    """The distinct languages of the fenced blocks in a page's Markdown, in order of appearance."""
    named: list[str | None] = []
    unnamed: list[tuple[int, bytes]] = []
    for block in fenced_blocks(text):
        language = _aliases().get(block.word.strip().lower())
        if language is None and len(unnamed) < MOST_BLOCKS:
            unnamed.append((len(named), block.code.encode("utf-8", "replace")))
        named.append(language)
    if unnamed:
        judged = _judge().name([code for _, code in unnamed], [()] * len(unnamed))
        for (place, _), (name, confidence) in zip(unnamed, judged, strict=True):
            named[place] = name if confidence >= MIN_CONFIDENCE else None
    return tuple(dict.fromkeys(name for name in named if name and name != NOTHING))


@cache
def _aliases() -> dict[str, str]:
    _, *rows = (files("seeds") / ALIASES).read_text("utf-8").splitlines()
    return {alias: language for alias, _, language in (row.partition("\t") for row in rows)}


@cache
def _judge() -> ContentJudge:
    return ContentJudge(shipped_table(), NOTHING)
