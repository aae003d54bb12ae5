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

from stages.redact.candidates import MAX_LOCAL

CONTEXT_BYTES = 40

_KEYWORDS = frozenset([b"this", b"super", b"self", b"return", b"break", b"continue"])
_ALGORITHMS = (b"openssh.com", b"libssh.org")
"""Domains that ciphers are named by."""
_RESERVED = re.compile(rb"(?:.+\.)?example\.(?:com|net|org)", re.IGNORECASE)
"""Domains that documentation invents addresses with (RFC 2606 section 3): nobody's."""
_ESCAPE = re.compile(rb"\\(?:u([0-9A-Fa-f]{4})|x[0-9A-Fa-f]{2}|[nrt])")
_ESCAPED_LOCAL = re.compile(rb"(?:\\u[0-9A-Fa-f]{4}|[\w.+-])+$")
_LETTERS = r"[^\W\u1100-\u11ff\u2e80-\uabff\uac00-\ud7ff\uf900-\U0010ffff]"
"""Of scripts that part words by spaces."""
_ALPHABETIC_LOCAL = re.compile(rf"(?:{_LETTERS}|[.%+-])+$")
_ANY_LOCAL = re.compile(r"[\w.%+-]+$")
_ASCII_BEGINNING = re.compile(
    r"[A-Za-z0-9.-]*[A-Za-z0-9-]{2}\.[A-Za-z]{2,}(?![A-Za-z0-9-]|\.[A-Za-z0-9])"
)
_ASCII_DOMAIN = re.compile(rf"{_ASCII_BEGINNING.pattern}(?!{_LETTERS})")
_ANY_DOMAIN = re.compile(r"\w[\w-]*(?:\.\w[\w-]*)*\.[^\W\d_]{2,}(?![\w-])")
_HOST_BEFORE = re.compile(
    rb"://[^\s/@\"'<>]{0,64}$|\b(?:ssh|scp|sftp|rsync|sqlplus)\b[^\n]*[\s\"']$"
    rb"|\b(?:FROM|JOIN|INTO|UPDATE|from|join|into|update)\s[\w$.]{0,20}$"
)
_PATH_BEHIND = re.compile(rb":[~./]")
_VERSION = re.compile(rb"v?[0-9]+[0-9.x]*|x", re.IGNORECASE)
_MAIL_BEFORE = re.compile(
    rb"(?:mailto:|<|mail[\w-]*['\"]?\s{0,2}[:=(>]?\s{0,2}['\"(<]?)$", re.IGNORECASE
)


def email_at(text: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The e-mail address in what was found around an `@`, or None if there is none. Found are all
    bytes that are not ASCII with it, of which letters of scripts with spaces between words belong
    to an address, and Chinese around one that is ASCII does not."""
    local, _, domain = text[start:end].partition(b"@")
    at = start + len(local)
    if not local.isascii():
        local = _last_word(local, domain)
    local = _without_escape(text, at, local)
    if not domain.isascii():
        domain = _first_domain(domain)
    start, end = at - len(local), at + 1 + len(domain)
    if not local or not domain or (local == b"git" and text[end : end + 1] in (b":", b"/")):
        return None
    return (start, end) if is_address(text, start, end, local, domain) else None


def _without_escape(text: bytes, at: int, local: bytes) -> bytes:
    """A local part without what is left of an escape at its beginning (`\\njane`, `\\u003cjane`); a
    letter's (`j\\u00fcrgen`) belongs to it with what stands before."""
    start = at - len(local)
    found = _ESCAPE.match(text, start - 1) if start else None
    if found is None or text[start - 2 : start - 1] == b"\\":
        return local
    if found[1] and chr(int(found[1], 16)).isalpha():
        whole = _ESCAPED_LOCAL.search(text[max(0, start - MAX_LOCAL) : at])
        return whole[0] if whole else local
    return text[found.end() : at]


def _last_word(local: bytes, domain: bytes) -> bytes:
    """The end of a local part: letters of any script if the last is one, or the domain is of it."""
    written = local.decode(errors="ignore")
    pattern = _ANY_LOCAL if not domain[:1].isascii() else _ALPHABETIC_LOCAL
    found = pattern.search(written)
    return found[0].lstrip(".").encode() if found else b""


def _first_domain(domain: bytes) -> bytes:
    """The beginning of a domain: ASCII with Chinese or marks behind; else with letters of any
    script; else ASCII with whatever it is behind."""
    written = domain.decode(errors="ignore")
    for pattern in (_ASCII_DOMAIN, _ANY_DOMAIN, _ASCII_BEGINNING):
        found = pattern.match(written)
        if found and _is_top_level_domain(found[0].rpartition(".")[2].lower()):
            return found[0].encode()
    return b""


def is_address(text: bytes, start: int, end: int, local: bytes, domain: bytes) -> bool:
    """Whether what stands between two offsets of a text, and says `local` and `domain`, is
    somebody's address."""
    name, _, last = domain.rpartition(b".")
    label = last.decode()
    before, behind = text[max(0, start - CONTEXT_BYTES) : start], text[end : end + 3]
    if (
        domain in _ALGORITHMS
        or domain.startswith(b".")
        or _RESERVED.fullmatch(domain)
        or _HOST_BEFORE.search(before)
        or _PATH_BEHIND.match(behind)
    ):
        return False
    if _VERSION.fullmatch(name) and label not in _labels("well_known"):
        return False
    exists = _is_top_level_domain(label.lower()) or _is_suffix(domain)
    return exists and not _is_code(before, local, domain, label, behind)


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


def _is_suffix(domain: bytes) -> bool:
    """Whether names are registered below it: of some countries only below `ac.za` or `co.za`."""
    return _suffixes().publicsuffix(domain.decode().lower()) is not None


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False)


@cache
def _labels(kind: str) -> frozenset[str]:
    table = files("stages.redact").joinpath("labels.toml").read_text("utf-8")
    return frozenset(tomllib.loads(table)[kind])
