"""The rule that picks the seeds of `github.recall`: `seeds/github-quality.toml`, ready for use."""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import xxhash

from stages.kernels.counting.comments import Syntax, Syntaxes

RULE, COMMENTS = "github-quality.toml", "comments.toml"


@dataclass(frozen=True)
class QualityRule:
    """Which files of which repositories are seeds. Hashes as its table does."""

    content_hash: str

    def is_readme(self, path: str) -> bool:
        """Whether the file describes its repository."""
        return _patterns()["readme"].search(path.lower()) is not None

    def is_test(self, path: str) -> bool:
        """Whether the file tests its repository."""
        return _patterns()["tests"].search(path.lower()) is not None

    def picks(
        self,
        path: str,
        language: str | None,
        n_code: int,
        n_comment: int,
        n_words: int,
        n_header: int,
        is_generated: bool,
    ) -> bool:
        """Whether a file is a seed if its repository has a README and tests; the counts are those
        of `schemas.quality`."""
        excluded = language is None or language in _table()["languages"]["excluded"]
        return (
            not excluded
            and not is_generated
            and is_described(n_code, n_comment, n_words, n_header)
            and _patterns()["excluded"].search(path.lower()) is None
        )


@cache
def quality_rule() -> QualityRule:
    """The rule of `seeds/github-quality.toml`."""
    return QualityRule(_hash(["size", "description", "paths", "languages"]))


def is_described(n_code: int, n_comment: int, n_words: int, n_header: int) -> bool:
    """Whether the comments of a file say what its code does, at a size worth reading."""
    size, wanted = _table()["size"], _table()["description"]
    share = n_comment / max(n_code + n_comment, 1)
    return bool(
        size["min_code_lines"] <= n_code <= size["max_code_lines"]
        and wanted["min_comment_share"] <= share <= wanted["max_comment_share"]
        and n_words >= wanted["min_words"]
        and n_words >= wanted["min_words_per_comment"] * n_comment
        and n_words >= wanted["min_words_per_code_line"] * n_code
        and n_header >= wanted["min_header_words"]
    )


def measured_with() -> str:
    """A hash of what the measures depend on: the rule's thresholds are not in it."""
    return _hash(["text", "comment"])


@cache
def generated_mark() -> str:
    """What the first lines of a generated file say, for RE2 and without regard to case."""
    return "|".join(_table()["text"]["generated_marks"])


@cache
def syntaxes() -> tuple[Mapping[str | None, int], Syntaxes]:
    """Language → number of its syntax (null: that of a language nobody listed), and all of them."""
    own = _table()["comment"]
    alike = {row["like"]: row for row in own if "like" in row}
    named = {name: row for row in own for name in row.get("languages", ())}
    common = tomllib.loads(_read(COMMENTS))
    found: dict[Syntax, int] = {}
    numbers: dict[str | None, int] = {}

    def number(row: Mapping[str, Any], more: Mapping[str, Any]) -> int:
        return found.setdefault(_syntax(row, more), len(found))

    numbers[None] = number(common["default"], {})
    for row in common["comment"]:
        for name in row["languages"]:
            numbers[name] = number(row, named.get(name) or alike.get(row["open"]) or {})
    return numbers, Syntaxes.of(list(found), _table()["text"]["licence_words"])


def _syntax(common: Mapping[str, Any], more: Mapping[str, Any]) -> Syntax:
    opening, closing = common["open"].strip(), common["close"].strip()
    line = (opening,) if not closing else ()
    pair = ((opening, closing),) if closing else ()
    return Syntax(
        tuple(more.get("line", line)),
        tuple((start, end) for start, end in more.get("block", pair)),
        tuple(more.get("quoted", ())),
    )


@cache
def _patterns() -> Mapping[str, re.Pattern[str]]:
    return {
        name: re.compile("|".join(f"(?:{one})" for one in patterns))
        for name, patterns in _table()["paths"].items()
    }


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads(_read(RULE))


def _hash(parts: list[str]) -> str:
    content = json.dumps([_table()[part] for part in parts], sort_keys=True)
    return xxhash.xxh3_128_hexdigest(content.encode())


def _read(name: str) -> str:
    return files("seeds").joinpath(name).read_text("utf-8")
