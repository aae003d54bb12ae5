"""The table of all settings in docs/settings.md, made from the options models.

`python -m pipeline.configuration.reference docs/settings.md` rewrites what is between the markers.
"""

import datetime
import json
import sys
import types
import typing
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from pipeline.configuration.registry import STAGES
from pipeline.configuration.toml_tables import settings

BEGIN, END = "<!-- settings -->", "<!-- /settings -->"


def reference() -> str:
    """A Markdown table: setting, type, default, meaning."""
    lines = ["| setting | type | default | meaning |", "|---|---|---|---|"]
    for table, key, field in settings():
        name = f"{table}.{key}".strip(".")
        default = field.get_default(call_default_factory=True)
        shown = "" if default is None or default is PydanticUndefined else f"`{_plain(default)}`"
        per_corpus = [
            f"; {corpus}: `{_plain(values[key])}`"
            for corpus, values in (STAGES[table].defaults if table in STAGES else {}).items()
            if key in values
        ]
        cells = [
            f"`{name}`",
            _type_name(field.annotation),
            shown + "".join(per_corpus),
            field.description or "",
        ]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def with_reference(document: str) -> str:
    """The document with the present table between its markers."""
    before, found, rest = document.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise ValueError(f"no {BEGIN} … {END} in the document")
    return f"{before}{BEGIN}\n{reference()}\n{END}{after}"


def _plain(value: Any) -> str:
    if isinstance(value, tuple | frozenset | set):
        value = sorted(value) if not isinstance(value, tuple) else list(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def _type_name(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type_name(one) for one in arguments if one is not type(None))
    if origin is typing.Literal:
        return " or ".join(f"`{one}`" for one in arguments)
    if origin in (tuple, list, frozenset, set):
        return f"list of {_type_name(arguments[0])}"
    if origin is typing.Annotated:
        return _type_name(arguments[0])
    if origin is not None or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return "table"
    names = {str: "string", int: "integer", float: "number", bool: "boolean", Path: "path"}
    names[datetime.date] = "date"
    return names.get(annotation, str(annotation))


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_reference(path.read_text(encoding="utf-8")), encoding="utf-8")
