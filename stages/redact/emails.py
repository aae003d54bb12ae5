"""Whether what looks like `local@domain.label` is somebody's address, or code.

Labels that are top-level domains are words too, so `this@Person.name`, `xs@Data.Map`,
`fit@meta.data` and `button@common.link` have the form of an address. Told apart by what code has
and addresses do not: a keyword before the `@` (Kotlin's labels), a variable's `$`, a capital at
the end of the domain or at its beginning before a label that is no well-known ending, and a
bracket, a `$` or more of a name right behind it, and a label that is above all a name in code
(`labels.toml`) is one. A version (`vue@3.4.dev`) is no domain, and before the host of a URL stands
a user (`ssh://me@host.com`, `scp f me@host.com:/tmp`, a table behind SQL's `FROM`), to whom nobody
writes. What speaks of mail (`mailto:`, `mail`, `<`)
overrules the latter signs.
"""

import re
import tomllib
from functools import cache
from importlib.resources import files

from publicsuffixlist import PublicSuffixList

CONTEXT_BYTES = 40

_KEYWORDS = frozenset([b"this", b"super", b"self", b"return", b"break", b"continue"])
_GIT_BEFORE = b"git@"
_ALGORITHMS = (b"openssh.com", b"libssh.org")
"""Domains that ciphers are named by."""
_HOST_BEFORE = re.compile(
    rb"://[^\s/@\"'<>]{0,64}$|\b(?:ssh|scp|sftp|rsync|sqlplus)\b[^\n]*[\s\"']$"
    rb"|\b(?:FROM|JOIN|INTO|UPDATE|from|join|into|update)\s[\w$.]{0,20}$"
)
_PATH_BEHIND = re.compile(rb":[~./]")
_VERSION = re.compile(rb"v?[0-9]+[0-9.x]*|x", re.IGNORECASE)
_MAIL_BEFORE = re.compile(
    rb"(?:mailto:|<|mail[\w-]*['\"]?\s{0,2}[:=(>]?\s{0,2}['\"(<]?)$", re.IGNORECASE
)


def is_email(text: bytes, start: int, end: int) -> bool:
    """Whether there is an e-mail address between two offsets of a text."""
    written = text[start:end]
    behind = text[end : end + 3]
    if written.startswith(_GIT_BEFORE) and behind[:1] in (b":", b"/"):
        return False
    local, _, domain = written.partition(b"@")
    name, _, last = domain.rpartition(b".")
    label = last.decode("ascii")
    before = text[max(0, start - CONTEXT_BYTES) : start]
    if (
        domain in _ALGORITHMS
        or domain.startswith(b".")
        or _HOST_BEFORE.search(before)
        or _PATH_BEHIND.match(behind)
    ):
        return False
    if _VERSION.fullmatch(name) and label not in _labels("well_known"):
        return False
    return _is_top_level_domain(label.lower()) and not _is_code(
        before, local, domain, label, behind
    )


def _is_code(before: bytes, local: bytes, domain: bytes, label: str, behind: bytes) -> bool:
    if local in _KEYWORDS or before.endswith(b"$") or behind[:1] == b"_":
        return True
    if not (label.islower() or label.isupper()):
        return True
    if label.lower() in _labels("well_known") or _MAIL_BEFORE.search(before):
        return False
    is_name = domain[:1].isupper() and not domain.isupper()
    is_used = behind[:1] in (b"(", b"[", b"{", b"$", b"=") or behind in (b'": ', b" <-", b'":{')
    return is_name or is_used or label in _labels("code")


@cache
def _is_top_level_domain(label: str) -> bool:
    return _suffixes().publicsuffix(label) is not None


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False)


@cache
def _labels(kind: str) -> frozenset[str]:
    table = files("stages.redact").joinpath("labels.toml").read_text("utf-8")
    return frozenset(tomllib.loads(table)[kind])
