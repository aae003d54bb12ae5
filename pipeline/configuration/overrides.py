"""`--set web.dedup.threshold=0.8`: one setting from the command line."""

import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from stages.errors import ConfigError


def parse_override(text: str) -> dict[str, Any]:
    """The nested table that `KEY=VALUE` stands for. The value is TOML; what is no TOML is a
    string, so that `tokenizer=deepseek-v2` needs no quotes."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {text!r}: expected KEY=VALUE, such as dedup.threshold=0.8")
    try:
        table = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"--set {text!r}: {key!r} is not a dotted name") from error
    return _replace_leaf(table, _parse_value(value.strip()))


def merge(base: Mapping[str, Any], *others: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the others on top, key by key; whatever is not a table is replaced whole."""
    merged = dict(base)
    for other in others:
        for key, value in other.items():
            below = merged.get(key)
            if isinstance(below, Mapping) and isinstance(value, Mapping):
                merged[key] = merge(below, value)
            else:
                merged[key] = value
    return merged


def apply_overrides(table: Mapping[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """The table with every `KEY=VALUE` on top, later ones winning."""
    return merge(table, *(parse_override(text) for text in overrides))


def _parse_value(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if parsed.keys() == {"value"} else text


def _replace_leaf(table: dict[str, Any], value: Any) -> dict[str, Any]:
    ((key, below),) = table.items()
    return {key: _replace_leaf(below, value) if isinstance(below, dict) else value}
