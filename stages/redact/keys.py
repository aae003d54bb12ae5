"""Keys and tokens: the formats of `seeds/secrets.toml`, and what has a format but is no secret.

A format alone says too much. Documentation writes `ghp_xxxxxxxx…`, and a parser of PEM names the
lines that open and close a private key without there being one between them. So a placeholder
(few distinct characters, or a word such as `your`) stays, what only its name gives away is a key
if its characters are random (`randomness`), and of an armoured key what is redacted
is what follows its first line as base64, through quotes, line ends (escaped ones too), comment
marks and header lines; without 40 characters of that nothing is.

Cost: only candidates come here, each is looked at within 16 KiB.
"""

import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from stages.redact.randomness import is_random

MIN_RUN = 12
"""Bytes of token characters that must follow a prefix, unless the row says otherwise."""

MAX_ARMOUR_BYTES = 16_384
MIN_ARMOUR_CHARACTERS = 40
"""An Ed25519 key is 64 characters, the shortest there is."""

MIN_DISTINCT = 7

_WORDS = re.compile(
    rb"your|placeholder|change[-_]?me|redacted|dummy|example[^A-Z]|EXAMPLE|(?i:x{6}|\*{4})"
)
_PATTERN = re.compile(rb"[aA0]-[zZ9]|\{\{|\$[{(]|://|[*+?]\)|\[\^")
"""Of expressions and templates, which are as unpredictable as keys."""
_GLUE = re.compile(rb"(?:\\+[nrt]|&#(?:10|xA|13|xD);|[\s\"'`\\,#*>|;%&.+]|//)*+")
_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/]{16,}+={0,2}")
_LAST_RUN = re.compile(rb"[A-Za-z0-9+/=]{1,16}+(?=(?:\\+[nrt]|[\s\"'`\\,#*>|;%&.+])*+----)")
_HEADER = re.compile(rb"[A-Za-z][A-Za-z-]{2,24}: [^\n\\]{1,100}")
_CLOSING = re.compile(rb"----[- ]END (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?[- ]----")


@dataclass(frozen=True)
class Format:
    """One prefix of a row of the table."""

    prefix: bytes
    pattern: re.Pattern[bytes]
    run: int
    lead: tuple[int, int]
    armoured: bool
    random: bool

    def span(self, text: bytes, start: int) -> tuple[int, int] | None:
        """The key whose prefix stands at `start`, or None if there is none."""
        least, most = self.lead
        for first in range(max(0, start - most), start - least + 1):
            found = self.pattern.match(text, first)
            if found is None:
                continue
            if self.armoured:
                end = _armoured_end(text, found.end())
                return None if end is None else (found.start(), end)
            group: int | str = "key" if "key" in self.pattern.groupindex else 0
            span = found.span(group)
            key = text[slice(*span)]
            if _is_placeholder(key) or (self.random and not _is_drawn(key)):
                return None
            return span
        return None


def secrets() -> list[dict[str, Any]]:
    """The rows of `seeds/secrets.toml`."""
    rows: list[dict[str, Any]] = tomllib.loads(
        (files("seeds") / "secrets.toml").read_text("utf-8")
    )["secret"]
    return rows


def formats() -> list[Format]:
    """A format for every prefix, in the order of the prefixes."""
    found = [
        Format(
            prefix.encode(),
            re.compile(row["pattern"].encode()),
            row.get("run", MIN_RUN),
            tuple(row.get("lead", (0, 0))),
            row.get("armoured", False),
            row.get("random", False),
        )
        for row in secrets()
        for prefix in row["prefixes"]
    ]
    return sorted(found, key=lambda each: each.prefix)


def _is_placeholder(key: bytes) -> bool:
    return len(set(key)) < MIN_DISTINCT or _WORDS.search(key) is not None


def _is_drawn(key: bytes) -> bool:
    return _PATTERN.search(key) is None and is_random(key)


def _armoured_end(text: bytes, start: int) -> int | None:
    """Where the base64 behind an opening line, and the closing line if it follows, ends."""
    limit = min(len(text), start + MAX_ARMOUR_BYTES)
    found = bytearray()
    end = position = start
    while position < limit:
        glue = _GLUE.match(text, position, limit)
        position = glue.end() if glue else position
        if header := _HEADER.match(text, position, limit):
            position = header.end()
            continue
        run = _BASE64_RUN.match(text, position, limit) or _LAST_RUN.match(text, position, limit)
        if run is None:
            break
        found += run[0]
        end = position = run.end()
    if len(found) < MIN_ARMOUR_CHARACTERS or _is_placeholder(bytes(found)):
        return None
    glue = _GLUE.match(text, end)
    closing = _CLOSING.match(text, glue.end()) if glue else None
    return closing.end() if closing else end
