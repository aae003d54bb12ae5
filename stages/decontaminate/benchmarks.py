"""Benchmark sets as read from disk: items, the problem each belongs to, and the text to look for.

A set is a JSONL or Parquet file. Fields are read by key, and so are the contents of `messages`; a
file with none of these cannot be guarded against, which is an error. A problem's translations (the
same number in sets whose names differ by language only) are one problem.
"""

import json
import logging
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from stages.errors import ConfigError

LOG = logging.getLogger(__name__)

FIELDS = (
    "prompt",
    "declaration",
    "canonical_solution",
    "text",
    "code",
    "question",
    "answer",
    "problem",
    "solution",
    "formal_statement",
)
MESSAGES = "messages"
"""A conversation: a list of objects whose `content` (text, or parts with `text`) is read."""

ITEM_FIELDS = ("task_id", "id", "name", "problem_name")
SUFFIXES = (".jsonl", ".parquet")


@dataclass(frozen=True)
class Item:
    """One entry of a set: `kind` is SET/ITEM, `problem` what it shares with its translations."""

    kind: str
    problem: tuple[str, ...]
    texts: tuple[str, ...]


def benchmark_files(folders: Sequence[str]) -> list[Path]:
    """The sets of the folders, by file name: where they lie does not matter."""
    found: dict[str, Path] = {}
    for folder in map(Path, folders):
        paths = sorted(folder.iterdir()) if folder.is_dir() else [folder]
        paths = [path for path in paths if path.suffix in SUFFIXES and path.is_file()]
        if not paths:
            raise ConfigError(
                f"decontaminate.benchmarks: {folder}: expected a folder with .jsonl or .parquet "
                "files, found none"
            )
        for path in paths:
            if not path.name.isprintable():
                raise ConfigError(
                    f"decontaminate.benchmarks: {str(path)!r}: its name is in every span found; "
                    "rename it to printable UTF-8"
                )
            other = found.setdefault(path.name, path)
            if other != path:
                raise ConfigError(
                    f"decontaminate.benchmarks: {other} and {path} have one name; rename one"
                )
    return [found[name] for name in sorted(found)]


def content_hashes(paths: Sequence[Path]) -> dict[str, str]:
    """File name → xxh3_128 of the bytes."""
    return {path.name: xxhash.xxh3_128_hexdigest(path.read_bytes()) for path in paths}


def read_items(path: Path) -> list[Item]:
    """Every entry of a set, in its order."""
    rows = list(_rows(path))
    keys = {key for row in rows for key, value in row.items() if isinstance(value, str)}
    read = [field for field in FIELDS if field in keys]
    if any(_contents(row) for row in rows):
        read.append(MESSAGES)
    if not read:
        raise ConfigError(
            f"decontaminate.benchmarks: {path}: none of the fields {', '.join(FIELDS)}, "
            f"{MESSAGES}[].content; "
            f"it has {', '.join(sorted({key for row in rows for key in row})) or 'no rows'}"
        )
    ignored = sorted({key for row in rows for key in row} - set(read))
    LOG.info("%s: read %s; ignored %s", path.name, ", ".join(read), ", ".join(ignored) or "nothing")
    names = [_item_name(row, index) for index, row in enumerate(rows)]
    numbers = _numbers(names)
    family = _family(path.stem)
    return [
        Item(
            kind=f"{path.stem}/{name}",
            problem=("set", path.stem, str(index)) if number is None else (*family, number),
            texts=tuple(row[field] for field in FIELDS if isinstance(row.get(field), str))
            + _contents(row),
        )
        for index, (row, name, number) in enumerate(zip(rows, names, numbers, strict=True))
    ]


def _contents(row: dict[str, Any]) -> tuple[str, ...]:
    """What was said in the row's messages, by whoever."""
    messages = row.get(MESSAGES)
    found: list[str] = []
    for message in messages if isinstance(messages, list) else ():
        content = message.get("content") if isinstance(message, dict) else None
        parts = content if isinstance(content, list) else [{"text": content}]
        texts = (part.get("text") for part in parts if isinstance(part, dict))
        found += [text for text in texts if isinstance(text, str) and text]
    return tuple(found)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        if path.suffix == ".parquet":
            for batch in pq.ParquetFile(path).iter_batches():
                yield from batch.to_pylist()
            return
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if line.strip():
                    yield _row(path, number, line)
    except (OSError, pa.ArrowException, OverflowError, ValueError) as error:
        raise ConfigError(f"decontaminate.benchmarks: {path}: {error}") from error


def _row(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
        json.dumps(row, ensure_ascii=False).encode()  # half a UTF-16 pair is no text
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"decontaminate.benchmarks: {path}:{number}: {error}") from error
    if not isinstance(row, dict):
        raise ConfigError(f"decontaminate.benchmarks: {path}:{number}: expected an object")
    return row


def _item_name(row: dict[str, Any], index: int) -> str:
    for field in ITEM_FIELDS:
        value = row.get(field)
        if isinstance(value, str | int) and str(value):
            return str(value)
    return str(index)


def _numbers(names: list[str]) -> list[str | None]:
    """The first number in each name, or the last, if that tells the set's items apart; names
    such as `HumanEval_95_check_dict_case` and `gsm8k-test-0` have others too."""
    found = [re.findall(r"[0-9]+", name) for name in names]
    for place in (0, -1):
        numbers = [int(each[place]) for each in found if each]
        if len(set(numbers)) == len(names):
            return [str(number) for number in numbers]
    return [None] * len(names)


def _family(stem: str) -> tuple[str, ...]:
    parts = re.split(r"[-_. ]+", stem.lower())
    return ("family", *(part for part in parts if part not in _languages()))


@cache
def _languages() -> frozenset[str]:
    table = files("stages.decontaminate").joinpath("languages.toml").read_text("utf-8")
    return frozenset(name for names in tomllib.loads(table).values() for name in names)
