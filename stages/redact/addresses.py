"""Four dotted numbers: the address of a host, or a version, an object identifier, a section?

Source code has more of the latter (`gem 'rails', '5.2.4.4'`, `2.5.29.15`, `C99 6.7.2.1`, path data
of SVG), and nothing in the digits is proof. What stands beside them decides where it says something
(`version`, `OID`, `~>` against `host = "`, `ping`, `://`, `:8080`, `/24`); else the numbers do.
Versions count in small steps: of addresses drawn at random 0.75 % have so few large numbers
that they are taken for versions; of the versions in 22 repositories and 2,000 files none is taken
for an address.
"""

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache

CONTEXT_BYTES = 40
"""How far before the numbers something may say what they are."""

LARGE = 32
"""A number that versions rarely reach."""

_VERSION_BEFORE = re.compile(
    rb"(?:(?:version|release|revision|firmware|build|driver|kernel|package|plugin|sdk|runtime|engine"
    rb"|firefox|chrome|safari|opera|edge|windows|android|ios|macos|java|jdk|section|sect?\.|chapter|clause|paragraph"
    rb"|\xc2\xa7|oid|object\s?identifier|asn\.?1)[\w.]{0,12}['\"]?\s{0,2}[:=(>]{0,2}\s{0,2}['\"(]?"
    rb"|(?<![A-Za-z0-9])(?:v(?:er)?[. _-]?|C(?:89|9[059]|1[17]|23)\s)"
    rb"|(?:[=<>~!^]=|~>|\^>?|(?<![-=])[<>])=?\s?|[A-Za-z][0-9]{0,4}[/-])$",
    re.IGNORECASE,
)
_ADDRESS_BEFORE = re.compile(
    rb"(?:(?<![a-z])(?:(?:[\w-]{0,12}[._-])?(?:ip(?:v4)?|inet|addr(?:ess)?|ip_?addr(?:ess)?|dns\d?"
    rb"|nameservers?|resolvers?|gateway|gw|subnet|cidr|ping|ssh|telnet|nc|curl|nslookup|dig|whois"
    rb"|traceroute|ip4|x-forwarded-for|remote_?addr)\b[\s:=\"'(\[,/]{0,6}"
    rb"|(?:[\w-]{0,12}[._-])?(?:host(?:name)?|server|peer|proxy|endpoint|client|bind|listen"
    rb"|node|broker|allow|deny)s?['\"]?\s{0,2}[:=(>][\s\"'(\[]{0,4})"
    rb"|(?:://|@))$",
    re.IGNORECASE,
)
_ADDRESS_BEHIND = re.compile(
    rb":[1-9][0-9]{1,4}(?![0-9.])|/(?:[89]|[12][0-9]|3[0-2])(?![0-9.])| - \S{1,64} \["
)
_IDENTIFIER = re.compile(rb"(?:1\.[023]|2\.(?:5|16|23))\.")
"""How object identifiers begin: ISO, its organisations, directory services, countries."""

_KNOWN = frozenset(
    b"8.8.8.8 8.8.4.4 1.1.1.1 1.0.0.1 9.9.9.9 4.2.2.1 4.2.2.2 223.5.5.5 223.6.6.6 119.29.29.29"
    b" 114.114.114.114 208.67.222.222 208.67.220.220".split()
)
"""Public resolvers, which no version has."""


_OCTETS = re.compile(
    rb"[^\n;0-9]{0,48}[({\[,]\s{0,2}((\d{1,3}), ?(\d{1,3}), ?(\d{1,3}), ?(\d{1,3}))\s?[)}\]]"
)


@dataclass(frozen=True)
class Octets:
    """A name of what makes an address of four numbers (`IPAddress server(51, 15, 214, 88)`,
    `Ipv4Addr::new(…)`). Four numbers alone are colours, versions and lengths."""

    prefix: bytes
    run: int = 0

    def span(self, text: bytes, start: int) -> tuple[int, int] | None:
        """The numbers behind the name at `start`, None if they are no public host's."""
        found = _OCTETS.match(text, start + len(self.prefix))
        if found is None or _public_version(b".".join(found.groups()[1:])) != 4:
            return None
        return found.span(1)


def octets() -> list[Octets]:
    """Every name that is known: of Arduino, C#, Rust, Go, lwIP, Java and Swift."""
    names = b"IPAddress Ipv4Addr IpAddr IPv4 net.IP IP4_ADDR IP_ADDR4 IPADDR4 getByAddress".split()
    return [Octets(name) for name in names]


def is_public_address(text: bytes, start: int, end: int) -> bool:
    """Whether a text names the address of a public host between two offsets."""
    version = _public_version(text[start:end])
    if version != 4:
        return version == 6
    before = text[max(0, start - CONTEXT_BYTES) : start]
    if _ADDRESS_BEFORE.search(before):
        return True
    if _VERSION_BEFORE.search(before):
        return False
    return _ADDRESS_BEHIND.match(text, end) is not None or _is_large(text[start:end])


def _is_large(written: bytes) -> bool:
    """Whether the numbers alone are those of an address."""
    if written in _KNOWN:
        return True
    if _IDENTIFIER.match(written):
        return False
    first, *others = map(int, written.split(b"."))
    n_large = sum(number >= LARGE for number in others)
    return n_large >= (1 if first >= LARGE else 2)


@lru_cache(maxsize=1 << 16)
def _public_version(written: bytes) -> int | None:
    """4 or 6 for the address of a public host, else None. Logs name few addresses many times."""
    try:
        address = ipaddress.ip_address(written.decode("ascii"))
    except ValueError:
        return None
    network = written.endswith((b".0.0", b"::"))
    return None if not address.is_global or address.is_multicast or network else address.version
