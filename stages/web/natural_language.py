"""Which natural language a page's prose is in.

The script decides first, by counting letters: kana is Japanese, hangul Korean, Han without kana
Chinese. Of the others resiliparse's detector (101 languages, n-gram ranks, 20 MB/s) sees the words
of the prevailing script alone, so that a Russian page about software is not taken for English or,
for its mixture, for Serbian; among Cyrillic languages, letters that some lack narrow the choice.

Code and formulas are gone before it looks. The page's own `lang` is believed if the detector finds
it nearly as likely as its favourite: templates name languages that the text is not in.
"""

import re
from typing import Any, cast

from resiliparse.parse.lang import detect_fast

SAMPLE_CHARACTERS = 20_000
MIN_LETTERS = 20
MAX_RANK = 1200
"""Distance above which the detector's authors expect false results."""
MIN_CYRILLIC_SHARE = 0.3
"""Cyrillic pages are full of Latin names; Latin pages hold no Cyrillic."""
SHORT_CHARACTERS = 600
TIE_RANK, SHORT_TIE_RANK = 1.08, 1.5
"""How much worse than the favourite, as a factor of rank, the declared language may be."""

_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d]+")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]+")
_HANGUL = re.compile("[\uac00-\ud7a3]+")
_CYRILLIC = re.compile("[\u0400-\u052f]+")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f\u1e00-\u1eff]+")
_LETTER = re.compile(r"[^\W\d_]+")
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
    sample = prose[:SAMPLE_CHARACTERS]
    n_letters = _count(_LETTER, sample)
    if n_letters < MIN_LETTERS:
        return None
    n_kana, n_han, n_hangul = (_count(letters, sample) for letters in (_KANA, _HAN, _HANGUL))
    n_cjk = n_kana + n_han + n_hangul
    if n_cjk * _CJK_WEIGHT > n_letters - n_cjk:
        if n_hangul > n_kana + n_han:
            return "ko"
        return "ja" if n_kana > 0.1 * n_cjk else "zh"
    cyrillic = _CYRILLIC.findall(sample)
    n_cyrillic = sum(map(len, cyrillic))
    if n_cyrillic > MIN_CYRILLIC_SHARE * (n_letters - n_cjk):
        words = " ".join(cyrillic).lower()
        candidates = _cyrillic_candidates(words, n_cyrillic)
        return _detect(words, declared, candidates) or candidates[0]
    latin = _LATIN.findall(sample)
    if sum(map(len, latin)) * 2 > n_letters:
        return _detect(" ".join(latin), declared, None)
    return _detect(sample, declared, None)


def _count(letters: re.Pattern[str], text: str) -> int:
    """How many letters there are; found in runs, as a string for each would take four times as
    long."""
    return sum(map(len, letters.findall(text)))


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
    claimed = (declared or "").lower().replace("_", "-").partition("-")[0]
    for language, rank in ranking:
        if language == claimed and rank <= best * tie:
            return language
    return favourite
