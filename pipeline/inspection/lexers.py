"""Pygments' lexer for a language, to show its code in colours.

Most languages have Pygments' name; `seeds/lexers.tsv` has the others, among them some without a
lexer of their own whose code is mostly that of another (Metal: C++). Some 40 of the 338 have
none.
"""

from functools import cache

from pygments.lexers import find_lexer_class, get_lexer_by_name
from pygments.util import ClassNotFound

from stages.language.names import read_table

LEXERS = "lexers.tsv"


@cache
def lexer_name(language: str | None) -> str | None:
    """The alias of the lexer for a language of `seeds/languages.tsv` or `languages_other.tsv`."""
    if not language:
        return None
    for alias in (_listed().get(language), language.lower(), language.lower().replace(" ", "-")):
        if alias is not None and _is_known(alias):
            return alias
    found = find_lexer_class(language)
    return found.aliases[0] if found is not None and found.aliases else None


def _is_known(alias: str) -> bool:
    try:
        get_lexer_by_name(alias)
    except ClassNotFound:
        return False
    return True


@cache
def _listed() -> dict[str, str]:
    return {row["language"]: row["lexer"] for row in read_table(LEXERS)}
