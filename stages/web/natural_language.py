"""Which natural language a page's prose is in.

The script decides first, by counting letters: kana is Japanese, hangul Korean, Han without kana
Chinese. Of the others resiliparse's detector (101 languages, n-gram ranks, 100 MB/s) sees the words
of the prevailing script alone, so that a Russian page about software is not taken for English or,
for its mixture, for Serbian; among Cyrillic languages, letters that some lack narrow the choice.

A short text is in the language that has its words (see `short_texts`), where that can be told.

Code and formulas are gone before it looks, and addresses do not count. The page's own `lang` is
believed if the detector finds it nearly as likely as its favourite: templates name languages that
the text is not in.
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
SCRIPT_MARGIN = 1.015
"""How much worse than the best the second of the languages in scripts of their own is, if the text
is in one of them; a text in another script is as far from all."""
MIN_CYRILLIC_SHARE = 0.3
"""Cyrillic pages are full of Latin names; Latin pages hold no Cyrillic."""
SHORT_CHARACTERS = 600
TIE_RANK, SHORT_TIE_RANK = 1.08, 1.5
"""How much worse than the favourite, as a factor of rank, the declared language may be."""

_ADDRESS = re.compile("https?://[!-~]+")
_CJK = frozenset({"ja", "ko", "zh"})
"""Told by their scripts alone."""
_OTHER_SCRIPTS = (
    *(
        "ar",
        "as",
        "bn",
        "bo",
        "dv",
        "el",
        "fa",
        "gu",
        "he",
        "hi",
        "hy",
        "ka",
        "km",
        "kn",
        "ml",
        "mr",
    ),
    *("my", "ne", "or", "pa", "ps", "sa", "sd", "si", "ta", "te", "th", "ug", "ur", "yi"),
)
_OF_ONE_SCRIPT = (("ar", "fa", "ur", "ps", "sd", "ug"), ("hi", "mr", "ne", "sa"), ("bn", "as"))
"""Languages of which a short text is as far from one as from another, the most written first."""
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
    prose = prose[:SAMPLE_CHARACTERS]
    if "://" in prose:
        prose = _ADDRESS.sub(" ", prose)
    found = count_scripts(prose)
    n_cjk = found.n_kana + found.n_han + found.n_hangul
    n_others = found.n_letters - n_cjk
    if n_others + n_cjk * _CJK_WEIGHT < MIN_LETTERS:
        return None
    if n_cjk * _CJK_WEIGHT > n_others:
        if found.n_hangul > found.n_kana + found.n_han:
            return "ko"
        return "ja" if found.n_kana > 0.1 * n_cjk else "zh"
    if found.n_cyrillic > MIN_CYRILLIC_SHARE * n_others:
        return _cyrillic_language(found.cyrillic.lower(), declared)
    if found.n_latin * 2 > found.n_letters:
        return _latin_language(found.latin, declared)
    return _detect(prose, declared, None) or _script_language(prose)


def _cyrillic_language(words: str, declared: str | None) -> str:
    candidates = _cyrillic_candidates(words, len(words) - words.count(" "))
    likely = likely_languages(words, _primary(declared)) if len(words) < SHORT_CHARACTERS else ()
    both = [language for language in likely if language in candidates]
    return both[0] if len(both) == 1 else _detect(words, declared, candidates) or candidates[0]


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


def _script_language(text: str) -> str | None:
    """Of a short text, which is far from all that the detector knows."""
    ranking = _ranking(text, _OTHER_SCRIPTS, 1 << 20)
    close = [one for one, rank in ranking if rank < ranking[0][1] * SCRIPT_MARGIN]
    if len(close) == 1:
        return close[0]
    for languages in _OF_ONE_SCRIPT:
        if close and set(close) <= set(languages):
            return min(close, key=languages.index)
    return None


def _detect(text: str, declared: str | None, languages: tuple[str, ...] | None) -> str | None:
    ranking = [one for one in _ranking(text, languages, MAX_RANK) if one[0] not in _CJK]
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


def _ranking(text: str, languages: tuple[str, ...] | None, max_rank: int) -> list[tuple[str, int]]:
    return list(cast(Any, detect_fast)(text, cutoff=max_rank, n_results=12, langs=languages))
