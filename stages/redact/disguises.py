r"""E-mail addresses whose `@` is written in another way: to be safe from harvesters (`jane [at]
uni-bonn [dot] de`), or because of where they stand (`%40` in a URL, `\u0040` in a string, `&#64;`
in a page).

A spelled sign is also a word and a bracket of code, so it must stand between what could be the two
halves of an address, of which the domain ends in a top-level domain; bare words (`jane at uni dot
de`) must spell the dot as well, and what stands where a name should must not be an article.
"""

import re
from dataclasses import dataclass

from stages.redact.emails import is_address

_ESCAPED = (b"%40", rb"\u0040", rb"\x40", b"&#64;", b"&#064;", b"&#x40;", b"&#X40;", b"&commat;")

_LOCAL = r"[A-Za-z0-9](?:[\w.+-]{0,62}[\w+-])?"
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?"
_LABEL = r"[A-Za-z]{2,18}(?![\w@])"
_SPELLED_DOT = r"(?:[ ](?:dot|DOT)[ ]|[ ]?[_-](?:dot|DOT)[_-][ ]?)"
_BRACKETED_DOT = r"\s{0,2}[\[({<]\s?(?i:dot|\.|point|punkt)\s?[\])}>]\s{0,2}"
_ANY_DOT = rf"(?:{_BRACKETED_DOT}|{_SPELLED_DOT}|\.)"


def _parted_by(dot: str, most: int) -> str:
    """Names with a dot between them, of which the last is that of a top-level domain."""
    return rf"({_NAME}(?:{dot}{_NAME}){{0,{most}}}{dot}{_LABEL})"


_DOT = re.compile(_ANY_DOT.encode())
_DOMAIN = re.compile(_parted_by(r"\.", 8).encode())
_SPELLED = re.compile(rf"[ ]{{0,2}}{_parted_by(_ANY_DOT, 4)}".encode())
_IN_WORDS = re.compile(_parted_by(_SPELLED_DOT, 4).encode())
_LOCAL_BEFORE = re.compile(rf"(?<![\w.%+\\-])({_LOCAL})$".encode())
_SPELLED_PARTS = rf"(?:{_NAME}(?:{_BRACKETED_DOT}|{_SPELLED_DOT})){{0,3}}"
_SPELLED_BEFORE = re.compile(rf"(?<![\w.%+\\-])({_SPELLED_PARTS}{_LOCAL})[ ]{{0,2}}$".encode())
_MAX_BYTES = 64
"""Of a local part."""
_FUNCTION_WORDS = frozenset(
    b"a an the this that these those each every any some no all one its his her my our your their"
    b" which what where whose it both".split()
)
_WORDS = frozenset(b"am as at be by do in is it me my no so to us".split())
"""Top-level domains that a sentence goes on with."""


@dataclass(frozen=True)
class Sign:
    """A way to write `@`: its bytes, which a kernel looks for, and what may stand around it."""

    prefix: bytes
    behind: re.Pattern[bytes]
    before: re.Pattern[bytes]
    is_word: bool = False
    run: int = 0

    def span(self, text: bytes, start: int) -> tuple[int, int] | None:
        """The address whose sign stands at `start`, or None if there is none."""
        domain = self.behind.match(text, start + len(self.prefix))
        if domain is None:
            return None
        first = max(0, start - _MAX_BYTES)
        local = self.before.search(text[first:start])
        if local is None:
            return None
        labels = [label.strip() for label in _DOT.split(domain[1])]
        if self.is_word and (local[1].lower() in _FUNCTION_WORDS or _is_sentence(labels)):
            return None
        if self.is_word and labels[-1] in _WORDS and text[domain.end() : domain.end() + 1] == b" ":
            return None
        begin, end = first + local.start(1), domain.end(1)
        found = is_address(text, begin, end, local[1], b".".join(labels))
        return (begin, end) if found else None


def signs() -> list[Sign]:
    """Every way to write `@` that is known."""
    brackets = [
        opening + word + closing
        for opening, closing in ((b"[", b"]"), (b"(", b")"), (b"{", b"}"), (b"<", b">"))
        for word in (b"at", b"AT", b"@", b" at ", b"a")
    ]
    return [
        *(Sign(sign, _DOMAIN, _LOCAL_BEFORE) for sign in _ESCAPED),
        *(Sign(sign, _SPELLED, _SPELLED_BEFORE) for sign in [*brackets, b"_at_", b"_AT_", b"-at-"]),
        *(Sign(sign, _IN_WORDS, _SPELLED_BEFORE, is_word=True) for sign in (b" at ", b" AT ")),
    ]


def _is_sentence(labels: list[bytes]) -> bool:
    return any(label.lower() in _FUNCTION_WORDS for label in labels[:-1])
