"""How much of a page's Markdown is code, and how many of its formulas state something.

Markup is the same in every natural language, so this is what recall goes by where no seed is in a
page's language. A manual without a block of code still has its names in code spans; a name or a
number in dollars (`$n$`) is no mathematics yet, a relation between two is. Cost: nothing for text
without backticks, dollars or backslashes.
"""

import re
from dataclasses import dataclass

from stages.web.fences import fenced_blocks
from stages.web.formulas import formulas

_SPAN = re.compile(r"(?<!`)(`{1,2}+)[^`\n]++\1(?!`)")
_COMMANDS = (
    "approx|colon|coloneqq|cong|equiv|ge|geq|geqslant|geqq|gg|gt|iff|implies|in|le|leq|leqslant|leqq|"
    "ll|lt|mapsto|mid|models|ne|neq|ni|notin|parallel|perp|prec|preceq|propto|rightarrow|Rightarrow|"
    "sim|simeq|subset|subseteq|succ|succeq|supset|supseteq|to|vdash"
)
_RELATION = re.compile(rf"[=<>≠≤≥≈≡∈∉⊂⊆⊃⊇→⇒]|\\(?:{_COMMANDS})(?![A-Za-z])")


@dataclass(frozen=True)
class Markup:
    """Bytes of the fenced blocks' code, code spans outside them, formulas that hold a relation."""

    n_code_bytes: int = 0
    n_code_spans: int = 0
    n_relations: int = 0


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
    n_relations = sum(_RELATION.search(source) is not None for source in formulas(text))
    return Markup(n_code_bytes, n_code_spans, n_relations)
