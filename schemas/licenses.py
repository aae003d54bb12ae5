"""SPDX licence expressions: what the column `license` holds, and the class of each.

An expression names licences and says how they go together (SPDX specification, annex D):
`MIT OR Apache-2.0`, `(GPL-2.0 WITH Classpath-exception-2.0) AND MIT`. Spellings in use elsewhere
are read as well: lower case, Cargo's `MIT/Apache-2.0`.

A licence is permissive, copyleft or non-free (`seeds/licenses.toml`); of what is not in the table
no class is known. Who takes code under `A OR B` chooses, so the better class counts; under
`A AND B` both bind, so the worse does, and an unknown part is never taken for permissive.
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

PERMISSIVE, COPYLEFT, NON_FREE, NONE = CLASSES = ("permissive", "copyleft", "non-free", "none")
"""From the best to the worst; `none` is what is not known."""

OWN = "LicenseRef-"
MAX_CHARACTERS = 1000

_TOKEN = re.compile(r"\s*(\(|\)|/|[A-Za-z0-9][A-Za-z0-9.+:-]*)")
_VARIANT = re.compile(r"(?:-only|-or-later|\+)$")
_JOINED = {"and": "AND", "or": "OR", "/": "OR"}


@dataclass(frozen=True)
class Licenses:
    """An expression read: `operator` is AND or OR over its parts, or empty for one licence."""

    operator: str
    parts: tuple["Licenses", ...] = ()
    name: str = ""

    def __str__(self) -> str:
        if not self.operator:
            return self.name
        inside = (f"({part})" if part.operator else str(part) for part in self.parts)
        return f" {self.operator} ".join(inside)

    def names(self) -> list[str]:
        """The licences in it, in their order."""
        return [name for part in self.parts for name in part.names()] or [self.name]


def one(name: str) -> Licenses:
    """The expression of one licence."""
    return Licenses("", name=name)


def joined(operator: str, parts: Iterable[Licenses]) -> Licenses:
    """Several expressions as one, each named once."""
    flat: dict[Licenses, None] = {}
    for part in parts:
        inner = part.parts if part.operator == operator else (part,)
        flat.update(dict.fromkeys(inner))
    return next(iter(flat)) if len(flat) == 1 else Licenses(operator, tuple(flat))


@lru_cache(maxsize=4096)
def read_expression(text: str) -> Licenses | None:
    """An expression in SPDX's spelling, or None if the text is none."""
    tokens = _tokens(text)
    if tokens is None:
        return None
    parsed = _alternatives(tokens, 0)
    return parsed[0] if parsed is not None and parsed[1] == len(tokens) else None


@lru_cache(maxsize=4096)
def license_class(expression: str | None) -> str:
    """The class of an expression."""
    found = read_expression(expression) if expression else None
    return NONE if found is None else _class_of(found)


def is_allowed(expression: str | None, allowed: frozenset[str]) -> bool:
    """Whether classes and licences that are allowed (lower case) suffice for an expression."""
    found = read_expression(expression) if expression else None
    if found is None:
        return NONE in allowed or (expression or "").strip().lower() in allowed
    return str(found).lower() in allowed or _suffices(found, allowed)


@cache
def license_names() -> dict[str, str]:
    """Every identifier of the table by its lower case."""
    return {name.lower(): name for name in _classes()}


def is_license(name: str) -> bool:
    """Whether a licence's class is known, its variants (`-only`, `+`) included."""
    return _class_of(one(name)) != NONE


def require_licenses(names: Iterable[str]) -> None:
    """ValueError, with the nearest name, for one that is no class and no known licence; names of
    one's own begin with `LicenseRef-`."""
    for name in names:
        found = read_expression(name)
        parts = found.names() if found is not None else [name]
        for part in parts:
            if part.lower() not in CLASSES and not part.startswith(OWN) and not is_license(part):
                known = {**license_names(), **{each: each for each in CLASSES}}
                close = difflib.get_close_matches(part.lower(), known, 1, 0.6)
                hint = f"; did you mean {known[close[0]]}?" if close else ""
                raise ValueError(f"{part!r} is the name of no licence{hint}")


def _tokens(text: str) -> list[str] | None:
    tokens: list[str] = []
    position = 0
    text = text.strip()
    while position < len(text) <= MAX_CHARACTERS:
        found = _TOKEN.match(text, position)
        if found is None:
            return None
        tokens.append(found[1])
        position = found.end()
    return tokens or None


_Parsed = tuple[Licenses, int] | None


def _alternatives(tokens: list[str], start: int, depth: int = 0) -> _Parsed:
    return _sequence(tokens, start, depth, "OR", _all_of)


def _all_of(tokens: list[str], start: int, depth: int) -> _Parsed:
    return _sequence(tokens, start, depth, "AND", _operand)


def _sequence(
    tokens: list[str],
    start: int,
    depth: int,
    operator: str,
    inner: Callable[[list[str], int, int], _Parsed],
) -> _Parsed:
    parts = []
    while True:
        parsed = inner(tokens, start, depth)
        if parsed is None:
            return None
        part, start = parsed
        parts.append(part)
        if start == len(tokens) or _JOINED.get(tokens[start].lower()) != operator:
            return joined(operator, parts), start
        start += 1


def _operand(tokens: list[str], start: int, depth: int) -> _Parsed:
    if start == len(tokens) or depth > 20:
        return None
    if tokens[start] == "(":
        inner = _alternatives(tokens, start + 1, depth + 1)
        if inner is None or inner[1] == len(tokens) or tokens[inner[1]] != ")":
            return None
        return inner[0], inner[1] + 1
    name = tokens[start]
    if name.lower() in ("and", "or", "with", ")", "/"):
        return None
    name = _spelled(name)
    start += 1
    if start + 1 < len(tokens) and tokens[start].lower() == "with":
        name, start = f"{name} WITH {tokens[start + 1]}", start + 2
    return one(name), start


def _spelled(name: str) -> str:
    known = license_names()
    variant = _VARIANT.search(name)
    base = name[: variant.start()] if variant else name
    return known.get(name.lower()) or known.get(base.lower(), base) + (
        variant[0] if variant else ""
    )


def _class_of(found: Licenses) -> str:
    if not found.operator:
        name = found.name.partition(" WITH ")[0]
        classes = _classes()
        return classes.get(name) or classes.get(_VARIANT.sub("", name)) or NONE
    ranks = [CLASSES.index(_class_of(part)) for part in found.parts]
    if found.operator == "OR":
        return CLASSES[min(ranks)]
    worst = max(ranks)
    return NON_FREE if CLASSES.index(NON_FREE) in ranks else CLASSES[worst]


def _suffices(found: Licenses, allowed: frozenset[str]) -> bool:
    if found.operator:
        suffice = any if found.operator == "OR" else all
        return suffice(_suffices(part, allowed) for part in found.parts)
    return found.name.lower() in allowed or _class_of(found) in allowed


@cache
def _classes() -> dict[str, str]:
    table = tomllib.loads((files("seeds") / "licenses.toml").read_text("utf-8"))["classes"]
    return {name: kind for kind, names in table.items() for name in names}
