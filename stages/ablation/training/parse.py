"""A TrainConfig from JSON, and `--set a.b=value` on top of it.

Unknown fields and values of the wrong type are ConfigErrors that name the field and its value.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from stages.ablation.training.configuration import TrainConfig
from stages.errors import ConfigError

T = TypeVar("T")


def read_config(path: str | Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """The configuration of a JSON file, with `name=value` overrides (values are JSON, or text)."""
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error
    for override in overrides:
        name, equals, text = override.partition("=")
        if not equals:
            raise ConfigError(f"--set {override}: expected name=value")
        _put(value, name.split("."), _literal(text), override)
    return parse(TrainConfig, value)


def parse(wanted: type[T], value: Any, name: str = "") -> T:
    """A dataclass of type `wanted` from what JSON gave."""
    if not isinstance(value, dict):
        raise ConfigError(f"{name or 'configuration'} = {value!r}: expected an object of fields")
    assert is_dataclass(wanted)
    hints = get_type_hints(wanted)
    known = [field.name for field in fields(wanted)]
    prefix = f"{name}." if name else ""
    for key in value:
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}"
            raise ConfigError(f"{prefix}{key}: no such field{hint}")
    converted = {key: _convert(hints[key], item, prefix + key) for key, item in value.items()}
    try:
        return wanted(**converted)
    except TypeError as error:
        raise ConfigError(f"{name or 'configuration'}: {error}") from error


def _convert(hint: Any, value: Any, name: str) -> Any:
    hint = _choose(hint, value)
    origin = get_origin(hint)
    if hint is NoneType:
        return None
    if origin is tuple:
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list):
            raise ConfigError(f"{name} = {value!r}: expected a list")
        return tuple(_convert(get_args(hint)[0], item, name) for item in items)
    if origin is Mapping:
        if not isinstance(value, dict):
            raise ConfigError(f"{name} = {value!r}: expected an object")
        item_hint = get_args(hint)[1]
        return {key: _convert(item_hint, item, f"{name}.{key}") for key, item in value.items()}
    nested: Any = hint
    return parse(nested, value, name) if is_dataclass(hint) else _plain(hint, value, name)


def _choose(hint: Any, value: Any) -> Any:
    """The member of a union that `value` must be."""
    if get_origin(hint) is not UnionType:
        return hint
    choices = get_args(hint)
    if value is None and NoneType in choices:
        return NoneType
    rest = [choice for choice in choices if choice is not NoneType]
    nested = [choice for choice in rest if is_dataclass(choice)]
    if isinstance(value, dict) and nested:
        return nested[0]
    return next((choice for choice in rest if choice not in nested), rest[0])


def _plain(hint: Any, value: Any, name: str) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise ConfigError(f"{name} = {value!r}: expected {hint.__name__}")
    return value


def _literal(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _put(value: Any, path: list[str], item: Any, override: str) -> None:
    for key in path[:-1]:
        if not isinstance(value, dict):
            raise ConfigError(f"--set {override}: {key} is not inside an object of fields")
        value = value.setdefault(key, {})
    if not isinstance(value, dict):
        raise ConfigError(f"--set {override}: {path[-1]} is not inside an object of fields")
    value[path[-1]] = item
