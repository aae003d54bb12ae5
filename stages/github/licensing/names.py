"""A licence as metadata and prose name it: identifiers, expressions, `Apache License, Version 2.0`.

Names in use are in `seeds/licenses.toml`, with the trove classifiers that name one licence.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from schemas.licenses import Licenses, is_license, joined, one, read_expression
from stages.github.metadata import is_short_text

PROPRIETARY = "LicenseRef-Proprietary"

_UNKNOWN = frozenset(["", "noassertion", "none", "other", "unknown", "null", "nan"])
_TAG = re.compile(r"SPDX-License-Identifier[\"']?\s*:\s*[\"']?([A-Za-z0-9.+:() \t-]+)")
TAG_CHARACTERS = 4096
"""From the start of a file, in which a tag is one."""

_IGNORED = re.compile(r"REUSE-IgnoreStart.*?(?:REUSE-IgnoreEnd|\Z)", re.DOTALL)

_VAGUE = frozenset(
    ["all rights reserved", "psf", "isc", "boost", "cc0", "commercial", "proprietary", "expat"]
) | {"unlicensed"}
"""Names that in prose mean something else."""

_EITHER = re.compile(r"\b(?:either|or|choice|choose|choosing|option|dual(?:ly)?|alternatively)\b")
_BOTH = re.compile(r"\b(?:and|both|respectively|portions?|parts?|some|except)\b")


@cache
def license_table() -> Mapping[str, Any]:
    """`seeds/licenses.toml`, read once per process."""
    return tomllib.loads((files("seeds") / "licenses.toml").read_text("utf-8"))


def normalise(text: str) -> str:
    """Lower case, every run of anything but letters and digits one space."""
    return " ".join(re.findall(r"[^\W_]+", text.lower()))


def named_license(text: str) -> Licenses | None:
    """The licence that a field of metadata names, or None if it names none that is known."""
    text = text.strip()
    found = read_expression(text)
    if found is not None and all(is_license(name) or "Ref-" in name for name in found.names()):
        return found
    return _named(normalise(text))


def canonical_license(name: str | None) -> str | None:
    """A licence named by metadata: known ones in SPDX's spelling, others as they are, and None
    for the ways of saying nothing (`NOASSERTION`, `other`) and for what is no name but a text."""
    if name is None or name.strip().lower() in _UNKNOWN or not is_short_text(name.strip()):
        return None
    found = read_expression(name.strip())
    return str(found) if found is not None and _is_plain(found) else name.strip()


def classified_license(classifiers: Iterable[str]) -> str | None:
    """The licence a package's trove classifiers name, if they name exactly one."""
    table = license_table()["classifiers"]
    named = {table[text] for text in classifiers if text in table}
    return named.pop() if len(named) == 1 else None


def tagged_license(text: str) -> Licenses | None:
    """What the SPDX tags near the start of a file say; several of them bind together."""
    start = text[:TAG_CHARACTERS]
    if "SPDX-License-Identifier" not in start:
        return None
    start = _IGNORED.sub("", start)
    found = [read for tag in _TAG.finditer(start) if (read := _read_tag(tag[1])) is not None]
    return joined("AND", found) if found else None


def mentioned_licenses(text: str) -> Licenses | None:
    """The licences that a short text in normal form names, joined as it says."""
    found: dict[str, int] = {}
    for match in _mentions().finditer(text):
        found.setdefault(_aliases()[match[0]], match.start())
    parts = [one(name) for name in found]
    if not parts:
        return None
    return joined(how_joined(text) or "AND", parts)


def how_joined(text: str) -> str | None:
    """OR or AND, as a text in normal form says of several licences, or None if it does not."""
    if _EITHER.search(text):
        return "OR"
    return "AND" if _BOTH.search(text) else None


def _is_plain(found: Licenses) -> bool:
    return found.operator != "" or is_license(found.name)


def _read_tag(written: str) -> Licenses | None:
    """The expression a tag begins with: a comment's end or prose may follow it on its line."""
    words = written.replace("--", " ").replace(")", " ) ").replace("(", " ( ").split()
    for end in range(len(words), 0, -1):
        found = read_expression(" ".join(words[:end]))
        if found is None:
            continue
        known = (is_license(name) or name.startswith("LicenseRef-") for name in found.names())
        if all(known):
            return found
    return None


def _named(normal: str) -> Licenses | None:
    name = _aliases().get(normal)
    return one(name) if name is not None else None


@cache
def _aliases() -> dict[str, str]:
    return {alias: name for name, names in license_table()["names"].items() for alias in names}


@cache
def _mentions() -> re.Pattern[str]:
    """Every alias that prose cannot mean otherwise, the longest first."""
    names = sorted(set(_aliases()) - _VAGUE, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, names))})\b")
