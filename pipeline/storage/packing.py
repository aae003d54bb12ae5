"""Many small JSON tables in little memory.

A run has a receipt per shard and step. Nine tenths of it are components, statistics and effort
that nobody asks for unless something changed: they stay compressed text.
"""

import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

DIGEST_BYTES = 16


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
    return Packed(zlib.compress(json.dumps(dict(table), separators=(",", ":")).encode(), 1))


class Digests(Mapping[str, str]):
    """Column name → digest, in a fifth of a dictionary's memory: names shared, digests as bytes."""

    __slots__ = ("_data", "_names")

    def __init__(self, names: tuple[str, ...], data: bytes) -> None:
        self._names = names
        self._data = data

    def __getitem__(self, name: str) -> str:
        try:
            start = self._names.index(name) * DIGEST_BYTES
        except ValueError:
            raise KeyError(name) from None
        return self._data[start : start + DIGEST_BYTES].hex()

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return repr(dict(self))


class Pool:
    """Tables of one folder have the same column names: they are held once."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}

    def columns(self, table: Mapping[str, str]) -> Mapping[str, str]:
        """The same digests in less memory."""
        names = tuple(table)
        names = self._names.setdefault(names, names)
        try:
            digests = [bytes.fromhex(digest) for digest in table.values()]
        except ValueError:
            return table
        if any(len(digest) != DIGEST_BYTES for digest in digests):
            return table
        return Digests(names, b"".join(digests))
