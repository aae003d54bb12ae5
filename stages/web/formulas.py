"""Formulas that stand in running text between TeX delimiters.

One pass over the delimiters, so that text full of unclosed ones costs no more than any other. A
pair of single dollars is a formula only if it is on one line, close to what it encloses, and that
looks like TeX: pages of prices have many dollars and no formula. Nor is what stands between two
classes of prices (`$$`) one: a formula has no empty line, and no words but those of TeX.
"""

import re
from collections.abc import Iterator

MAX_FORMULA_CHARACTERS = 4000
MAX_DOLLAR_CHARACTERS = 400

_ENVIRONMENTS = r"(?:equation|align|gather|multline|eqnarray)\*?"
_DELIMITER = re.compile(rf"\\[()\[\]]|\$\$?|\\(?:begin|end)\{{{_ENVIRONMENTS}\}}")
_CLOSES = {"\\)": "\\(", "\\]": "\\[", "$$": "$$"}
_LOOKS_LIKE_TEX = re.compile(r"[\\^_=]")
_EMPTY_LINE = re.compile(r"\n[ \t]*\n")
_TEX = re.compile(r"[\\^_]")
_WORD = re.compile(r"[^\W\d_]{3}")
_OPERATOR = re.compile(r"[\d=+*/<>()]")
_SYMBOL = re.compile(r"\w")


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
        elif opened and _opener(delimiter) != opened:
            continue
        elif opened and _is_whole(text[start : match.start()], opened):
            yield start, match.start()
            opened = ""
            continue
        is_opener = delimiter not in {"\\)", "\\]"} and not delimiter.startswith("\\end")
        opened, start = (delimiter, match.end()) if is_opener else ("", 0)


def _opener(delimiter: str) -> str:
    """What a delimiter closes."""
    return _CLOSES.get(delimiter) or delimiter.replace("\\end", "\\begin")


def _is_whole(source: str, opened: str) -> bool:
    """Whether what stands between delimiters other than single dollars is a formula."""
    if not source or _EMPTY_LINE.search(source):
        return False
    if opened != "$$" or _TEX.search(source):
        return True
    if _SYMBOL.search(source) is None or _WORD.search(source):
        return False
    return len(source.strip()) == 1 or _OPERATOR.search(source) is not None


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
