r"""Blocks of code that are one formula: GitLab's and GitHub's ` ```math ` where nothing renders it.

A block is a formula if its markup calls it mathematics and it reads as TeX. Mathematica's and other
systems' listings are called `math`, too: a command of TeX, or an expression without what programs
have (calls in brackets, assignments, comments, several statements), tells them apart. Blocks called
`tex` or `latex` are listings of the language, whatever they hold.
"""

import re

from stages.web.markdown.tex.placing import Placed, placed

MAX_CHARACTERS = 4000
MAX_PLAIN_CHARACTERS = 200
"""Of a formula without a command of TeX."""

_COMMAND = re.compile(r"\\(?:[A-Za-z]{2,}|[,;:!{}|\\ ])")
_EXPRESSION = re.compile(r"[=<>+^_\-*/]")
_PROGRAM = re.compile(r"[A-Za-z]\[|:=|/[.;@]|->|==|;|//|\(\*|\*\)|&&|\|\||#|\"|%|\n\s*\n")
_DOCUMENT = re.compile(r"\\(?:documentclass|usepackage|begin\{document\}|(?:re)?newcommand|def\\)")
_WORDS = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}\s+[A-Za-z]{2,}")


def listed_formula(code: str) -> Placed | None:
    """The formula that a block called mathematics is, None if it is code."""
    return placed(code, True) if len(code) <= MAX_CHARACTERS and _reads_as_tex(code) else None


def _reads_as_tex(code: str) -> bool:
    if _COMMAND.search(code):
        return _DOCUMENT.search(code) is None
    return (
        len(code) <= MAX_PLAIN_CHARACTERS
        and _EXPRESSION.search(code) is not None
        and _PROGRAM.search(code) is None
        and _WORDS.search(code) is None
    )
