"""The annotations file: a person's decisions, as a TOML that people review and keep under version
control.

    version = 1

    [[pattern]]
    target = "code"
    pattern = "docs.python.org/3/library/"
    accept = true
    author = "ada"
    date = 2026-11-03
    iteration = 1

One `[[pattern]]` per target and pattern; of several the last holds. `iteration` is the one whose
proposals a decision answers. An edit touches only its own table: comments, order and the layout of
all others stay as they are. It happens under a lock on the folder, on what the file says at that
moment, and replaces the file atomically, so that neither a crash nor another editor's save loses a
decision.
"""

import datetime
import fcntl
import os
import re
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.annotate.patterns import Segments, segments
from stages.errors import ConfigError

VERSION = 1

_HEADER = re.compile(r"\s*\[\[\s*pattern\s*\]\]\s*(#.*)?")
_ESCAPED = re.compile(r'[\\"\x00-\x1f\x7f]')
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_SHORT = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}

Key = tuple[str, Segments]
"""What a decision is about: the target and the pattern's segments."""


class Annotation(BaseModel):
    """One decision. Unknown keys of newer files stay in the file and are not read."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    target: str = Field(min_length=1)
    pattern: str = Field(min_length=1)
    accept: bool
    author: str = ""
    date: datetime.date | None = None
    iteration: int | None = Field(None, ge=0)

    @property
    def key(self) -> Key:
        """Target and segments."""
        return self.target, segments(self.pattern)

    def render(self) -> str:
        """As a table of the file."""
        lines = [
            "[[pattern]]",
            f"target = {_string(self.target)}",
            f"pattern = {_string(self.pattern)}",
            f"accept = {str(self.accept).lower()}",
            f"author = {_string(self.author)}",
        ]
        if self.date is not None:
            lines.append(f"date = {self.date.isoformat()}")
        if self.iteration is not None:
            lines.append(f"iteration = {self.iteration}")
        return "\n".join(lines) + "\n"


@dataclass(eq=False)
class _Block:
    """A `[[pattern]]` table with the comment lines above it."""

    comment: str
    text: str
    annotation: Annotation


@dataclass
class Document:
    """The file in pieces that joined give the file again."""

    head: str = f"version = {VERSION}\n"
    blocks: list[_Block] = field(default_factory=list)

    def decisions(self) -> dict[Key, Annotation]:
        """Every decision, in the order of the file."""
        return {block.annotation.key: block.annotation for block in self.blocks}

    def put(self, key: Key, annotation: Annotation | None) -> None:
        """Replace, add (at the end) or remove the decision about `key`."""
        found = [block for block in self.blocks if block.annotation.key == key]
        kept = found[-1] if found and annotation is not None else None
        self.blocks = [block for block in self.blocks if block not in found or block is kept]
        if annotation is None:
            return
        if kept is None:
            self._end_with_blank_line()
            self.blocks.append(_Block("", annotation.render(), annotation))
            return
        gap = kept.text[len(kept.text.rstrip()) :].removeprefix("\n")
        kept.text, kept.annotation = annotation.render() + gap, annotation

    def render(self) -> str:
        """The whole file."""
        return self.head + "".join(block.comment + block.text for block in self.blocks)

    def _end_with_blank_line(self) -> None:
        if self.blocks:
            self.blocks[-1].text = self.blocks[-1].text.rstrip() + "\n\n"
        else:
            self.head = self.head.rstrip() + "\n\n"


def read(path: Path) -> Document:
    """The file's decisions; an empty document if there is no such file. ConfigError says which
    entry is wrong."""
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return Document()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 (byte {error.start})") from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    if table.get("version") != VERSION:
        raise ConfigError(
            f"{path}: `version` is {table.get('version')!r}, this Sluice reads {VERSION}"
        )
    entries = table.get("pattern", [])
    head, pieces = _split(text)
    if [_parsed(piece) for _, piece in pieces] != [[entry] for entry in entries]:
        raise ConfigError(f"{path}: write each decision as a [[pattern]] table of its own")
    document = Document(head)
    for number, ((comment, piece), entry) in enumerate(zip(pieces, entries, strict=True), 1):
        document.blocks.append(_Block(comment, piece, _validated(path, number, entry)))
    return document


def edit(path: Path, change: Callable[[Document], None]) -> Document:
    """Change the file as it is now, durably, and return what it says afterwards."""
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path.parent) as folder:
        document = read(path)
        change(document)
        _replace(path, document.render().encode("utf-8"))
        os.fsync(folder)
    return document


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    if path.exists():
        temporary.chmod(path.stat().st_mode & 0o777)
    temporary.replace(path)


def _split(text: str) -> tuple[str, list[tuple[str, str]]]:
    """What precedes the first table, then each table with the comment right above it."""
    lines = _LINES.findall(text)
    headers = [n for n, line in enumerate(lines) if _HEADER.fullmatch(line.rstrip("\r\n"))]
    starts = []
    for header in headers:
        start = header
        while start and lines[start - 1].lstrip().startswith("#"):
            start -= 1
        starts.append(start)
    ends = [*starts[1:], len(lines)] if starts else []
    head = "".join(lines[: starts[0]] if starts else lines)
    pieces = [
        ("".join(lines[start:header]), "".join(lines[header:end]))
        for start, header, end in zip(starts, headers, ends, strict=True)
    ]
    return head, pieces


def _parsed(piece: str) -> Any:
    try:
        return tomllib.loads(piece).get("pattern")
    except tomllib.TOMLDecodeError:
        return None


def _validated(path: Path, number: int, entry: Any) -> Annotation:
    try:
        return Annotation.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{path}: [[pattern]] {number}: `{where}`: {first['msg']}") from error


def _string(value: str) -> str:
    """A TOML basic string."""
    return '"' + _ESCAPED.sub(lambda m: _SHORT.get(m[0], f"\\u{ord(m[0]):04x}"), value) + '"'
