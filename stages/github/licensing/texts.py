"""The licence that a text is: recognised word by word, and what stands beside it.

`licenseclassifier` (a port of Google's licensecheck) finds every licence of SPDX's list that a text
contains as a whole. That alone is not what the text grants: `MIT` with the Commons Clause below it,
or with "shall not be used for military purposes", is no MIT. So what is not a licence's own words,
beside it or in it, is searched for riders: known ones (`seeds/licenses.toml`) and those in any
other words (`terms.py`). One makes the text `MIT AND LicenseRef-…`, which no reader takes for
permissive. So do a licence's words, changed so that they are none as a whole, below its name. A
text without a licence that is known has none, or its rider alone.

Several licences in one text go together as it says: `either … or`, else both. Behind words that
introduce the licences of others ("bundled", "third-party") nothing counts.

Texts that two libraries disagree on were looked at by hand; see tests/stages/github/licensing.
Cost: 4-20 ms a text, 0.5 s once; a text that was met before costs nothing.
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from licenseclassifier import identify_license

from schemas.licenses import NON_FREE, Licenses, joined, license_class, one, read_expression
from stages.github.licensing.names import (
    license_table,
    mentioned_licenses,
    normalise,
    tagged_license,
)
from stages.github.licensing.own_words import is_mostly_of_a_licence, strange_words
from stages.github.licensing.terms import take_back

MAX_CHARACTERS = 1 << 18
MAX_BESIDE = 1 << 15
"""Characters beside licences that are searched for riders."""

OTHER_TERMS = "LicenseRef-Other-Terms"
"""The rider of words that ask or forbid something, without saying what kind of licence this is."""

MIN_OWN_CHARACTERS = 150
"""Less is a link or a name, not a licence's own text."""

SHORT_STATEMENT = 3000
"""A longer text that names licences is about something else."""

_OTHERS = re.compile(
    r"bundl|third.part|3rd.part|incorporat|includes? (?:code|software|files|the following)"
    r"|portions|derived from|vendored|other (?:licen|librar|software|component)|component"
    r"|subcomponent|contains (?:code|software|files)|dependenc|following (?:files|code|licen)"
    r"|acknowledg|notices? for|adapted from|based on|borrow|^files?:|licen[cs]e for ",
    re.IGNORECASE | re.MULTILINE,
)
_COPYRIGHT = re.compile(
    r"^(?!.*(?:free software foundation|yyyy|<year>|<name))"
    r"[^\w\n]*(?:copyright[ \t]*(?:\(c\)|©|&copy;|:|[12][0-9]{3})"
    r"|(?:\(c\)|©)[ \t]*[12][0-9]{3}).*$",
    re.IGNORECASE | re.MULTILINE,
)
"""Lines that say whose the text is, but for those of the licences' own. The library takes what
stands behind them for a licence's words, up to where those begin: a rider would hide there."""

_LLVM_EXCEPTION = re.compile(
    r"llvm\W+exceptions\W+to\W+the\W+apache\W+2\W+0\W+license", re.IGNORECASE
)
_APART = "\n\n"
_CHOICE = re.compile(r"\b(?:either|choice|choose|choosing|option|dual(?:ly)?|alternatively)\b")
_RENAMED = {
    "CommonsClause": "LicenseRef-Commons-Clause",
    "GPL-2.0-or-3.0": "GPL-2.0 OR GPL-3.0",
    "GooglePatentClause": None,
    "GooglePatentsFile": None,
}


@dataclass(frozen=True)
class Reading:
    """What a text says: its licences, and the words beside them in normal form."""

    licenses: Licenses | None
    beside: str


@lru_cache(maxsize=256)
def read_license(text: str) -> Reading:
    """The licence of a text that is meant to state one."""
    parts = _taken_apart(_COPYRIGHT.sub("", text[:MAX_CHARACTERS]))
    beside = normalise(parts.beside)
    if parts.names:
        found: Licenses | None = joined("OR" if _is_choice(parts.between) else "AND", parts.names)
    else:
        found = tagged_license(text)
        if found is None and len(beside) <= SHORT_STATEMENT:
            found = mentioned_licenses(beside)
    rider = find_rider(beside) or find_rider(normalise(parts.inside))
    if rider is None and found is not None and _is_changed(parts):
        rider = OTHER_TERMS
    if rider is not None:
        found = joined("AND", [*([found] if found else []), one(rider)])
    return Reading(found, beside)


def find_rider(beside: str) -> str | None:
    """The known rider in words (normal form) beside a licence, or None."""
    for name, pattern in _riders():
        if pattern.search(beside[:MAX_BESIDE]):
            return name
    return None


@dataclass(frozen=True)
class _Parts:
    """The licences of a text itself; what is written beside all of them, between them, and in them
    without being theirs."""

    names: list[Licenses]
    beside: str
    between: str
    inside: str


def _taken_apart(text: str) -> _Parts:
    names: list[Licenses] = []
    beside: list[str] = []
    between: list[str] = []
    inside: list[str] = []
    position = 0
    for each in identify_license(text, 0.0):
        renamed = _RENAMED.get(each.id, each.id)
        if renamed is None or each.end - each.start < MIN_OWN_CHARACTERS:
            continue
        name = read_expression(renamed) or one(renamed)
        gap = text[position : each.start]
        if names and _is_of_others(gap, name):
            position = len(text)
            break
        beside.append(gap)
        inside += strange_words(text[each.start : each.end])
        position = each.end
        if not any(_is_appendix(str(name), str(before)) for before in names):
            between.append(gap)
            names.append(name)
    beside.append(text[position:])
    words = _APART.join(beside)
    if names == [one("Apache-2.0")] and (exception := _LLVM_EXCEPTION.search(words)):
        names = [one("Apache-2.0 WITH LLVM-exception")]
        words = words[: exception.start()]
    return _Parts(names, words, _APART.join(between), _APART.join(inside))


def _is_changed(parts: _Parts) -> bool:
    """Whether a licence is not what its name says: something beside or in it takes something back,
    or its words are there, and not as a whole, so that somebody has changed them."""
    beside = parts.beside[:MAX_BESIDE]
    if not parts.names and is_mostly_of_a_licence(beside):
        return True
    return take_back(beside) or take_back(parts.inside)


def _is_choice(between: str) -> bool:
    """Whether words between licences offer them for a choice; "or" alone does if it is all."""
    words = normalise(between)
    return _CHOICE.search(words) is not None or words == "or"


def _is_of_others(gap: str, name: Licenses) -> bool:
    """Whether words introduce a licence of bundled code. What is not free is no such thing: a
    rider may be introduced alike."""
    if _OTHERS.search(gap) is None or license_class(str(name)) == NON_FREE:
        return False
    return find_rider(normalise(gap)) is None


def _is_appendix(name: str, before: str) -> bool:
    """GNU licences end with how to apply them, which is a notice of its own kind."""
    return name in (f"{before}-or-later", f"{before}-only")


@cache
def _riders() -> list[tuple[str, re.Pattern[str]]]:
    return [
        (name, re.compile(rf"\b(?:{'|'.join(patterns)})"))
        for name, patterns in license_table()["riders"].items()
    ]
