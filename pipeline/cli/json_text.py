"""What commands print with `--json`."""

from typing import Any

from pipeline.storage.json_text import json_text


def print_json(value: Any) -> None:
    """A command's whole answer."""
    print(json_text(value, indent=1))
