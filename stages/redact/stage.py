"""Redact: find e-mail addresses, public IP addresses and keys, as spans of bytes.

Personal data and secrets do not belong into a training corpus; the text stays as it is and emit
replaces the spans by `<EMAIL>`, `<IP_ADDRESS>`, `<KEY>`. What is found:

- EMAIL: local part, `@`, a domain whose last label is a top-level domain that exists (public
  suffix list), so that `icon@2x.png` stays; `git@HOST:` names no person and stays;
- IP_ADDRESS: addresses of hosts that are routed publicly, so none ending in `.0.0`. Private,
  loopback, link-local, multicast and
  documentation ranges stay, and so do four-part version numbers where the text says that they
  are (`version 1.2.3.4`, `v1.2.3.4`, `==1.2.3.4`, `Chrome/1.2.3.4`);
- KEY: the formats of `seeds/secrets.toml`.

A kernel finds candidates in one pass; only those meet a regular expression. Cost: 115-165 MB/s
a core on source code.
"""

import ipaddress
import re
import tomllib
from functools import cache, lru_cache
from importlib.resources import files
from itertools import groupby
from operator import itemgetter
from typing import Any, ClassVar

import pyarrow as pa
from publicsuffixlist import PublicSuffixList

from schemas.spans import SPAN_MEASURES
from stages.kernels.arrow import utf8_buffers
from stages.kernels.spans import Span, merged, spans_array
from stages.redact.candidates import (
    EMAIL,
    IPV4,
    IPV6,
    KEY,
    character_classes,
    find_candidates,
    prefix_tables,
)
from stages.redact.options import RedactOptions

KINDS = ("EMAIL", "IP_ADDRESS", "KEY")

CONTEXT_BYTES = 24
"""How far before four dotted numbers something may say that they are a version."""

_VERSION_BEFORE = re.compile(
    rb"(?:(?:version|release|revision|firmware|build|section|chapter)[\w.]{0,8}['\"]?\s{0,2}[:=(]?"
    rb"\s{0,2}['\"(]?|(?<![A-Za-z0-9])v(?:er)?[. _-]?|[=<>~!^]=?=\s?|[A-Za-z][/-])$",
    re.IGNORECASE,
)
_GIT_BEFORE = b"git@"


class RedactStage:
    """Annotates: `spans` of what is to be replaced; no document is dropped."""

    name: ClassVar[str] = "redact"
    version: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ("publicsuffixlist",)
    Options: ClassVar[type[RedactOptions]] = RedactOptions
    reads: ClassVar[tuple[str, ...]] = ("text",)
    optional: ClassVar[tuple[str, ...]] = ()
    schema: pa.Schema = SPAN_MEASURES

    def __init__(self, options: RedactOptions) -> None:
        self.options = options
        self._classes = character_classes()
        prefixes = sorted(
            (prefix.encode(), re.compile(row["pattern"].encode()))
            for row in secrets()
            for prefix in row["prefixes"]
        )
        self._patterns = [pattern for _, pattern in prefixes]
        self._prefixes = prefix_tables([prefix for prefix, _ in prefixes])

    def process(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The spans of every text of the batch."""
        offsets, data = utf8_buffers(batch.column("text"))
        candidates = find_candidates(offsets, data, self._classes, self._prefixes)
        rows: list[list[Span]] = [[] for _ in range(batch.num_rows)]
        for row, group in groupby(candidates, key=itemgetter(0)):
            text = data[offsets[row] : offsets[row + 1]].tobytes()
            found = [self._span(text, *each) for _, *each in group]
            rows[row] = merged(span for span in found if span is not None)
        return pa.record_batch([spans_array(rows)], schema=self.schema)

    def _span(self, text: bytes, kind: int, start: int, end: int) -> Span | None:
        """What the candidate is, or None if it is nothing to hide."""
        if kind == EMAIL:
            return (
                (start, end, KINDS[0])
                if self.options.email and _is_email(text, start, end)
                else None
            )
        if kind in (IPV4, IPV6):
            redacted = self.options.ip_address and _is_public_address(text, start, end)
            return (start, end, KINDS[1]) if redacted else None
        found = self._patterns[kind - KEY].match(text, start) if self.options.key else None
        if found is None:
            return None
        group: int | str = "key" if "key" in found.re.groupindex else 0
        return found.start(group), found.end(group), KINDS[2]


def secrets() -> list[dict[str, Any]]:
    """The rows of `seeds/secrets.toml`."""
    rows: list[dict[str, Any]] = tomllib.loads(
        (files("seeds") / "secrets.toml").read_text("utf-8")
    )["secret"]
    return rows


def _is_email(text: bytes, start: int, end: int) -> bool:
    if text[start:end].startswith(_GIT_BEFORE) and text[end : end + 1] in (b":", b"/"):
        return False
    label = text[text.rindex(b".", start, end) + 1 : end]
    return _is_top_level_domain(label.decode("ascii").lower())


@cache
def _is_top_level_domain(label: str) -> bool:
    return _suffixes().publicsuffix(label) is not None


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False)


def _is_public_address(text: bytes, start: int, end: int) -> bool:
    version = _public_version(text[start:end])
    if version != 4:
        return version == 6
    before = text[max(0, start - CONTEXT_BYTES) : start]
    return not _VERSION_BEFORE.search(before)


@lru_cache(maxsize=1 << 16)
def _public_version(written: bytes) -> int | None:
    """4 or 6 for the address of a public host, else None. Logs name few addresses many times."""
    try:
        address = ipaddress.ip_address(written.decode("ascii"))
    except ValueError:
        return None
    network = address.version == 4 and written.endswith(b".0.0")
    return None if not address.is_global or address.is_multicast or network else address.version
