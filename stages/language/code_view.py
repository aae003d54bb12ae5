"""A file as its code alone: comments blanked, strings emptied, before rules look at it.

Words in a comment or a string say nothing about the language: a C header whose documentation speaks
of `@class` or "friend " is C, a MATLAB file that splits at "@" is MATLAB. How the languages of an
extension write comments and strings is in `heuristics.toml` (`[code.NAME]`): marks that mean a
comment in one of them and are rare in the others.

A comment leaves a blank or its line ends, a string its quotes. Cost: 10 MB/s.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class CodeView:
    """How to blank the comments and empty the strings of a text, whichever begins first."""

    pattern: re.Pattern[bytes]

    @classmethod
    def of(cls, table: Mapping[str, list[str]]) -> "CodeView":
        """From a `[code.NAME]` table: patterns of `comments` and of `strings`."""
        comments = "|".join(f"(?:{pattern})" for pattern in table.get("comments", []))
        strings = "|".join(f"(?:{pattern})" for pattern in table.get("strings", []))
        groups = [f"(?P<string>{strings})"] if strings else ["(?P<string>(?!))"]
        return cls(re.compile("|".join([*groups, comments or "(?!)"]).encode(), re.M))

    def __call__(self, text: bytes) -> bytes:
        return self.pattern.sub(_emptied, text)


def _emptied(found: re.Match[bytes]) -> bytes:
    if found["string"] is not None:
        return 2 * found[0][:1]
    return b"\n" * found[0].count(b"\n") or b" "
