"""Answers as JSON that every parser takes: RFC 8259 knows no NaN and no infinity, and both are null
here. Bytes are hex, times ISO 8601, paths text."""

import json
import math
from typing import Any

from pipeline.storage.user_tables import to_json


def json_text(value: Any, indent: int | None = None) -> str:
    """The value in one line, or indented."""
    return json.dumps(
        _finite(value), ensure_ascii=False, allow_nan=False, indent=indent, default=to_json
    )


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value
