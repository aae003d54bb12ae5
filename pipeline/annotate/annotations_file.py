"""The annotations file under the person's hand: what a decision changes, and what stays as it was.

Its format is that of `stages.recall.sites.annotations`, which reads it for the run and for this
page alike. A file that is to be written has a `[[pattern]]` table of its own for each decision. An
edit touches only its own table: comments, order and the layout of all others stay as they are. It
happens under a lock on the folder, on what the file says at that moment, and replaces the file
atomically, so that neither a crash nor another editor's save loses a decision.
"""

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.storage.replace import replacing
from stages.errors import ConfigError
from stages.recall.sites.annotations import (
    VERSION,
    Annotation,
    Key,
    parse_annotations,
    parse_toml,
    read_text,
)

_HEADER = re.compile(r"\s*\[\[\s*pattern\s*\]\]\s*(#.*)?")
_ESCAPED = re.compile(r'[\\"\x00-\x1f\x7f]')
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_SHORT = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


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
            self.blocks.append(_Block("", render(annotation), annotation))
            return
        gap = kept.text[len(kept.text.rstrip()) :].removeprefix("\n")
        kept.text, kept.annotation = render(annotation) + gap, annotation

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
    text = read_text(path)
    if text is None:
        return Document()
    annotations = parse_annotations(path, text)
    head, pieces = _split(text)
    entries = parse_toml(path, text).get("pattern", [])
    if [_parsed(piece) for _, piece in pieces] != [[entry] for entry in entries]:
        raise ConfigError(f"{path}: write each decision as a [[pattern]] table of its own")
    blocks = [
        _Block(comment, piece, annotation)
        for (comment, piece), annotation in zip(pieces, annotations, strict=True)
    ]
    return Document(head, blocks)


def edit(path: Path, change: Callable[[Document], None]) -> Document:
    """Change the file as it is now, durably, and return what it says afterwards."""
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path.parent):
        document = read(path)
        change(document)
        with replacing(path) as stream:
            stream.write(document.render().encode("utf-8"))
    return document


def render(annotation: Annotation) -> str:
    """As a table of the file."""
    lines = [
        "[[pattern]]",
        f"target = {_string(annotation.target)}",
        f"pattern = {_string(annotation.pattern)}",
        f"accept = {str(annotation.accept).lower()}",
        f"author = {_string(annotation.author)}",
    ]
    if annotation.date is not None:
        lines.append(f"date = {annotation.date.isoformat()}")
    if annotation.iteration is not None:
        lines.append(f"iteration = {annotation.iteration}")
    return "\n".join(lines) + "\n"


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _split(text: str) -> tuple[str, list[tuple[str, str]]]:
    """What precedes the first table, then each table with the comment right above it."""
    lines = _LINES.findall(text)
    headers = [n for n, line in enumerate(lines) if _HEADER.fullmatch(line.rstrip("\r\n"))]
    # A comment belongs to the table right below it, so a table begins with its comment and ends
    # where the next one's begins.
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
        return parse_toml("", piece).get("pattern")
    except ConfigError:
        return None


def _string(value: str) -> str:
    """A TOML basic string."""
    return '"' + _ESCAPED.sub(lambda m: _SHORT.get(m[0], f"\\u{ord(m[0]):04x}"), value) + '"'
