"""`--set web.dedup.threshold=0.8`: one setting from the command line."""

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from stages.errors import ConfigError

NOT_TOML = (ValueError, RecursionError)
"""What tomllib raises: of a number with thousands of digits, and of brackets nested too deeply, no
TOMLDecodeError."""
SHOWN = 60
"""Characters of a value or name in a message."""
MAX_PARTS = 32
"""Of a dotted name: no setting lies deeper."""


def parse_override(text: str) -> dict[str, Any]:
    """The nested table that `KEY=VALUE` stands for. The value is TOML; what is no TOML is a
    string, so that `tokenizer=deepseek-v2` needs no quotes."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {cut(text)!r}: expected KEY=VALUE, such as dedup.threshold=0.8")
    return _nested(_dotted_name(key, text), _parse_value(value.strip()))


def cut(text: str) -> str:
    """A text for a message: its beginning, if it is long."""
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


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
    """The table with every `KEY=VALUE` on top, later ones winning; `KEY={}` empties a table
    (`recall.targets={}`: nothing is recalled). ConfigError if there is a value
    in it that JSON cannot hold: a number of thousands of digits."""
    merged = dict(table)
    for text in overrides:
        merged = _overridden(merged, parse_override(text))
    try:
        json.dumps(merged, default=str)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"a value is too large: {error}") from error
    return merged


def _overridden(base: Mapping[str, Any], below: Mapping[str, Any]) -> dict[str, Any]:
    """As `merge`, but an empty table takes the place of one that is not."""
    merged = dict(base)
    for key, value in below.items():
        if isinstance(value, Mapping) and value and isinstance(merged.get(key), Mapping):
            merged[key] = _overridden(merged[key], value)
        else:
            merged[key] = value
    return merged


def _parse_value(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except NOT_TOML:
        return text
    return parsed["value"] if parsed.keys() == {"value"} else text


def _dotted_name(key: str, text: str) -> list[str]:
    """The parts of a name as TOML has them: `a.b`, `engine.resources."web.dedup".cpus`."""
    parts: list[str] = []
    below: Any = {}
    with suppress(*NOT_TOML):
        below = tomllib.loads(f"{key} = 0") if key.isprintable() else {}
    while isinstance(below, dict) and len(below) == 1:
        ((part, below),) = below.items()
        parts.append(part)
    if below != 0 or len(parts) > MAX_PARTS:
        raise ConfigError(f"--set {cut(text)!r}: {cut(key)!r} is not a dotted name")
    return parts


def _nested(parts: Sequence[str], value: Any) -> dict[str, Any]:
    for part in reversed(parts):
        value = {part: value}
    table: dict[str, Any] = value
    return table
