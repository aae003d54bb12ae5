"""What a shell offers behind an option: names of stages, keys of settings."""

from collections.abc import Iterator, Mapping
from typing import Any

# Each is called once a key press, so what it needs is imported inside.


def stages(incomplete: str) -> list[str]:
    """Stages of a run."""
    from pipeline.configuration.registry import stage_names  # noqa: PLC0415

    return [name for name in stage_names() if name.startswith(incomplete)]


def stages_to_apply(incomplete: str) -> list[str]:
    """Stages that `sluice apply` knows."""
    from pipeline.configuration.registry import DEDUP, applicable  # noqa: PLC0415

    return [name for name in sorted([*applicable(), DEDUP]) if name.startswith(incomplete)]


def settings(incomplete: str) -> list[str]:
    """Keys of the configuration, with the equals sign that a value follows."""
    from pipeline.configuration.json_schema import json_schema  # noqa: PLC0415

    return [f"{key}=" for key in _keys(json_schema(), "") if key.startswith(incomplete)]


def _keys(table: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for name, value in table.get("properties", {}).items():
        if value.get("type") == "object" and "properties" in value:
            yield from _keys(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
