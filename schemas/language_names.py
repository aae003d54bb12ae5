"""What `language` and `other` may hold: the 338 supported names, and others that are recognised."""

import difflib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files


@cache
def supported_languages() -> tuple[str, ...]:
    """The 338 names."""
    return _first_column("languages.tsv")


@cache
def other_languages() -> tuple[str, ...]:
    """Names beyond them that are worth telling apart."""
    return _first_column("languages_other.tsv")


def require_languages(names: Iterable[str]) -> None:
    """ValueError, with the nearest name, for one that no language has."""
    known = (*supported_languages(), *other_languages())
    for name in names:
        if name not in known:
            lower = {other.lower(): other for other in known}
            close = difflib.get_close_matches(name.lower(), lower, 1, 0.6)
            hint = f"; did you mean {lower[close[0]]}?" if close else ""
            raise ValueError(f"{name!r} is the name of no language{hint}")


def _first_column(table: str) -> tuple[str, ...]:
    lines = (files("seeds") / table).read_text("utf-8").splitlines()
    return tuple(line.split("\t", 1)[0] for line in lines[1:])
