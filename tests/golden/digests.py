"""What is compared of an object: its decoded content, column by column.

A digest is of JSON made from the values, so it depends neither on how Parquet, Arrow or zstd of a
version lay out bytes nor on how rows were cut into groups. Floats count to the last digit, but
those that come from a trained model: another build of fastText trains another one, so of them four
figures are kept and compared with a tolerance (`Figures`).
"""

import datetime
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import xxhash

DIGITS = 8
HASHES = frozenset({"model_xxh3", "libraries"})
"""Keys of JSON files that name other bytes or installed versions: no content of their own."""

Figures = list[float]
"""Of some floats: how many, their mean, their root mean square, their sum weighted by place."""


@dataclass
class Content:
    """All that one step wrote, in order: digests of what must be the same, figures of the rest."""

    version: int | None
    rows: int = 0
    _exact: dict[str, Any] = field(default_factory=dict)
    _floats: dict[str, list[float]] = field(default_factory=dict)

    def add_value(self, name: str, value: Any) -> None:
        """Take a JSON value."""
        self._exact.setdefault(name, xxhash.xxh3_128()).update(canonical(value))

    def add_table(self, table: pa.Table, *, trained: bool) -> None:
        """Take the rows of a table; with `trained`, its floats come from a model."""
        self.rows += table.num_rows
        for column in table.schema:
            values = table.column(column.name).to_pylist()
            if trained and _has_floats(column.type):
                self.add_approximate(column.name, values)
                continue
            self.add_value(column.name, [type_name(column.type), values])
        for name, value in sorted((table.schema.metadata or {}).items()):
            if trained and name != b"ARROW:schema":
                self.add_approximate(name.decode(), _parsed(value))

    def add_approximate(self, name: str, value: Any) -> None:
        """Take a nested value whose floats are compared as figures, all else exactly; of lists
        that are ordered by such a float, the order is no content."""
        found: list[float] = []
        self.add_value(name, _without_floats(value, found))
        self._floats.setdefault(name, []).extend(found)

    def entry(self) -> dict[str, Any]:
        """The step's row of the table of golden digests."""
        columns = {name: state.hexdigest()[:DIGITS] for name, state in self._exact.items()}
        figures = {name: figures_of(floats) for name, floats in self._floats.items() if floats}
        own = {"version": self.version, "rows": self.rows, "columns": columns}
        return {**own, "figures": figures} if figures else own


def canonical(value: Any) -> bytes:
    """JSON of plain values, bytes and times."""
    return json.dumps(value, default=_plain, sort_keys=True, ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat()
    raise TypeError(f"no plain form of {type(value).__name__}")


def type_name(kind: pa.DataType) -> str:
    """A type's name that does not tell what Arrow calls the items of a list."""
    if pa.types.is_dictionary(kind):
        return type_name(kind.value_type)
    if pa.types.is_struct(kind):
        return f"{{{', '.join(f'{one.name}: {type_name(one.type)}' for one in kind)}}}"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"[{type_name(kind.value_type)}]"
    return str(kind)


def _has_floats(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return any(_has_floats(one.type) for one in kind)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _has_floats(kind.value_type)
    return bool(pa.types.is_floating(kind))


def _parsed(value: bytes) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _without_floats(value: Any, found: list[float]) -> Any:
    if isinstance(value, float):
        found.append(value)
        return "float"
    if isinstance(value, Mapping):
        return {
            key: _without_floats(one, found)
            for key, one in sorted(value.items())
            if key not in HASHES
        }
    if isinstance(value, list):
        if value and isinstance(value[0], Mapping) and "doc_id" in value[0]:
            value = sorted(value, key=lambda one: one["doc_id"])
        return [_without_floats(one, found) for one in value]
    return value


def figures_of(floats: Iterable[float]) -> Figures:
    """Figures that hold across processors to a tolerance: infinities and nulls are counted out."""
    finite = [value for value in floats if math.isfinite(value)]
    n = max(len(finite), 1)
    square = math.sqrt(sum(value * value for value in finite) / n)
    weighted = sum(value * math.sin(place + 1) for place, value in enumerate(finite)) / n
    figures = (sum(finite) / n, square, weighted)
    return [len(finite), *(float(f"{figure:.6g}") for figure in figures)]
