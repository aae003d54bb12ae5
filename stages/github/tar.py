"""A streaming tar reader that reports damage instead of hiding it.

`tarfile` is used for the header block alone. Its iterator takes an invalid header in the middle
of an archive for the end of the archive (records vanish without a word), reads an extended header
of any size into memory, and expands sparse members; all three matter for hostile input. POSIX.1-
2001 pax headers, GNU long names and old GNU sparse headers are understood; a member's name that
is not UTF-8 keeps its odd bytes as `\\xNN`.

An archive ends with a zero block. One that just stops, even between members, is `truncated`.
"""

import tarfile
from collections.abc import Iterator
from functools import partial

from stages.github.decompression import ByteReader
from stages.github.entries import Damaged, Entry, EntryType

BLOCK = tarfile.BLOCKSIZE
MAX_HEADER_BYTES = 1 << 20
"""Extended headers hold names and times; git writes under 1 KiB."""

_TYPES: dict[bytes, EntryType] = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.CONTTYPE: "file",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "special",
    tarfile.CHRTYPE: "special",
    tarfile.BLKTYPE: "special",
    tarfile.FIFOTYPE: "special",
}
_LINKS_AND_DEVICES = frozenset(type_ for type_, kind in _TYPES.items() if kind != "file")
_WITHOUT_DATA = _LINKS_AND_DEVICES | {tarfile.DIRTYPE}
_PAX = frozenset([tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE])


class TarReader:
    """The members of a tar stream in order, directories left out (a hard link is `special`).
    `comment` is the global pax comment (the commit, in what git writes) once it was met."""

    def __init__(self, reader: ByteReader) -> None:
        self.comment: str | None = None
        self._reader = reader
        self._failed = False

    def __iter__(self) -> Iterator[Entry]:
        reader = self._reader
        while (header := self._next_header()) is not None:
            start, info, pax = header
            size = 0 if info.type in _WITHOUT_DATA else _size(info, pax, start)
            end = reader.position + size
            if info.type != tarfile.DIRTYPE:
                kind = _TYPES.get(info.type, "special")
                if any(key.startswith("GNU.sparse.") for key in pax):
                    kind = "special"
                path = pax.get("path", info.name)
                yield Entry(path, kind, size, start, partial(self._read, size, start))
            if self._failed:
                return
            rest = end - reader.position
            if reader.skip(rest) < rest:
                raise _ended(reader.position)
            padding = -size % BLOCK
            if reader.skip(padding) < padding:
                raise _ended(reader.position)

    def _read(self, size: int, offset: int) -> bytes:
        """A member's bytes. The stream cannot be picked up behind a failure, so this ends it."""
        self._failed = True
        payload = self._reader.read(size)
        if len(payload) < size:
            raise Damaged(
                "truncated",
                f"the archive ends after {len(payload)} of the member's {size} bytes",
                offset=offset,
                head=payload[:4096],
            )
        self._failed = False
        return payload

    def _next_header(self) -> tuple[int, tarfile.TarInfo, dict[str, str]] | None:
        """The next member's header with its extended records, None at the end."""
        reader = self._reader
        start = reader.position
        pax: dict[str, str] = {}
        while True:
            block = reader.read(BLOCK)
            if len(block) < BLOCK:
                raise _ended(reader.position)
            if not any(block):
                return None
            try:
                info = tarfile.TarInfo.frombuf(block, "utf-8", "backslashreplace")
            except (tarfile.HeaderError, ValueError) as error:
                raise Damaged(
                    "corrupt", f"tar: {error}", offset=reader.position - BLOCK, head=block
                ) from error
            if info.type in _PAX:
                pax |= _parse_pax(self._header_data(info, start), start)
            elif info.type == tarfile.XGLTYPE:
                self.comment = _parse_pax(self._header_data(info, start), start).get(
                    "comment", self.comment
                )
                start = reader.position
            elif info.type == tarfile.GNUTYPE_LONGNAME:
                name = self._header_data(info, start).split(b"\0", 1)[0]
                pax.setdefault("path", name.decode("utf-8", "backslashreplace"))
            elif info.type == tarfile.GNUTYPE_LONGLINK:
                self._header_data(info, start)
            else:
                if info.type == tarfile.GNUTYPE_SPARSE:
                    self._skip_sparse_headers(block)
                return start, info, pax

    def _header_data(self, info: tarfile.TarInfo, start: int) -> bytes:
        if not 0 <= info.size <= MAX_HEADER_BYTES:
            raise Damaged(
                "limit",
                f"an extended header of {info.size} bytes (at most {MAX_HEADER_BYTES})",
                offset=start,
            )
        padded = info.size + -info.size % BLOCK
        data = self._reader.read(padded)
        if len(data) < padded:
            raise _ended(self._reader.position)
        return data[: info.size]

    def _skip_sparse_headers(self, block: bytes) -> None:
        more = block[482]
        while more:
            block = self._reader.read(BLOCK)
            if len(block) < BLOCK:
                raise _ended(self._reader.position)
            more = block[504]


def _ended(position: int) -> Damaged:
    return Damaged("truncated", "the archive stops without an end block", offset=position)


def _size(info: tarfile.TarInfo, pax: dict[str, str], offset: int) -> int:
    text = pax.get("size")
    if text is not None and not (text.isascii() and text.isdigit() and len(text) < 20):
        raise Damaged("corrupt", f"tar: a size of {text[:40]!r}", offset=offset)
    size = info.size if text is None else int(text)
    if size < 0:
        raise Damaged("corrupt", f"tar: a size of {size}", offset=offset)
    return size


def _parse_pax(data: bytes, offset: int) -> dict[str, str]:
    """`LENGTH KEY=VALUE\\n` records, LENGTH counting itself (POSIX.1-2001, pax)."""
    records: dict[str, str] = {}
    start = 0
    while start < len(data) and data[start]:
        length, space, _ = data[start : start + 20].partition(b" ")
        end = start + int(length) if space and length.isdigit() else -1
        record = data[start + len(length) + 1 : end - 1]
        key, equals, value = record.partition(b"=")
        if not start < end <= len(data) or data[end - 1 : end] != b"\n" or not equals:
            raise Damaged("corrupt", "tar: a malformed pax header", offset=offset, head=data[:4096])
        records[key.decode("utf-8", "backslashreplace")] = value.decode("utf-8", "backslashreplace")
        start = end
    return records
