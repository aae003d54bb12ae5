"""A zip reader that trusts no number (PKWARE's APPNOTE.TXT, sections 4.3 to 4.5).

`zipfile` holds an object for every entry of the directory before it yields the first, gives up the
whole archive for one name that is not UTF-8, and lets numbers of 2^64 - 1 through to `seek`. Here
the directory is read a window at a time; every position is checked against the file before it is
used; and no more is inflated than the file has bytes, so that entries which share their data (the
overlapping kind of bomb) cost no more than others. A name is UTF-8 where the entry says so, else
code page 437; odd bytes become `\\xNN`. Writers on Windows put back-slashes between folders against
the specification; on Unix one may stand in a name, but hardly in one without any slash.

Stored and deflated entries are read. Cost: 7 microseconds a record of the directory; memory: a
window of 1 MiB and one entry.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import IO

from stages.github.entries import Damaged, Entry, EntryType

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
"""What a zip begins with: an entry or, where it has none, its end."""

WINDOW_BYTES = 1 << 20
PIECE_BYTES = 1 << 16
STORED, DEFLATED = 0, 8

_RECORD = struct.Struct("<4s4B4H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_END = struct.Struct("<4s4H2IH")
_LOCATOR = struct.Struct("<4sIQI")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_RECORD_MAGIC, _LOCAL_MAGIC, _END_MAGIC = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"
_LOCATOR_MAGIC, _END_64_MAGIC = b"PK\x06\x07", b"PK\x06\x06"

_UTF_8 = 1 << 11
_UNREADABLE = 1 << 0 | 1 << 5 | 1 << 6
"""Flags of entries that are encrypted, or patches."""

_UNIX, _MACOS = 3, 19
_MODES: dict[int, EntryType] = {0: "file", 0o100000: "file", 0o120000: "symlink"}
_FULL_16, _FULL_32 = 0xFFFF, 0xFFFFFFFF
_ZIP_64 = 1
_LARGEST_RECORD = _RECORD.size + 3 * _FULL_16


@dataclass(frozen=True, slots=True)
class _Record:
    """An entry as the directory has it."""

    name: bytes
    path: bytes
    kind: EntryType
    flags: int
    method: int
    crc: int
    stored_size: int
    size: int
    start: int


class ZipReader:
    """The entries of a zip in the order of its directory, folders left out; at most `max_records`
    records of any kind. Raises `Damaged` where there is no directory."""

    def __init__(self, stream: IO[bytes], max_records: int) -> None:
        self._stream = stream
        self._max_records = max_records
        self._n_inflated = 0
        self.comment, self._start, self._end, self._before = self._find_directory()

    def __iter__(self) -> Iterator[Entry]:
        for number, record in enumerate(self._records()):
            if number == self._max_records:
                raise Damaged("limit", f"more than {number} records (a multiple of max_files)")
            name = record.path
            if name.endswith(b"/"):
                continue
            path = name.decode("utf-8" if record.flags & _UTF_8 else "cp437", "backslashreplace")
            offset = record.start if record.start < self._start else None
            yield Entry(path, record.kind, record.size, offset, partial(self._read, record))

    def _at(self, position: int, size: int) -> bytes:
        """`size` bytes, fewer only at the end of the file."""
        self._stream.seek(position)
        parts = []
        while size > 0 and (part := self._stream.read(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _find_directory(self) -> tuple[bytes, int, int, int]:
        """The archive's comment, where the directory begins and ends, and how many bytes stand
        before the archive."""
        size = self._stream.seek(0, 2)
        tail_start = max(0, size - _END.size - _FULL_16)
        tail = self._at(tail_start, size - tail_start)
        place = tail.rfind(_END_MAGIC, 0, max(0, len(tail) - _END.size + len(_END_MAGIC)))
        if place < 0:
            raise Damaged(
                "truncated", "zip: the end of the directory is missing", head=self._at(0, 4096)
            )
        *_, length, offset, n_comment = _END.unpack_from(tail, place)
        comment = tail[place + _END.size :][:n_comment]
        end, length, offset = self._widened(tail_start + place, length, offset)
        start = end - length
        if not 0 <= offset <= start:
            raise Damaged("corrupt", "zip: the directory lies outside the file", offset=end)
        return comment, start, end, start - offset

    def _widened(self, end: int, length: int, offset: int) -> tuple[int, int, int]:
        """Where the directory ends, its length and its offset, as the zip64 end says if there is
        one before the ordinary end."""
        place = end - _LOCATOR.size - _END_64.size
        if place < 0 or self._at(end - _LOCATOR.size, 4) != _LOCATOR_MAGIC:
            return end, length, offset
        magic, *_, length_64, offset_64 = _END_64.unpack(self._at(place, _END_64.size))
        return (place, length_64, offset_64) if magic == _END_64_MAGIC else (end, length, offset)

    def _records(self) -> Iterator[_Record]:
        position, window, place = self._start, b"", 0
        while position < self._end:
            if len(window) - place < _LARGEST_RECORD and position + len(window) - place < self._end:
                window, place = self._at(position, min(WINDOW_BYTES, self._end - position)), 0
            if len(window) - place < _RECORD.size or not window.startswith(_RECORD_MAGIC, place):
                raise Damaged(
                    "corrupt",
                    "zip: no record where the directory should have one",
                    offset=position,
                    head=window[place : place + 4096],
                )
            fields = _RECORD.unpack_from(window, place)
            name_end = place + _RECORD.size + fields[12]
            extra_end = name_end + fields[13]
            following = extra_end + fields[14]
            if following > len(window):
                raise Damaged("truncated", "zip: the directory ends in a record", offset=position)
            yield self._record(
                fields, window[place + _RECORD.size : name_end], window[name_end:extra_end]
            )
            position += following - place
            place = following

    def _record(self, fields: tuple[int, ...], name: bytes, extra: bytes) -> _Record:
        """A record; a number that ought to be in the zip64 field and is not stays 2^32 - 1, which
        leads outside the file or to a wrong size."""
        wide = _zip64_numbers(extra)
        stored_size, size, start = fields[10], fields[11], fields[18]
        size = next(wide, size) if size == _FULL_32 else size
        stored_size = next(wide, stored_size) if stored_size == _FULL_32 else stored_size
        start = next(wide, start) if start == _FULL_32 else start
        mode = fields[17] >> 16 if fields[2] == _UNIX else 0
        kind = _MODES.get(mode & 0o170000, "special")
        is_foreign = fields[2] not in (_UNIX, _MACOS) or b"/" not in name
        path = name.replace(b"\\", b"/") if is_foreign else name
        start += self._before
        return _Record(name, path, kind, fields[5], fields[6], fields[9], stored_size, size, start)

    def _read(self, record: _Record) -> bytes:
        """The bytes of an entry, if they are what the directory says."""
        offset = record.start if record.start < self._start else None
        if record.flags & _UNREADABLE:
            raise Damaged("unreadable", "zip: the entry is encrypted", offset=offset)
        if record.method not in (STORED, DEFLATED):
            problem = f"zip: compression method {record.method} is neither stored nor deflated"
            raise Damaged("unreadable", problem, offset=offset)
        position = self._data_of(record)
        self._n_inflated += record.stored_size
        if self._n_inflated > self._start:
            raise Damaged("corrupt", "zip: entries share their data", offset=offset)
        if record.method == STORED:
            payload = self._at(position, min(record.stored_size, record.size + 1))
        else:
            payload = self._inflate(position, record)
        if len(payload) != record.size:
            n_bytes = f"{len(payload)}{' or more' * (len(payload) > record.size)}"
            problem = f"zip: {n_bytes} bytes where the directory says {record.size}"
            raise Damaged("corrupt", problem, offset=offset, head=payload[:4096])
        if zlib.crc32(payload) != record.crc:
            raise Damaged("corrupt", "zip: a wrong checksum", offset=offset, head=payload[:4096])
        return payload

    def _data_of(self, record: _Record) -> int:
        """Where an entry's data begins; they end before the directory."""
        if record.start + _LOCAL.size > self._start:
            raise Damaged("corrupt", f"zip: an entry at {record.start}, outside the file")
        magic, *_, n_name, n_extra = _LOCAL.unpack(self._at(record.start, _LOCAL.size))
        position = record.start + _LOCAL.size
        if magic != _LOCAL_MAGIC or self._at(position, n_name) != record.name:
            problem = "zip: no entry, or one of another name, where the directory says"
            raise Damaged("corrupt", problem, offset=record.start)
        position += int(n_name) + int(n_extra)
        if position + record.stored_size > self._start:
            raise Damaged("corrupt", "zip: an entry longer than the file", offset=record.start)
        return position

    def _inflate(self, position: int, record: _Record) -> bytes:
        inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
        parts, missing = [], record.size + 1
        for start in range(position, position + record.stored_size, PIECE_BYTES):
            size = min(PIECE_BYTES, position + record.stored_size - start)
            try:
                parts.append(inflater.decompress(self._at(start, size), missing))
            except zlib.error as error:
                raise Damaged("corrupt", f"zip: {error}", offset=record.start) from error
            missing -= len(parts[-1])
            if inflater.eof or missing == 0:
                break
        return b"".join(parts)


def _zip64_numbers(extra: bytes) -> Iterator[int]:
    """The numbers of the zip64 extra field (section 4.5.3), if the extra fields have one."""
    position = 0
    while position + 4 <= len(extra):
        tag, size = struct.unpack_from("<2H", extra, position)
        position += 4
        if tag == _ZIP_64:
            field = extra[position : position + size]
            return (int.from_bytes(field[i : i + 8], "little") for i in range(0, len(field) - 7, 8))
        position += size
    return iter(())
