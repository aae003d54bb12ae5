"""Formulas that stand in running text between TeX delimiters.

One pass over the delimiters, so that text full of unclosed ones costs no more than any other. A
pair of single dollars is a formula only if it is on one line, close to what it encloses, and that
looks like TeX: pages of prices have many dollars and no formula.
"""

import re
from collections.abc import Iterator

MAX_FORMULA_CHARACTERS = 4000
MAX_DOLLAR_CHARACTERS = 400

_ENVIRONMENTS = r"(?:equation|align|gather|multline|eqnarray)\*?"
_DELIMITER = re.compile(rf"\\[()\[\]]|\$\$?|\\(?:begin|end)\{{{_ENVIRONMENTS}\}}")
_CLOSES = {"\\)": "\\(", "\\]": "\\[", "$$": "$$"}
_LOOKS_LIKE_TEX = re.compile(r"[\\^_=]")


def formulas(text: str) -> Iterator[str]:
    r"""What stands between `\(…\)`, `\[…\]`, `$$…$$`, `$…$` or in a display environment."""
    for start, end in _spans(text):
        yield text[start:end]


def drop_formulas(text: str) -> tuple[str, int]:
    """The text with a blank for each formula, and how many there were."""
    parts, at = [], 0
    for start, end in _spans(text):
        parts.append(text[at:start])
        at = end
    return " ".join([*parts, text[at:]]) if parts else text, len(parts)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Where formulas begin and end, delimiters outside."""
    if "$" not in text and "\\" not in text:
        return
    opened, start = "", 0
    for match in _DELIMITER.finditer(text):
        delimiter = match[0]
        if opened and match.start() - start > MAX_FORMULA_CHARACTERS:
            opened = ""
        if opened == "$":
            if delimiter == "$" and _is_formula(text, start, match.start()):
                yield start, match.start()
                opened = ""
                continue
        elif opened:
            if _opener(delimiter) == opened:
                if match.start() > start:
                    yield start, match.start()
                opened = ""
            continue
        is_opener = delimiter not in {"\\)", "\\]"} and not delimiter.startswith("\\end")
        opened, start = (delimiter, match.end()) if is_opener else ("", 0)


def _opener(delimiter: str) -> str:
    """What a delimiter closes."""
    return _CLOSES.get(delimiter) or delimiter.replace("\\end", "\\begin")


def _is_formula(text: str, start: int, end: int) -> bool:
    """Whether `text[start:end]`, which is between two dollars, is a formula."""
    source = text[start:end]
    return (
        0 < len(source) <= MAX_DOLLAR_CHARACTERS
        and not source[0].isspace()
        and not source[-1].isspace()
        and source[-1] != "\\"
        and "\n" not in source
        and not text[end + 1 : end + 2].isalnum()
        and _LOOKS_LIKE_TEX.search(source) is not None
    )
