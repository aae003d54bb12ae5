"""Whether words beside a licence's own text take something of it back, in whatever words they do.

Phrases of known riders (`seeds/licenses.toml`) find what others have written before. Everybody may
write a rider of their own, so what a licence's text leaves over is read sentence by sentence: first
what asks nothing is taken out ("without fee", "need not ask"), sentences about names, warranty and
contributions are passed over, and then a sentence that refuses, negates an act of use, limits,
prices, asks for approval, obliges, or names persons or a field of use takes something back. The
words for each are in `seeds/license_terms.toml`.

All that is said of such a text is that it is not the licence alone; its class nobody knows.
"""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from stages.github.licensing.own_words import is_of_a_licence, plain_words

MAX_SENTENCES = 1000
AROUND = 3
"""Words on either side of those that take something back, by which a licence's own are told."""

_SENTENCE = re.compile(
    r"[.!?…](?=\s|$)|\n[^\S\n]*\n|\n(?=[^\S\n]*(?:(?:[-*•]|\(?\w{1,2}[.)])\s|[A-Z][\w-]+:\s))"
)
_MONEY = re.compile(r"[$€£¥](?=\s*\d)|(?<=\d)\s?[€£¥]")
_NAMES = re.compile(r"\S+@\S+|\S*(?:://|/\S*/)\S*|[\w/-]+\.[a-z]\w{0,4}\b(?!\.\w)")
"""Addresses, paths and names of files."""
_NAME = re.compile(r"\{(\w+)\}")
_GAP = re.compile(r" \{(\d+),(\d+)\} ?")


def take_back(beside: str) -> bool:
    """Whether words beside a licence (as they are written) take something back."""
    return restricting_sentence(beside) is not None


def restricting_sentence(beside: str) -> str | None:
    """The first sentence that takes something back, in normal form, and None without one."""
    patterns = _patterns()
    for sentence in _sentences(beside):
        if patterns["topics"].search(sentence):
            continue
        rest = patterns["harmless"].sub(_passed_over, sentence)
        words = sentence.split()
        for found in patterns["taking"].finditer(rest):
            first, last = (rest.count(" ", 0, place) for place in found.span())
            around = words[max(0, first - AROUND) : last + 1 + AROUND]
            if not is_of_a_licence(around):
                return sentence
    return None


def _passed_over(phrase: re.Match[str]) -> str:
    """As many words, of which no pattern knows any."""
    return " ".join("·" * len(phrase[0].split()))


def _sentences(text: str) -> Iterator[str]:
    for number, part in enumerate(_SENTENCE.split(text)):
        if number == MAX_SENTENCES:
            return
        if words := plain_words(_MONEY.sub(" dollars ", _NAMES.sub(" ", part))):
            yield " ".join(words)


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    table = term_table()
    return {
        "topics": _any_of(table["harmless"]["topics"]),
        "harmless": _any_of(table["harmless"]["phrases"]),
        "taking": _any_of(pattern for kind in table["taking"].values() for pattern in kind),
    }


@cache
def term_table() -> dict[str, Any]:
    """`seeds/license_terms.toml`, read once per process."""
    return tomllib.loads((files("seeds") / "license_terms.toml").read_text("utf-8"))


def compiled(pattern: str) -> str:
    """A pattern of the table as `re` knows it."""
    table = term_table()
    lists = {name: "|".join(words) for name, words in table["words"].items()}
    lists |= {
        name: "|".join(f"{stem}\\w*" for stem in stems) for name, stems in table["stems"].items()
    }
    while _NAME.search(pattern):
        pattern = _NAME.sub(lambda name: f"(?:{lists[name[1]]})", pattern)
    return _GAP.sub(r"(?: \\w+){\1,\2} ", pattern)


def _any_of(patterns: Any) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(map(compiled, patterns))})")
