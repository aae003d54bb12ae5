"""The annotations file under the person's hand: what a decision changes, and what stays as it was.

Its format is that of `stages.recall.sites.annotations`, which reads it for the run and for this
page alike. A file that is to be written has a `[[pattern]]` or `[[rest]]` table of its own for each
decision. An edit touches only its own tables: comments, order and the layout of all others stay as
they are. It happens under a lock on the folder, on what the file says at that moment, and replaces
the file atomically, so that neither a crash nor another editor's save loses a decision. A file that
is still what the last edit left is not parsed again: with 100,000 decisions that takes seconds.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from pipeline.storage.replace import locked, replacing
from stages.errors import ConfigError
from stages.recall.sites.annotations import (
    VERSION,
    Annotation,
    Key,
    Rest,
    RestKey,
    entries_of,
    parse_toml,
    read_text,
)

_HEADER = re.compile(r"\s*\[\[\s*(pattern|rest)\s*\]\]\s*(#.*)?")
_ESCAPED = re.compile(r'[\\"\x00-\x1f\x7f]')
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
Entry = Annotation | Rest
Mark = tuple[int, int]
"""Of a file: its time and size."""
UNREAD: Mark = (-1, -1)
_SHORT = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


@dataclass(eq=False)
class _Block:
    """A table with the comment lines above it."""

    comment: str
    text: str
    entry: Entry


@dataclass
class Document:
    """The file in pieces that joined give the file again."""

    head: str = f"version = {VERSION}\n"
    blocks: list[_Block] = field(default_factory=list)

    def decisions(self) -> dict[Key, Annotation]:
        """Every decision, in the order of the file."""
        entries = (block.entry for block in self.blocks)
        return {entry.key: entry for entry in entries if isinstance(entry, Annotation)}

    def rests(self) -> dict[RestKey, Rest]:
        """What is left to the rule."""
        entries = (block.entry for block in self.blocks)
        return {entry.key: entry for entry in entries if isinstance(entry, Rest)}

    def entries(self) -> dict[Key | RestKey, Entry]:
        """All of both."""
        return {block.entry.key: block.entry for block in self.blocks}

    def put(self, key: Key | RestKey, entry: Entry | None) -> None:
        """Replace, add (at the end) or remove what is said about `key`."""
        self.put_all({key: entry})

    def put_all(self, entries: Mapping[Any, Entry | None]) -> None:
        """As `put`, for many at once."""
        last: dict[Any, _Block] = {}
        for block in self.blocks:
            if block.entry.key in entries:
                last[block.entry.key] = block
        self.blocks = [
            block
            for block in self.blocks
            if block.entry.key not in entries
            or (block is last[block.entry.key] and entries[block.entry.key] is not None)
        ]
        for key, entry in entries.items():
            if entry is None:
                continue
            if key in last:
                block = last[key]
                gap = block.text[len(block.text.rstrip()) :].removeprefix("\n")
                block.text, block.entry = render(entry) + gap, entry
            else:
                self._end_with_blank_line()
                self.blocks.append(_Block("", render(entry), entry))

    def render(self) -> str:
        """The whole file."""
        return self.head + "".join(block.comment + block.text for block in self.blocks)

    def _end_with_blank_line(self) -> None:
        if self.blocks:
            self.blocks[-1].text = self.blocks[-1].text.rstrip() + "\n\n"
        else:
            self.head = self.head.rstrip() + "\n\n"


def read(path: Path, known: Document | None = None) -> Document:
    """What the file says; an empty document if there is no such file. ConfigError says which entry
    is wrong. `known` is what the file said before, and may still."""
    text = read_text(path)
    if text is None:
        return Document()
    if known is not None and known.render() == text:
        return known
    table = parse_toml(path, text)
    annotations, rests = entries_of(path, table)
    head, pieces = _split(text)
    own = [entry for _, kind, piece in pieces for entry in _parsed(piece, kind)]
    if own != _in_order(pieces, table):
        raise ConfigError(f"{path}: write each decision as a [[pattern]] table of its own")
    entries: dict[str, Iterator[Entry]] = {"pattern": iter(annotations), "rest": iter(rests)}
    blocks = [_Block(comment, piece, next(entries[kind])) for comment, kind, piece in pieces]
    return Document(head, blocks)


def mark_of(path: Path) -> Mark | None:
    """What tells that a file is another now; None if there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size


def edit(path: Path, change: Callable[[Document], None], known: Document | None = None) -> Document:
    """Change the file as it is now, durably, and return what it says afterwards. `known` as for
    `read`."""
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.parent):
        document = read(path, known)
        change(document)
        with replacing(path) as stream:
            stream.write(document.render().encode("utf-8"))
    return document


def render(entry: Entry) -> str:
    """As a table of the file."""
    if isinstance(entry, Annotation):
        lines = [
            "[[pattern]]",
            f"target = {_string(entry.target)}",
            f"pattern = {_string(entry.pattern)}",
            f"accept = {str(entry.accept).lower()}",
        ]
    else:
        lines = ["[[rest]]", f"target = {_string(entry.target)}"]
    lines.append(f"author = {_string(entry.author)}")
    if entry.date is not None:
        lines.append(f"date = {entry.date.isoformat()}")
    if entry.iteration is not None:
        lines.append(f"iteration = {entry.iteration}")
    return "\n".join(lines) + "\n"


def _split(text: str) -> tuple[str, list[tuple[str, str, str]]]:
    """What precedes the first table, then each table: the comment right above it, its kind and its
    text."""
    lines = _LINES.findall(text)
    kinds = {
        number: match[1]
        for number, line in enumerate(lines)
        if (match := _HEADER.fullmatch(line.rstrip("\r\n")))
    }
    # A comment belongs to the table right below it, so a table begins with its comment and ends
    # where the next one's begins.
    starts = []
    for header in kinds:
        start = header
        while start and lines[start - 1].lstrip().startswith("#"):
            start -= 1
        starts.append(start)
    ends = [*starts[1:], len(lines)] if starts else []
    head = "".join(lines[: starts[0]] if starts else lines)
    pieces = [
        ("".join(lines[start:header]), kind, "".join(lines[header:end]))
        for start, (header, kind), end in zip(starts, kinds.items(), ends, strict=True)
    ]
    return head, pieces


def _in_order(pieces: Sequence[tuple[str, str, str]], table: Mapping[str, Any]) -> list[Any]:
    """What the whole file says, one entry a piece; of other length where a piece is no entry."""
    entries = {kind: iter(table.get(kind, ())) for kind in ("pattern", "rest")}
    found = [one for _, kind, _ in pieces for one in islice(entries[kind], 1)]
    return [*found, *entries["pattern"], *entries["rest"]]


def _parsed(piece: str, kind: str) -> list[Any]:
    try:
        return list(parse_toml("", piece).get(kind, ()))
    except ConfigError:
        return []


def _string(value: str) -> str:
    """A TOML basic string."""
    return '"' + _ESCAPED.sub(lambda m: _SHORT.get(m[0], f"\\u{ord(m[0]):04x}"), value) + '"'
