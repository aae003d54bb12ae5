"""How much of a page's Markdown is code, and how many of its formulas are more than a name.

Markup is the same in every natural language, so this is what recall goes by where no seed is in a
page's language. A manual without a block of code still has its names in code spans. A name or a
number in dollars (`$n$`, `$a_i$`) or the order of a running time (`$O(n^2)$`) is no mathematics
yet: texts about algorithms are full of them. Cost: nothing for text without backticks, dollars or
backslashes.
"""

import re
from dataclasses import dataclass

from stages.web.fences import fenced_blocks
from stages.web.formulas import formulas

_SPAN = re.compile(r"(?<!`)(`{1,2}+)[^`\n]++\1(?!`)")
_LETTER = r"(?:[A-Z]|\\(?:Theta|Omega)|\\(?:mathcal|mathrm|text)\{[A-Z]\})"
_ARGUMENT = r"(?:\\left)?\((?:[^()]++|\([^()]*+\))*+\)"
_BARE = re.compile(rf"\s*(?:\\?\w+(?:_\{{\w+\}})?|-?[\d.,]+|{_LETTER}{_ARGUMENT})\s*")
"""A name with an index or without, a number, a capital letter's function (`O(n^2)`)."""


@dataclass(frozen=True)
class Markup:
    """Bytes of the fenced blocks' code, code spans outside them, formulas of more than a name."""

    n_code_bytes: int = 0
    n_code_spans: int = 0
    n_expressions: int = 0


def measure_markup(text: str) -> Markup:
    """What the Markdown holds. Dollars in code are no formulas."""
    n_code_bytes = n_code_spans = 0
    if "`" in text:
        rest, at = [], 0
        for block in fenced_blocks(text):
            n_code_bytes += len(block.code.encode("utf-8", "replace"))
            rest.append(text[at : block.start])
            at = block.end
        text, n_code_spans = _SPAN.subn(" ", "".join([*rest, text[at:]]))
    n_expressions = sum(_BARE.fullmatch(source) is None for source in formulas(text))
    return Markup(n_code_bytes, n_code_spans, n_expressions)
