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

_LOCAL = rb"[A-Za-z0-9](?:[\w.+-]{0,62}[\w+-])?"
_NAME = rb"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?"
_LABEL = rb"[A-Za-z]{2,18}(?![\w@])"
_WRITTEN_DOT = rb"\s{0,2}(?:[\[({<]\s?(?i:dot|\.|point|punkt)\s?[\])}>])\s{0,2}"
_SPELLED_DOT = rb"(?:[ ](?:dot|DOT)[ ]|[ ]?[_-](?:dot|DOT)[_-][ ]?)"
_DOT = re.compile(rb"|".join([_WRITTEN_DOT, _SPELLED_DOT, rb"\."]))
_DOTS = rb"(?:" + _DOT.pattern + rb")"
_MAX_BYTES = 64
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
    escaped = re.compile(rb"(" + _NAME + rb"(?:\." + _NAME + rb"){0,8}\." + _LABEL + rb")")
    spelled = re.compile(
        rb"[ ]{0,2}(" + _NAME + rb"(?:" + _DOTS + _NAME + rb"){0,4}" + _DOTS + _LABEL + rb")"
    )
    in_words = re.compile(
        rb"(" + _NAME + rb"(?:" + _SPELLED_DOT + _NAME + rb"){0,4}" + _SPELLED_DOT + _LABEL + rb")"
    )
    before = re.compile(rb"(?<![\w.%+\\-])(" + _LOCAL + rb")$")
    parted = re.compile(rb"(?<![\w.%+\\-])(" + _LOCAL + rb")[ ]{0,2}$")
    brackets = [
        opening + word + closing
        for opening, closing in ((b"[", b"]"), (b"(", b")"), (b"{", b"}"), (b"<", b">"))
        for word in (b"at", b"AT", b"@", b" at ", b"a")
    ]
    return [
        *(Sign(sign, escaped, before) for sign in _ESCAPED),
        *(Sign(sign, spelled, parted) for sign in [*brackets, b"_at_", b"_AT_", b"-at-"]),
        *(Sign(sign, in_words, before, is_word=True) for sign in (b" at ", b" AT ")),
    ]


_ESCAPED = (b"%40", rb"\u0040", rb"\x40", b"&#64;", b"&#064;", b"&#x40;", b"&#X40;", b"&commat;")


def _is_sentence(labels: list[bytes]) -> bool:
    return any(label.lower() in _FUNCTION_WORDS for label in labels[:-1])
