"""The files that a JSON Lines table holds, plain or compressed with gzip or Zstandard.

Rows are numbered from 0: every line counts, also a broken or a blank one, so that a row's identity
does not depend on its neighbours. Where a row is a repository its files are one after another in a
list, and the line must fit the limit as a whole.

Memory: one line, and what JSON makes of it. Cost: 52 MB/s of .jsonl.gz, unpacking included.
"""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from stages.github.archives.decompression import expand
from stages.github.metadata import WrongField
from stages.github.tables.leaf import NO_CONTENTS, TOO_LARGE
from stages.github.tables.records import BadRecord, Record

MAX_LINE_BYTES = 32 << 20
LOOKED_AT_ROWS = 64
"""Rows by whose keys a table is told."""

_HEAD_BYTES = 4096


class JsonLines:
    """A table, and the names of its columns as far as its first rows show them."""

    def __init__(self, stream: BinaryIO) -> None:
        self._rows = enumerate(map(_parse, lines(expand(stream, stream.read(4)))))
        self._looked_at: list[tuple[int, Any]] = []
        for number, row in self._rows:
            self._looked_at.append((number, row))
            if number + 1 == LOOKED_AT_ROWS:
                break

    @property
    def columns(self) -> list[str]:
        """Names of columns, dotted where they lie in objects."""
        rows = (row for _, row in self._looked_at if isinstance(row, dict))
        return list(dict.fromkeys(name for row in rows for name in _names(row, "")))

    @property
    def first_problem(self) -> BadRecord | None:
        """What is wrong with the first row, if something is."""
        problems = (row for _, row in self._looked_at if isinstance(row, BadRecord))
        return next(problems, None)

    def records(self, columns: Mapping[str, str], max_bytes: int) -> Iterator[Record | BadRecord]:
        """The files, by the columns that are told (role → name)."""
        looked_at, self._looked_at = self._looked_at, []
        for rows in (looked_at, self._rows):
            for number, row in rows:
                if isinstance(row, dict):
                    yield from _records(number, row, columns, max_bytes)
                elif row is not None:
                    yield BadRecord(number, row.reason, row.error, row.head)


def _records(
    number: int, row: Mapping[str, Any], columns: Mapping[str, str], max_bytes: int
) -> Iterator[Record]:
    found = {role: _find(row, name) for role, name in columns.items()}
    list_name = _list_of(row, columns["text"])
    if list_name is None:
        yield _record(number, None, found, max_bytes)
        return
    files = _find(row, list_name)
    of_rows = {role: v for role, v in found.items() if not columns[role].startswith(list_name)}
    inside = {
        role: name[len(list_name) + 1 :] for role, name in columns.items() if role not in of_rows
    }
    for index, file in enumerate(files if isinstance(files, list) else []):
        of_file = {role: _find(file, name) for role, name in inside.items()}
        yield _record(number, index, of_rows | of_file, max_bytes)


def _record(number: int, index: int | None, fields: dict[str, Any], max_bytes: int) -> Record:
    text = fields.pop("text", None)
    return Record(number, index, fields, lambda: _contents(text, max_bytes))


def _contents(text: Any, max_bytes: int) -> bytes | str:
    if text is None:
        return NO_CONTENTS
    if not isinstance(text, str):
        raise WrongField("text", text, "text")
    data = text.encode("utf-8", "replace")
    return data if len(data) <= max_bytes else TOO_LARGE


def _find(row: Any, name: str) -> Any:
    """A value by its dotted name; null where it, or what it would lie in, is missing."""
    while isinstance(row, dict) and name:
        field = name if name in row else name.partition(".")[0]
        row, name = row.get(field), name[len(field) + 1 :]
    return None if name else row


def _list_of(row: Mapping[str, Any], name: str) -> str | None:
    """The list that a column lies in, if it lies in one."""
    parts = name.split(".")
    above = (".".join(parts[:n]) for n in range(1, len(parts)))
    return next((one for one in above if isinstance(_find(row, one), list)), None)


def _names(row: Mapping[str, Any], above: str) -> Iterator[str]:
    for key, value in row.items():
        name = f"{above}{key}"
        inside: Sequence[Any] = value if isinstance(value, list) else [value]
        parts = [part for part in inside[:LOOKED_AT_ROWS] if isinstance(part, dict)]
        for part in parts if name.count(".") < LOOKED_AT_ROWS else ():
            yield from _names(part, f"{name}.")
        if not parts:
            yield name


def lines(chunks: Iterator[bytes]) -> Iterator[bytes | None]:
    """The lines without their ends; null for one above the limit, which is not held."""
    held = io.BytesIO()
    is_large = False
    for chunk in chunks:
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            is_large |= held.tell() + len(part) > MAX_LINE_BYTES
            held.write(b"" if is_large else part)
            yield None if is_large else held.getvalue()
            held, is_large = io.BytesIO(), False
        is_large |= held.tell() + len(rest) > MAX_LINE_BYTES
        held.write(b"" if is_large else rest)
    if is_large or held.tell():
        yield None if is_large else held.getvalue()


def _parse(line: bytes | None) -> dict[str, Any] | BadRecord | None:
    """The object of a line, what is wrong with it, or null for a blank one."""
    if line is None:
        return BadRecord(0, "too_large", f"a line above {MAX_LINE_BYTES} bytes")
    if not line.strip():
        return None
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return BadRecord(0, "broken_json", str(error), line[:_HEAD_BYTES])
    if not isinstance(row, dict):
        problem = f"no JSON object but {type(row).__name__}"
        return BadRecord(0, "broken_json", problem, line[:_HEAD_BYTES])
    return row
