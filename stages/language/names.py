"""What file names say about a language: the tables of `seeds/` as look-ups.

`languages.tsv` has the 338 supported names, `languages_other.tsv` names beyond them that are worth
recognising (so that they are reported, not guessed at), both with extensions, file names (`*` is a
wildcard) and interpreters. `extensions.tsv` orders the languages of each extension that several
share, the likeliest first; `-` there stands for no language at all.

An extension is matched as written, then in lower case (`.R` is R, `.C` is C++); of `a.html.erb`
the longest known suffix counts.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

NOTHING = "-"
"""The candidate that stands for no language."""

MATCHES_KEPT = 1 << 17
LONGEST_KEPT = 255
"""Base names whose match is remembered, and their length: a quarter kilobyte each."""


@dataclass(frozen=True)
class NameTables:
    """Look-ups made from the tables."""

    supported: frozenset[str]
    by_file_name: dict[str, str]
    by_prefix: tuple[tuple[str, str], ...]
    by_extension: dict[str, tuple[str, ...]]
    by_interpreter: dict[str, str]


@dataclass(frozen=True)
class NameMatch:
    """What a base name says: a language by its file name, or an extension's candidates."""

    language: str | None = None
    extension: str | None = None
    candidates: tuple[str, ...] = ()


UNKNOWN_NAME = NameMatch()


def read_table(name: str) -> list[dict[str, str]]:
    """The rows of a tab-separated table in `seeds/`."""
    lines = (files("seeds") / name).read_text("utf-8").splitlines()
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


@cache
def name_tables() -> NameTables:
    """The tables, read once per process."""
    supported = read_table("languages.tsv")
    rows = [*supported, *read_table("languages_other.tsv")]
    shared = {
        row["extension"]: tuple(row["languages"].split("; "))
        for row in read_table("extensions.tsv")
    }
    owners = {
        extension: (row["name"],) for row in rows for extension in row["extensions"].split(" ")
    }
    by_extension = {**owners, **shared}
    by_extension.pop("", None)
    for extension, candidates in list(by_extension.items()):
        by_extension.setdefault(extension.lower(), candidates)
    named = [(name, row["name"]) for row in rows for name in row["filenames"].split(" ") if name]
    return NameTables(
        supported=frozenset(row["name"] for row in supported),
        by_file_name={name: language for name, language in named if not name.endswith("*")},
        by_prefix=tuple(
            (name.removesuffix("*"), language) for name, language in named if name.endswith("*")
        ),
        by_extension=by_extension,
        by_interpreter={
            interpreter: row["name"]
            for row in rows
            for interpreter in row["interpreters"].split(" ")
            if interpreter
        },
    )


class NameMatcher:
    """Matches paths, remembering the base names it has seen: those pass at a million a second."""

    def __init__(self) -> None:
        self.tables = name_tables()
        self._seen: dict[str, NameMatch] = {}

    def match(self, path: str) -> NameMatch:
        """What the last part of `path` says."""
        base = path[path.rfind("/") + 1 :]
        found = self._seen.get(base)
        if found is None:
            found = self._match(base)
            if len(self._seen) >= MATCHES_KEPT:
                self._seen.clear()
            if len(base) <= LONGEST_KEPT:
                self._seen[base] = found
        return found

    def _match(self, base: str) -> NameMatch:
        language = self.tables.by_file_name.get(base)
        if language is not None:
            return NameMatch(language=language)
        by_extension = self.tables.by_extension
        for suffix in _suffixes(base):
            extension = suffix if suffix in by_extension else suffix.lower()
            if extension in by_extension:
                return NameMatch(extension=extension, candidates=by_extension[extension])
        for prefix, language in self.tables.by_prefix:
            if base.startswith(prefix):
                return NameMatch(language=language)
        return UNKNOWN_NAME


def _suffixes(base: str) -> Iterator[str]:
    """`a.html.erb` gives `.html.erb`, `.erb`; file systems bound the length, archives do not."""
    position = base.find(".", max(0, len(base) - 64))
    while position >= 0:
        yield base[position:]
        position = base.find(".", position + 1)
