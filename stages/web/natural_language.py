"""Which natural language a page's prose is in.

The script decides first, by counting letters: kana is Japanese, hangul Korean, Han without kana
Chinese. Of the others resiliparse's detector (101 languages, n-gram ranks, 20 MB/s) sees the words
of the prevailing script alone, so that a Russian page about software is not taken for English or,
for its mixture, for Serbian; among Cyrillic languages, letters that some lack narrow the choice.

A short text is in the language that has its words (see `short_texts`), where that can be told.

Code and formulas are gone before it looks. The page's own `lang` is believed if the detector finds
it nearly as likely as its favourite: templates name languages that the text is not in.
"""

import re
from typing import Any, cast

from resiliparse.parse.lang import detect_fast

from stages.web.scripts import count_scripts
from stages.web.short_texts import likely_languages

SAMPLE_CHARACTERS = 20_000
MIN_LETTERS = 20
MAX_RANK = 1200
"""Distance above which the detector's authors expect false results."""
MIN_CYRILLIC_SHARE = 0.3
"""Cyrillic pages are full of Latin names; Latin pages hold no Cyrillic."""
SHORT_CHARACTERS = 600
TIE_RANK, SHORT_TIE_RANK = 1.08, 1.5
"""How much worse than the favourite, as a factor of rank, the declared language may be."""

_CJK_WEIGHT = 3
"""A CJK character says about as much as this many letters."""
_CYRILLIC_LETTERS = (
    (re.compile("[ђћјљњџѓќѕ]"), 0.01, ("sr", "mk")),
    (re.compile("[іїєґў]"), 0.02, ("uk", "be")),
    (re.compile("[әіңғүұқөһҡҙҫҳҷӯӣӑӗҫӳ]"), 0.02, ("kk", "ky", "tt", "ba", "mn", "tg", "cv", "sah")),
    (re.compile("[ыэё]"), 0.004, ("ru",)),
)
"""Letters, the share of them from which on they are no quotation, and who writes them."""
_CYRILLIC_OTHERS = ("ru", "bg", "mk", "uk")


def natural_language(prose: str, declared: str | None = None) -> str | None:
    """The ISO 639-1 code, or None if there is too little to tell. `declared` is the page's `lang`
    attribute."""
    found = count_scripts(prose[:SAMPLE_CHARACTERS])
    if found.n_letters < MIN_LETTERS:
        return None
    n_cjk = found.n_kana + found.n_han + found.n_hangul
    if n_cjk * _CJK_WEIGHT > found.n_letters - n_cjk:
        if found.n_hangul > found.n_kana + found.n_han:
            return "ko"
        return "ja" if found.n_kana > 0.1 * n_cjk else "zh"
    if found.n_cyrillic > MIN_CYRILLIC_SHARE * (found.n_letters - n_cjk):
        words = found.cyrillic.lower()
        candidates = _cyrillic_candidates(words, found.n_cyrillic)
        return _detect(words, declared, candidates) or candidates[0]
    if found.n_latin * 2 > found.n_letters:
        return _latin_language(found.latin, declared)
    return _detect(prose[:SAMPLE_CHARACTERS], declared, None)


def _latin_language(words: str, declared: str | None) -> str | None:
    likely = likely_languages(words, _primary(declared)) if len(words) < SHORT_CHARACTERS else ()
    if len(likely) == 1:
        return likely[0]
    found = _detect(words, declared, likely or None)
    return found or (likely[0] if likely else None)


def _cyrillic_candidates(words: str, n_letters: int) -> tuple[str, ...]:
    for letters, share, languages in _CYRILLIC_LETTERS:
        if len(letters.findall(words)) > share * n_letters:
            return languages
    return _CYRILLIC_OTHERS


def _detect(text: str, declared: str | None, languages: tuple[str, ...] | None) -> str | None:
    ranking: list[tuple[str, int]] = list(
        cast(Any, detect_fast)(text, cutoff=MAX_RANK, n_results=12, langs=languages)
    )
    if not ranking:
        return None
    favourite, best = ranking[0]
    tie = SHORT_TIE_RANK if len(text) < SHORT_CHARACTERS else TIE_RANK
    claimed = _primary(declared)
    for language, rank in ranking:
        if language == claimed and rank <= best * tie:
            return language
    return favourite


def _primary(declared: str | None) -> str:
    """The language of a `lang` attribute, without its region."""
    language = (declared or "").strip().lower().replace("_", "-").partition("-")[0]
    return "no" if language in {"nb", "nn"} else language
