"""What a file's first bytes say about its language: modelines and patterns.

`heuristics.toml` holds, for each extension that several languages share, rules asked in order; the
first that matches names the language. Patterns are regular expressions over bytes in multi-line
mode. Lines are cut to 500 bytes before, which bounds the time of a pattern that is quadratic in the
length of a line; without that, 50 kB of blanks take minutes. Most rules see the code alone (see
`code_view`); one that looks for a comment sees the text as it is.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from stages.language.code_view import CodeView

MODELINE_BYTES = 1024
"""Where Emacs and Vim modelines are looked for: the file's start and its end."""

LONG_LINE = re.compile(rb"^([^\n]{500})[^\n]++", re.M)

MODELINE = re.compile(
    rb"-\*-[ \t]*(?:[^\r\n]{0,100}?\b(?i:mode)[ \t]*:[ \t]*)?([\w+#.-]+)[^\r\n]{0,100}?-\*-"
    rb"|\b(?:vim?[\d<=>]{0,4}|ex):[^\r\n]{0,100}?"
    rb"\b(?:ft|filetype|syn|syntax)[ \t]*=[ \t]*([\w+#.-]+)"
    rb"|\bLocal Variables:[\s\S]{0,500}?\bmode:[ \t]*([\w+#.-]+)"
)
"""Emacs's first line, Vim's, and the variables at the end of a file (Emacs manual, 49.2.4)."""


@dataclass(frozen=True)
class Rule:
    """Names a language if every pattern of `every` is found and `absent` is not."""

    language: str
    every: tuple[re.Pattern[bytes], ...]
    absent: re.Pattern[bytes] | None
    code: str | None
    """What the text is seen through: a view of `code_views`, or null for all of it."""

    def matches(self, head: bytes) -> bool:
        """Whether the rule holds for a file that begins with `head`."""
        return all(pattern.search(head) for pattern in self.every) and not (
            self.absent is not None and self.absent.search(head)
        )


@cache
def content_rules() -> dict[str, tuple[Rule, ...]]:
    """Extension → rules in the order of the blocks that name it, read once per process."""
    rules: dict[str, tuple[Rule, ...]] = {}
    for block in _heuristics()["block"]:
        for extension in block["extensions"]:
            found = (_rule(entry, block.get("code")) for entry in block["rules"])
            rules[extension] = (*rules.get(extension, ()), *found)
    return rules


@cache
def code_views() -> dict[str, CodeView]:
    """Name → view, read once per process."""
    return {name: CodeView.of(table) for name, table in _heuristics()["code"].items()}


@cache
def modeline_names() -> dict[str, tuple[str, ...]]:
    """Editors' mode names → the languages that are edited in it, read once per process."""
    names: dict[str, str | list[str]] = _heuristics()["modelines"]
    return {
        mode: (named,) if isinstance(named, str) else tuple(named) for mode, named in names.items()
    }


def resolve(extension: str, head: bytes) -> str | None:
    """The language the first matching rule of this extension names."""
    rules = content_rules().get(extension)
    if rules is None:
        return None
    lines = LONG_LINE.sub(rb"\1", head.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
    seen: dict[str | None, bytes] = {None: lines}
    for rule in rules:
        if rule.code not in seen:
            seen[rule.code] = code_views()[rule.code or ""](lines)
        if rule.matches(seen[rule.code]):
            return rule.language
    return None


def modeline(head: bytes) -> tuple[str, ...]:
    """The languages of the mode that an Emacs or Vim modeline names, in the first lines or the
    last; none if there is none that is known."""
    for start, end in ((0, MODELINE_BYTES), (max(0, len(head) - MODELINE_BYTES), len(head))):
        for found in MODELINE.finditer(head, start, end):
            mode = next(name for name in found.groups() if name is not None)
            named = modeline_names().get(mode.decode("ascii", "replace").lower())
            if named is not None:
                return named
    return ()


def _heuristics() -> dict[str, Any]:
    return tomllib.loads((files("seeds") / "heuristics.toml").read_text("utf-8"))


def _rule(entry: dict[str, object], code: str | None) -> Rule:
    every = entry.get("every", [])
    patterns = [entry["any"]] if "any" in entry else []
    patterns += [[pattern] for pattern in every] if isinstance(every, list) else []
    absent = entry.get("none")
    return Rule(
        language=str(entry["language"]),
        every=tuple(_union(pattern) for pattern in patterns),
        absent=None if absent is None else _union(absent),
        code=None if entry.get("raw") else code,
    )


def _union(patterns: object) -> re.Pattern[bytes]:
    if not isinstance(patterns, list):
        raise TypeError(f"heuristics.toml: expected a list of patterns, got {patterns!r}")
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns).encode(), re.M)
