"""Tar and zip archives as repositories.

A repository's licence and, where the archive names no commit, its revision must be known before
the first file is handed on, whatever the order of members. A tar is therefore read twice: a
survey (headers, root licence texts, hash of the stored bytes, the top folder all files share),
then the files. The second look costs about 2 ms a MiB of source to expand; buffering instead would
hold a whole repository in memory. A zip has a directory, so its survey reads the licences alone.

The commit is the pax comment of a tar and the comment of a zip, as `git archive` writes them.
"""

import re
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import IO, BinaryIO

import xxhash

from stages.github.decompression import GZIP, ZSTD, ByteReader, Readable, expand
from stages.github.entries import Damaged, Entry, clean_path, shared_top
from stages.github.licenses import MAX_LICENSE_BYTES, MAX_LICENSE_FILES, is_license_file
from stages.github.tar import BLOCK, TarReader

SNIFF_BYTES = BLOCK
SPOOL_BYTES = 1 << 26

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass
class Survey:
    """What the first look at an archive tells."""

    commit: str | None = None
    top: str | None = None
    licenses: dict[str, bytes] = field(default_factory=dict)
    content_hash: str = ""


class HashingStream:
    """Passes reads through and keeps the xxh3_128 of all bytes read."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._hash = xxhash.xxh3_128()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._hash.update(data)
        return data

    def finish(self) -> str:
        """Read to the end; the hash of the whole."""
        while self.read(1 << 20):
            pass
        return self._hash.hexdigest()


def survey_archive(open_stream: Callable[[], BinaryIO], limit: int) -> Survey:
    """Look over an archive. Damage ends the look, not the reading: `read_entries` reports it."""
    with open_stream() as stream:
        hashing = HashingStream(stream)
        first = _read_up_to(hashing, SNIFF_BYTES)
        if first.startswith(_ZIP):
            survey = _survey_zip(open_stream, limit)
        else:
            survey = _survey_tar(TarReader(ByteReader(expand(hashing, first), limit)))
        return replace(survey, content_hash=hashing.finish())


def read_entries(
    open_stream: Callable[[], BinaryIO], limit: int, top: str | None
) -> Iterator[Entry]:
    """The archive's entries in their order, without the folder `top`."""
    with open_stream() as stream:
        first = _read_up_to(stream, SNIFF_BYTES)
        if not first:
            raise Damaged("truncated", "the archive is empty: not even an end block", offset=0)
        if first.startswith(_ZIP):
            with _opened_zip(open_stream, limit) as archive:
                yield from _without_top(_zip_entries(archive), top)
            return
        if not first.startswith((GZIP, ZSTD)) and not _looks_like_tar(first):
            raise Damaged(
                "unreadable", "neither tar, tar.gz, tar.zst nor zip", offset=0, head=first
            )
        yield from _without_top(TarReader(ByteReader(expand(stream, first), limit)), top)


def _survey_tar(members: TarReader) -> Survey:
    survey = Survey()

    def paths() -> Iterator[str]:
        for entry in members:
            path = clean_path(entry.path)
            if path is None:
                continue
            _note_license(survey, path, entry)
            yield path

    survey.top = _top_until_damaged(paths())
    survey.commit = members.comment if _is_commit(members.comment) else None
    return survey


def _survey_zip(open_stream: Callable[[], BinaryIO], limit: int) -> Survey:
    survey = Survey()
    try:
        with _opened_zip(open_stream, limit) as archive:
            comment = archive.comment.decode("ascii", "replace").strip()
            survey.commit = comment if _is_commit(comment) else None
            entries = list(_zip_entries(archive))
            paths = [path for entry in entries if (path := clean_path(entry.path)) is not None]
            survey.top = shared_top(iter(paths))
            for entry in entries:
                path = clean_path(entry.path)
                if path is not None:
                    _note_license(survey, path, entry)
    except Damaged:
        return survey
    return survey


def _top_until_damaged(paths: Iterator[str]) -> str | None:
    """`shared_top` of all paths before the damage (the iterator is always used up)."""
    seen: dict[str, None] = {}
    try:
        for path in paths:
            first, slash, _ = path.partition("/")
            if len(seen) < 2:
                seen[first + slash] = None
    except Damaged:
        pass
    return shared_top(name + "." if name.endswith("/") else name for name in seen)


