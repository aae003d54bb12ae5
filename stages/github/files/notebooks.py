"""Jupyter notebooks as script text: what their author wrote, without what the kernel answered.

Code cells stay verbatim, Markdown and raw cells become comments in the notebook's language,
outputs and metadata are dropped, cells are set apart by an empty line. Formats 3 (worksheets) and
4 are read (https://nbformat.readthedocs.io). What is no notebook (broken JSON, a merge conflict,
JSON nested beyond the parser's depth) stays the text it is: the rules judge it like any file.

Memory: up to 30 times the text for JSON that is all empty objects, so 460 MB for a file of 16 MiB;
a real notebook is mostly strings and takes twice its text.
"""

import json
from collections.abc import Iterator
from typing import Any

_COMMENT = {
    "//": "c c++ c++11 c++14 c++17 c# csharp .net-csharp cpp d dart f# fsharp go gophernotes groovy"
    " java javascript kotlin php rust scala swift typescript",
    "--": "ada haskell lua sql",
    "%": "erlang matlab octave prolog tex",
    ";": "clojure common-lisp lisp racket scheme",
}
_PREFIXES = {name: prefix for prefix, names in _COMMENT.items() for name in names.split()}
DEFAULT_PREFIX = "#"

BLOCK_CHARACTERS = 1 << 16


def script_text(text: str) -> str | None:
    """The script of a notebook's JSON, or None if this is not a notebook."""
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        return None
    cells = _cells(notebook)
    if cells is None:
        return None
    prefix = _PREFIXES.get(_language(notebook), DEFAULT_PREFIX)
    parts = [part for cell in cells if (part := _script_of(cell, prefix)) is not None]
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


def _language(notebook: dict[str, Any]) -> str:
    metadata = notebook.get("metadata")
    for section, key in (("kernelspec", "language"), ("language_info", "name")):
        value = metadata.get(section) if isinstance(metadata, dict) else None
        name = value.get(key) if isinstance(value, dict) else None
        if isinstance(name, str):
            return name.lower()
    return "python"


def _script_of(cell: dict[str, Any], prefix: str) -> str | None:
    source = cell.get("source", cell.get("input"))
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    if not isinstance(source, str) or not source.strip():
        return None
    source = source.rstrip("\n")
    if cell.get("cell_type") == "code":
        return source
    return "\n".join(
        "\n".join(f"{prefix} {line}".rstrip() for line in block.split("\n"))
        for block in _blocks(source)
    )


def _blocks(text: str) -> Iterator[str]:
    """Whole lines, about `BLOCK_CHARACTERS` at a time: a list of eight million lines would take
    half a gigabyte."""
    start = 0
    while (end := text.find("\n", start + BLOCK_CHARACTERS)) >= 0:
        yield text[start:end]
        start = end + 1
    yield text[start:]
