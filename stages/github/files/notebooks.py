"""Jupyter notebooks as script text: what their author wrote, without what the kernel answered.

Code cells stay verbatim, headings, Markdown and raw cells become comments in the notebook's
language (`seeds/comments.toml`; what kernels call it, `seeds/notebook_kernels.toml`), outputs,
metadata and the bytes of pictures pasted into words (Colab writes `data:` URLs, one of which would
cost the file by its longest line) are dropped, cells are set apart by an empty line. Formats 3
(worksheets) and 4 are read (https://nbformat.readthedocs.io). A cell is a string or a list of
lines, which old writers stored without their ends. What is no notebook (broken JSON, a merge
conflict, JSON nested beyond the parser's depth) stays the text it is: the rules judge it like any
file.

Memory: up to 30 times the text for JSON that is all empty objects, so 460 MB for a file of 16 MiB;
a real notebook is mostly strings and takes twice its text.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from stages.kernels.line_comments import CommentSyntax, comment_table

TABLES = ("comments.toml", "notebook_kernels.toml")

_NAMED_BY = (
    ("kernelspec", "language"),
    ("language_info", "name"),
    ("kernelspec", "name"),
    ("kernelspec", "display_name"),
    ("language_info", "pygments_lexer"),
    ("language_info", "file_extension"),
    ("language_info", "codemirror_mode"),
)
"""Where a notebook says which language it is in, the most telling place first."""
DEFAULT_LANGUAGE = "python"
MAX_NAME_CHARACTERS = 100

BLOCK_CHARACTERS = 1 << 16

_INLINE_DATA = re.compile(r"(\bdata:[\w.+/-]{1,100};base64,)[\w+/=%-]{64,}+")

_VERSION = re.compile(r"[\s._-]*(?:\([^()]*\)|\bv?\d[\w.]*|\d[\d.]*)$")
_BETWEEN_WORDS = re.compile(r"[\s()_/-]+")
_LINE_ENDS = tuple("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
"""Of `str.splitlines(keepends=True)`, which cuts a cell into the lines that are stored."""


def script_text(text: str) -> str | None:
    """The script of a notebook's JSON, or None if this is not a notebook."""
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        return None
    cells = _cells(notebook)
    if cells is None:
        return None
    syntax = _syntax(notebook, cells)
    parts = [part for cell in cells if (part := _script_of(cell, syntax)) is not None]
    script = "\n\n".join(parts) + ("\n" if parts else "")
    return script.encode("utf-8", "replace").decode("utf-8")


def _cells(notebook: Any) -> list[dict[str, Any]] | None:
    if not isinstance(notebook, dict):
        return None
    cells = notebook.get("cells")
    if cells is None and isinstance(notebook.get("worksheets"), list):
        sheets = [sheet for sheet in notebook["worksheets"] if isinstance(sheet, dict)]
        lists = [sheet["cells"] for sheet in sheets if isinstance(sheet.get("cells"), list)]
        cells = [cell for cells in lists for cell in cells]
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        return None
    return cells


def _syntax(notebook: dict[str, Any], cells: list[dict[str, Any]]) -> CommentSyntax:
    """How the notebook's language writes comments: the first name that is known says so."""
    known = _syntaxes()
    for name in _names(notebook, cells):
        syntax = next((known[one] for one in _spellings(name) if one in known), None)
        if syntax is not None:
            return syntax
    return known[DEFAULT_LANGUAGE]


def _names(notebook: dict[str, Any], cells: list[dict[str, Any]]) -> Iterator[str]:
    """What the notebook calls its language or kernel, here and there."""
    metadata = notebook.get("metadata")
    if isinstance(metadata, dict):
        for section, key in _NAMED_BY:
            described = metadata.get(section)
            value = described.get(key) if isinstance(described, dict) else None
            value = value.get("name") if isinstance(value, dict) else value
            if isinstance(value, str):
                yield value
        if isinstance(metadata.get("language"), str):
            yield metadata["language"]
    for cell in cells:
        if cell.get("cell_type") == "code":
            if isinstance(cell.get("language"), str):
                yield cell["language"]
            return


def _spellings(name: str) -> Iterator[str]:
    """The name in lower case, then with one version or parenthesis after another taken off its
    end, then its words of more than a letter."""
    name = name[:MAX_NAME_CHARACTERS].strip().lower()
    words = [word for word in _BETWEEN_WORDS.split(name) if len(word) > 1]
    shorter = name
    while shorter:
        yield shorter
        longer, shorter = shorter, _VERSION.sub("", shorter).strip()
        if shorter == longer:
            break
    yield name.removeprefix(".")
    yield from words


@cache
def _syntaxes() -> Mapping[str, CommentSyntax]:
    """Name in lower case → syntax, read once per process."""
    by_language = comment_table().by_language
    table = tomllib.loads((files("seeds") / "notebook_kernels.toml").read_text("utf-8"))
    named = {language.lower(): syntax for language, syntax in by_language.items()}
    return named | {name: by_language[language] for name, language in table["like"].items()}


def _script_of(cell: dict[str, Any], syntax: CommentSyntax) -> str | None:
    source = cell.get("source", cell.get("input"))
    if isinstance(source, list):
        source = _joined([line for line in source if isinstance(line, str)])
    if not isinstance(source, str) or not source.strip():
        return None
    source = source.rstrip("\n")
    if cell.get("cell_type") == "code":
        return source
    source = _INLINE_DATA.sub(r"\1", source)
    if cell.get("cell_type") == "heading":
        level = cell.get("level")
        source = f"{'#' * min(max(level, 1), 6) if isinstance(level, int) else '#'} {source}"
    return "\n".join(
        "\n".join(_comment(line, syntax) for line in block.split("\n")) for block in _blocks(source)
    )


def _joined(lines: list[str]) -> str:
    """The lines as one text; a line that was stored without its end gets one."""
    ended = [line if line.endswith(_LINE_ENDS) else f"{line}\n" for line in lines[:-1]]
    return "".join([*ended, *lines[-1:]])


def _comment(line: str, syntax: CommentSyntax) -> str:
    """A line as a comment. Where comments have an end, they may nest: a mark in the line that
    begins or ends one is pulled apart."""
    line = line.rstrip()
    if not syntax.close:
        return f"{syntax.open}{line}".rstrip()
    if not line:
        return f"{syntax.open.rstrip()} {syntax.close.lstrip()}"
    opening = syntax.open.strip()
    return syntax.line(line.replace(opening, " ".join(opening))).removesuffix("\n")


def _blocks(text: str) -> Iterator[str]:
    """Whole lines, about `BLOCK_CHARACTERS` at a time: a list of eight million lines would take
    half a gigabyte."""
    start = 0
    while (end := text.find("\n", start + BLOCK_CHARACTERS)) >= 0:
        yield text[start:end]
        start = end + 1
    yield text[start:]
