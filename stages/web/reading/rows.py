"""Pages that come as rows: JSON Lines (plain, gzip, Zstandard) and Parquet.

A row has `url` and either `html`, which is extracted as a crawled page would be, or `text`, which
is taken as it is. A text may do without a URL: one of `repo` (OWNER/REPO) and `path` is
`repository://OWNER/REPO/PATH`, any other `row://FILE/NUMBER`. Rows are numbered from 0: every line
of a JSON Lines file counts, also a broken or a blank one, so that a row's identity does not depend
on its neighbours' health. `length` is the line's bytes without its end; in Parquet, the bytes of
the page. Half a UTF-16 pair in an address becomes U+FFFD, in a page a question mark.

Memory: a few rows, each below the limit. Of a Parquet file, which may say one thing and hold
another, `parquet` knows how many rows may be read at once.
"""

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, BinaryIO
from urllib.parse import quote

import pyarrow as pa

from stages.web.reading.frames import pass_skippable
from stages.web.reading.members import DamagedMemberError, ExpansionError, Member, Window
from stages.web.reading.parquet import TOO_LARGE, read_rows

HEAD_BYTES = 4096
_COPY_BYTES = 1 << 20
_COLUMNS = ("url", "html", "text", "repo", "path")
_HALF_PAIR = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Row:
    """A page: its address (null: none but its place), and its HTML or its text in UTF-8."""

    number: int
    length: int
    url: str | None
    body: bytes
    is_html: bool


@dataclass(frozen=True)
class BadRow:
    """A row, or the rest of a file from there on, that is no page."""

    number: int
    reason: str
    error: str
    head: bytes


@dataclass(frozen=True)
class LargeRow:
    """A row above the size limit."""

    number: int


def read_json_lines(stream: BinaryIO, max_row_bytes: int) -> Iterator[Row | BadRow | LargeRow]:
    """The pages of a JSON Lines stream; damage to its compression ends it."""
    number = 0
    try:
        for line in _lines(_decoded(stream), max_row_bytes):
            if line is None:
                yield LargeRow(number)
            elif line.strip():
                yield _parse(number, line)
            number += 1
    except (DamagedMemberError, ExpansionError) as error:
        is_short = isinstance(error, DamagedMemberError) and error.ran_out
        yield BadRow(number, "truncated" if is_short else "broken_member", str(error), b"")


def read_parquet(stream: BinaryIO, max_row_bytes: int) -> Iterator[Row | BadRow | LargeRow]:
    """The pages of a Parquet file. A stream that cannot seek is copied to a temporary file, as
    the format begins at its end."""
    if stream.seekable():
        yield from _parquet_rows(stream, max_row_bytes)
        return
    with tempfile.TemporaryFile() as copy:
        while data := stream.read(_COPY_BYTES):
            copy.write(data)
        copy.seek(0)
        yield from _parquet_rows(copy, max_row_bytes)


def _decoded(stream: BinaryIO) -> Iterator[bytes]:
    window = Window(stream)
    offset = pass_skippable(window, 0)
    while window.peek(offset, 1):
        member = Member(window, offset)
        yield from member.pieces()
        offset = pass_skippable(window, member.end)
        window.forget(offset)


def _lines(pieces: Iterator[bytes], max_bytes: int) -> Iterator[bytes | None]:
    """Lines without their ends; null for one above the limit, which is not held."""
    held, is_large = bytearray(), False
    for piece in pieces:
        *ended, rest = piece.split(b"\n")
        for part in ended:
            is_large |= len(held) + len(part) > max_bytes
            yield None if is_large else bytes(held) + part
            held.clear()
            is_large = False
        is_large |= len(held) + len(rest) > max_bytes
        if is_large:
            held.clear()
        else:
            held += rest
    if is_large:
        yield None
    elif held:
        yield bytes(held)


def _parse(number: int, line: bytes) -> Row | BadRow:
    try:
        fields: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        return BadRow(number, "broken_json", str(error), line[:HEAD_BYTES])
    if not isinstance(fields, dict):
        return BadRow(number, "broken_json", "a row is an object", line[:HEAD_BYTES])
    return _row(number, len(line), fields, line[:HEAD_BYTES])


def _row(number: int, length: int, fields: Mapping[str, Any], head: bytes) -> Row | BadRow:
    url, html, text = (fields.get(name) for name in ("url", "html", "text"))
    page = html if isinstance(html, str) else text
    if not isinstance(page, str) or (page is html and not isinstance(url, str)):
        problem = "a row has a string `url`, and `html` or `text`; `text` may do without `url`"
        return BadRow(number, "no_page", problem, head)
    body = page.encode("utf-8", "replace")
    address = _whole(url) if isinstance(url, str) else _file_url(fields)
    return Row(number, length, address, body, is_html=page is html)


def _file_url(fields: Mapping[str, Any]) -> str | None:
    repo, path = fields.get("repo"), fields.get("path")
    if isinstance(repo, str) and isinstance(path, str):
        return f"repository://{quote(_whole(repo))}/{quote(_whole(path))}"
    return None


def _whole(text: str) -> str:
    return _HALF_PAIR.sub("\ufffd", text)


def _parquet_rows(file: Any, max_row_bytes: int) -> Iterator[Row | BadRow | LargeRow]:
    number = 0
    try:
        for fields in read_rows(file, _COLUMNS, max_row_bytes):
            if fields is TOO_LARGE:
                yield LargeRow(number)
            else:
                row = _row(number, 0, fields, b"")
                yield replace(row, length=len(row.body)) if isinstance(row, Row) else row
            number += 1
    except (pa.ArrowException, OSError, ValueError) as error:
        yield BadRow(number, "broken_parquet", str(error), b"")
