"""Options that name files (`NamesFiles`): where they lie, and what of that a fingerprint holds.

A worker has another working directory, so it is handed absolute paths. What is made of a file
depends on its name and its content, which stages state beside it, not on its folder: a checkout
that was moved has nothing to do anew.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stages.contract import NamesFiles, Options


def with_absolute_paths(options: Options) -> Options:
    """The options, with the paths that exist made absolute; names and URLs as they are."""
    update = {name: _absolute(getattr(options, name)) for name in _marked(options)}
    return options.model_copy(update=update)


def without_folders(options: Options) -> dict[str, Any]:
    """The options as JSON values, with the base names of absolute paths."""
    return options.model_dump(mode="json") | {
        name: base_names(getattr(options, name)) for name in _marked(options)
    }


def names_files(marks: Iterable[Any]) -> bool:
    """Whether what a field is annotated with says that it names files."""
    return any(isinstance(mark, NamesFiles) for mark in marks)


def base_names(value: Any) -> Any:
    """The last part of an absolute path, or of each of several; anything else as it is."""
    if isinstance(value, list | tuple):
        return [base_names(one) for one in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def _marked(options: Options) -> list[str]:
    fields = type(options).model_fields
    return [name for name, field in fields.items() if names_files(field.metadata)]


def _absolute(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_absolute, value))
    return str(Path(value).absolute()) if value and Path(value).exists() else value
