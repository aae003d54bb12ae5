"""Which languages the words of a short text are from.

Statistics of letters need some hundred of them: of 55 sentences in 18 languages (`Installation
guide for Windows users`) resiliparse's detector names 19 rightly. A sentence has words that few
languages have, though, and a table of the commonest of 36 languages in the Latin and the Cyrillic
alphabet, with their rare letters (`seeds/short_text_words.tsv`), knows them: 49 of the 55. A word
or letter counts the less, the more languages share it.
"""

from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

LETTER_WEIGHT = 0.7
"""What a letter counts beside a word."""
MIN_SCORE = 0.5
"""Below this the table knows too little of a text: one word that two languages share."""
LIKELY, LIKELY_IF_DECLARED = 0.85, 0.5
"""Languages with this share of the best score are as good; so is one that the page declares."""


class _Table(NamedTuple):
    words: dict[str, tuple[str, ...]]
    letters: dict[str, tuple[str, ...]]


def likely_languages(words: str, declared: str) -> tuple[str, ...]:
    """The languages that the words, with blanks between them, are most likely from, the likeliest
    first; none if the table knows too little of them. `declared` is the page's own claim."""
    table = _table()
    lowered = words.lower()
    scores: dict[str, float] = {}
    for found, weight, known in (
        (lowered.split(), 1.0, table.words),
        (lowered, LETTER_WEIGHT, table.letters),
    ):
        for item in sorted(set(found)):
            languages = known.get(item, ())
            for language in languages:
                scores[language] = scores.get(language, 0.0) + weight / len(languages)
    best = max(scores.values(), default=0.0)
    if best < MIN_SCORE:
        return ()
    if scores.get(declared, 0.0) >= LIKELY_IF_DECLARED * best:
        return (declared,)
    ordered = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    return tuple(language for language, score in ordered if score >= LIKELY * best)


@lru_cache(maxsize=1)
def _table() -> _Table:
    words: dict[str, list[str]] = {}
    letters: dict[str, list[str]] = {}
    text = files("seeds").joinpath("short_text_words.tsv").read_text("utf-8")
    for line in text.splitlines():
        if not line.startswith("#"):
            language, its_words, its_letters = line.split("\t")
            for word in its_words.split():
                words.setdefault(word, []).append(language)
            for letter in its_letters:
                letters.setdefault(letter, []).append(language)
    frozen = ({key: tuple(value) for key, value in kind.items()} for kind in (words, letters))
    return _Table(*frozen)
