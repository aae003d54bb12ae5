"""URLs: one spelling for one address, and a key for addresses that may be one page's.

`normalize_url` follows RFC 3986 section 6.2.2 (case, percent-encoding, dot segments) and drops
what no server needs: the fragment, the default port, parameters known to be tracking on every
site, and the session cookies that platforms put into addresses; the rest of the query is sorted.
Its result still resolves to the page: scheme, `www.` and file names stay. A host is as a browser
would ask for it: internationalised names in Punycode, also those that IDNA 2008 forbids (☃).

`url_key` goes further, to find candidates: no scheme, no `www.`, no index file, no final slash, no
parameters that mostly choose a rendering (`print=1`) or name a session or the referring link. Two
pages of one key are one page only if their texts say so too. It leaves parameters that mostly
choose another page, such as `lang`.

Parameter names are data (`seeds/url_parameters.toml`). Cost: about 8 µs a URL.
"""

import re
import tomllib
import unicodedata
from functools import lru_cache
from importlib.resources import files
from ipaddress import ip_address
from urllib.parse import SplitResult, unquote, urlsplit

import idna
from publicsuffixlist import PublicSuffixList

DEFAULT_PORTS = {"http": 80, "https": 443, "ftp": 21}

_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}|[^0-9A-Za-z\-._~!$&'()*+,;=:@/?]")
_SESSION_SEGMENT = re.compile(r";([A-Za-z0-9_.]+)=[^/;]*")
_NO_HOST = re.compile(r"[\0-\x20\x7f#%/:<>?@\[\\\]^|\ufffd]")
"""What no host may hold (URL standard, section 3.1), so that it is left as it was escaped."""
_WWW = re.compile(r"www\d?\.(?=[^.]+\.)")


def normalize_url(url: str) -> str:
    """The canonical spelling of an absolute URL; idempotent. What has no scheme and host, or
    cannot be parsed, comes back trimmed and otherwise as it was."""
    parts = _split(url)
    if parts is None:
        return url.strip()
    path, query = _path(parts.path), _query(parts.query, _dropped_from_url())
    return f"{parts.scheme.lower()}://{_authority(parts)}{path}{'?' + query if query else ''}"


def url_key(url: str) -> str:
    """What addresses of one page have in common; for comparison, not for fetching. Idempotent on
    normalised URLs: `url_key(u) == url_key(normalize_url(u))`."""
    parts = _split(url)
    if parts is None:
        return url.strip()
    authority = _authority(parts)
    authority = _WWW.sub("", authority, count=1) if authority.startswith("www") else authority
    folder, _, name = _path(parts.path).rpartition("/")
    if name.lower() in _parameters()["index_files"]:
        name = ""
    path = f"{folder}/{name}".rstrip("/")
    query = _query(parts.query, _dropped_from_key())
    return f"{authority}{path}{'?' + query if query else ''}"


def url_host(url: str) -> str:
    """The lower-case ASCII host of a URL without its port, or the empty string."""
    parts = _split(url)
    return "" if parts is None else _host(parts.hostname or "")


@lru_cache(maxsize=1 << 16)
def registrable_domain(host: str) -> str:
    """The part of a host that someone registered (`a.b.example.co.uk` → `example.co.uk`), by the
    public-suffix list shipped with `publicsuffixlist`; the host itself for an address, a bare
    suffix or a name without dots."""
    if "." not in host or _is_address(host):
        return host
    domain: str | None = _suffixes().privatesuffix(host)
    return domain or host


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url.strip())
        if not parts.scheme or not _host(parts.hostname or ""):
            return None
        _ = parts.port
    except ValueError:  # an unclosed bracket, a port that is no number
        return None
    return parts


def _authority(parts: SplitResult) -> str:
    host = _host(parts.hostname or "")
    user, at, _ = parts.netloc.rpartition("@")
    port = parts.port
    suffix = "" if port in {None, DEFAULT_PORTS.get(parts.scheme.lower())} else f":{port}"
    return f"{_encode(user)}{at}{f'[{host}]' if ':' in host else host}{suffix}"


@lru_cache(maxsize=1 << 12)
def _host(host: str) -> str:
    if "%" in host and _NO_HOST.search(decoded := unquote(host, errors="replace")) is None:
        host = decoded
    host = host.lower()
    if not host.isascii():
        host = _punycode(host)
    return host.rstrip(".")


def _punycode(host: str) -> str:
    """A host as browsers ask for it (UTS 46, without the checks of IDNA 2008): what cannot be
    registered any more, like emoji, and what is too long still names the page that was crawled."""
    try:
        mapped = idna.uts46_remap(host, std3_rules=False, transitional=False)
    except (idna.IDNAError, UnicodeError):  # an unassigned or forbidden character
        mapped = unicodedata.normalize("NFKC", host).lower()
    labels = re.split("[.\u3002\uff0e\uff61]", mapped)
    return ".".join(
        label if label.isascii() else "xn--" + label.encode("punycode", "replace").decode("ascii")
        for label in labels
    )


def _path(path: str) -> str:
    path = _SESSION_SEGMENT.sub(_drop_session_segment, _encode(path))
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == "..":
            if len(kept) > 1:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")
    path = "/".join(kept)
    return path if path.startswith("/") else f"/{path}"


def _drop_session_segment(match: re.Match[str]) -> str:
    names = _parameters()["session"]
    return "" if _matches(match[1].lower(), names) else match[0]


def _query(query: str, dropped: frozenset[str]) -> str:
    items = (item for item in _encode(query).split("&") if item)
    return "&".join(
        sorted(item for item in items if not _matches(item.partition("=")[0].lower(), dropped))
    )


def _matches(name: str, patterns: frozenset[str]) -> bool:
    return name in patterns or any(
        name.startswith(pattern[:-1]) for pattern in _prefixes(patterns) if name
    )


@lru_cache(maxsize=16)
def _prefixes(patterns: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(pattern for pattern in patterns if pattern.endswith("*")))


def _encode(text: str) -> str:
    """Decode escapes that need none, write the others in upper case, escape what a URL may not
    hold; a `%` that begins no escape becomes `%25`."""
    return _ESCAPE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    found = match[0]
    if len(found) == 3 and found[0] == "%":
        character = chr(int(found[1:], 16))
        return character if character in _UNRESERVED else found.upper()
    return "".join(f"%{byte:02X}" for byte in found.encode("utf-8", "replace"))


@lru_cache(maxsize=1)
def _parameters() -> dict[str, frozenset[str]]:
    table = tomllib.loads(files("seeds").joinpath("url_parameters.toml").read_text("utf-8"))
    return {kind: frozenset(names) for kind, names in table.items()}


@lru_cache(maxsize=1)
def _dropped_from_url() -> frozenset[str]:
    return _parameters()["tracking"] | _parameters()["session"]


@lru_cache(maxsize=1)
def _dropped_from_key() -> frozenset[str]:
    return _dropped_from_url() | _parameters()["often"]


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