def _note_license(survey: Survey, path: str, entry: Entry) -> None:
    name = path.rpartition("/")[2]
    if (
        path.count("/") <= 1
        and entry.type == "file"
        and entry.size <= MAX_LICENSE_BYTES
        and len(survey.licenses) < MAX_LICENSE_FILES
        and is_license_file(name)
    ):
        try:
            survey.licenses[path] = entry.read()
        except Damaged:
            return


def root_licenses(survey: Survey) -> dict[str, bytes]:
    """The licence texts that lie at the repository's root."""
    prefix = f"{survey.top}/" if survey.top else ""
    return {
        path.removeprefix(prefix): text
        for path, text in survey.licenses.items()
        if path.startswith(prefix) and "/" not in path.removeprefix(prefix)
    }


def _without_top(entries: Iterator[Entry] | TarReader, top: str | None) -> Iterator[Entry]:
    for entry in entries:
        path = clean_path(entry.path) if top else None
        if path is not None and path.startswith(f"{top}/"):
            entry = replace(entry, path=path[len(f"{top}/") :])  # noqa: PLW2901
        yield entry


@contextmanager
def _opened_zip(open_stream: Callable[[], BinaryIO], limit: int) -> Iterator[zipfile.ZipFile]:
    """A zip needs seeking; a stream that cannot is spooled to an unnamed temporary file."""
    with open_stream() as stream, tempfile.SpooledTemporaryFile(SPOOL_BYTES) as spool:
        seekable: IO[bytes] = stream
        if not stream.seekable():
            total = 0
            while chunk := stream.read(1 << 20):
                total += len(chunk)
                if total > limit:
                    raise Damaged("limit", f"the zip is larger than {limit} bytes", offset=total)
                spool.write(chunk)
            spool.seek(0)
            seekable = spool
        try:
            archive = zipfile.ZipFile(seekable)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
            seekable.seek(0)
            head = seekable.read(4096)
            reason = "truncated" if "not a zip file" in str(error) else "corrupt"
            raise Damaged(reason, f"zip: {error}", offset=0, head=head) from error
        with archive:
            yield archive


def _zip_entries(archive: zipfile.ZipFile) -> Iterator[Entry]:
    for info in archive.infolist():
        if info.is_dir():
            continue
        mode = info.external_attr >> 16 if info.create_system == 3 else 0
        kind = {0: "file", 0o100000: "file", 0o120000: "symlink"}.get(mode & 0o170000, "special")
        yield Entry(
            info.filename,
            kind,  # type: ignore[arg-type]
            info.file_size,
            info.header_offset,
            partial(_read_zip_entry, archive, info),
        )


def _read_zip_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    problem = None
    if info.flag_bits & 1:
        problem = "the entry is encrypted"
    elif info.compress_type not in _METHODS:
        problem = f"compression method {info.compress_type} is neither stored nor deflated"
    if problem is not None:
        raise Damaged("unreadable", f"zip: {problem}", offset=info.header_offset)
    try:
        with archive.open(info) as stream:
            payload = stream.read(info.file_size + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise Damaged("corrupt", f"zip: {error}", offset=info.header_offset) from error
    if len(payload) != info.file_size:
        raise Damaged(
            "corrupt",
            f"zip: {len(payload)} bytes where the directory says {info.file_size}",
            offset=info.header_offset,
            head=payload[:4096],
        )
    return payload


def _read_up_to(stream: Readable, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := stream.read(size - len(data))):
        data += more
    return data


def _looks_like_tar(first: bytes) -> bool:
    return first[257:262] == b"ustar" or not any(first) or _has_v7_checksum(first)


def _has_v7_checksum(first: bytes) -> bool:
    digits = first[148:156].strip(b" \0")
    if len(first) < BLOCK or not digits.isdigit() or digits.strip(b"01234567") != b"":
        return False
    return int(digits, 8) == sum(first[:148]) + sum(first[156:BLOCK]) + 8 * ord(" ")


def _is_commit(comment: str | None) -> bool:
    return comment is not None and _COMMIT.fullmatch(comment) is not None
