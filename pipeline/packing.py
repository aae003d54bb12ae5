"""Many small JSON tables in little memory: equal values are one object, the rest is text.

A run has a receipt per shard and step, nine tenths of it column digests that other receipts name
too and statistics that nobody asks for before the end.
"""

import json
import sys
import zlib
from collections.abc import Iterator, Mapping
from typing import Any


class Packed(Mapping[str, Any]):
    """A mapping of JSON values kept as compressed text (a fifteenth of the objects' size), read
    anew each time it is asked."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def unpack(self) -> dict[str, Any]:
        """The whole mapping."""
        content: dict[str, Any] = json.loads(zlib.decompress(self.data))
        return content

    def __getitem__(self, key: str) -> Any:
        return self.unpack()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.unpack())

    def __len__(self) -> int:
        return len(self.unpack())

    def __repr__(self) -> str:
        return repr(self.unpack())


def pack(table: Mapping[str, Any]) -> Packed:
    """The table as compressed JSON."""
    if isinstance(table, Packed):
        return table
    return Packed(zlib.compress(json.dumps(table, separators=(",", ":")).encode(), 1))


class Pool:
    """One object for equal values: digests, column names, a stage's options."""

    def __init__(self) -> None:
        self._tables: dict[str, Any] = {}

    def share(self, table: dict[str, Any]) -> dict[str, Any]:
        """The same table, its strings and inner tables shared with others of the pool."""
        return {sys.intern(key): self._value(value) for key, value in table.items()}

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return sys.intern(value)
        if isinstance(value, dict):
            return self._tables.setdefault(repr(value), value)
        return value
