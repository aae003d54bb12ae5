"""Tar and zip archives as repositories.

A repository's licence and, where the archive names no commit, its revision must be known before
the first file is handed on, whatever the order of members. A tar is therefore looked at twice: a
survey (headers, root licence texts, hash of the stored bytes, the top folder all files share),
then the files. The second look costs about 2 ms a MiB of source to expand; keeping what the first
expanded would hold a whole repository in memory. The stored bytes are kept (see `stored`), so they
are fetched once. A zip has a directory, so its survey reads the licences alone.

The commit is the pax comment of a tar and the comment of a zip, as `git archive` writes them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from stages.github.archives.decompression import GZIP, ZSTD, ByteReader, Readable, expand
from stages.github.archives.stored import StoredBytes
from stages.github.archives.tar import BLOCK, TarReader
from stages.github.archives.zip import MAGIC as ZIP
from stages.github.archives.zip import ZipReader
from stages.github.entries import (
    HEADERS_PER_FILE,
    Damaged,
    Entry,
    clean_path,
    is_beside_top,
    shared_top,
)
from stages.github.licensing.repository import (
    MAX_LICENSE_BYTES,
    MAX_LICENSE_FILES,
    is_of_interest,
)
from stages.github.licensing.stated import FileLicenses, Stated
from stages.github.options import GithubOptions

SNIFF_BYTES = BLOCK

MAX_TOPS = 4
"""Folders at the top of which licences are noted before one proves to be of all files."""

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass
class Survey:
    """What the first look at an archive tells."""

    commit: str | None = None
    top: str | None = None
    licenses: dict[str, bytes] = field(default_factory=dict)
    stated: FileLicenses = field(default_factory=FileLicenses)
    noted: Counter[str] = field(default_factory=Counter)
    content_hash: str = ""


def survey_archive(stored: StoredBytes, first: bytes, options: GithubOptions) -> Survey:
    """Look over an archive that begins with `first` (`SNIFF_BYTES`, already read). Damage ends the
    look, not the reading: `read_entries` reports it."""
    if first.startswith(ZIP):
        content_hash = stored.finish()
        survey = _survey_zip(stored, options)
    else:
        survey = _survey_tar(_tar_reader(stored, first, options))
        content_hash = stored.finish()
    return replace(survey, content_hash=content_hash)


def read_up_to(stream: Readable, size: int) -> bytes:
    """`size` bytes, fewer only at the end of the stream."""
    data = b""
    while len(data) < size and (more := stream.read(size - len(data))):
        data += more
    return data


def read_entries(stored: StoredBytes, options: GithubOptions, top: str | None) -> Iterator[Entry]:
    """The entries of a surveyed archive in their order, without the folder `top`."""
    stream = stored.again()
    first = read_up_to(stream, SNIFF_BYTES)
    if not first:
        raise Damaged("truncated", "the archive is empty: not even an end block", offset=0)
    if first.startswith(ZIP):
        return _without_top(ZipReader(stream, HEADERS_PER_FILE * options.max_files), top)
    if not first.startswith((GZIP, ZSTD)) and not _looks_like_tar(first):
        raise Damaged("unreadable", "neither tar, tar.gz, tar.zst nor zip", offset=0, head=first)
    return _without_top(_tar_reader(stream, first, options), top)


def _tar_reader(stream: Readable, first: bytes, options: GithubOptions) -> TarReader:
    reader = ByteReader(expand(stream, first), options.max_archive_bytes)
    return TarReader(reader, HEADERS_PER_FILE * options.max_files)


def _survey_tar(members: TarReader) -> Survey:
    survey = Survey()
    _look_over(members, survey)
    survey.commit = members.comment if _is_commit(members.comment) else None
    return survey


def _survey_zip(stored: StoredBytes, options: GithubOptions) -> Survey:
    survey = Survey()
    try:
        archive = ZipReader(stored.again(), HEADERS_PER_FILE * options.max_files)
    except Damaged:
        return survey
    comment = archive.comment.decode("ascii", "replace").strip()
    survey.commit = comment if _is_commit(comment) else None
    _look_over(archive, survey)
    return survey


def _look_over(entries: Iterable[Entry], survey: Survey) -> None:
    """Note licences and the top folder of all entries before the damage, if there is any."""
    tops: dict[str, None] = {}
    try:
        for entry in entries:
            path = clean_path(entry.path)
            if path is None:
                continue
            if entry.type == "file":
                _note_licenses(survey, path, entry)
            first, slash, _ = path.partition("/")
            if len(tops) < 2 and not is_beside_top(path):
                tops[first + slash] = None
    except Damaged:
        pass
    survey.top = shared_top(name + "." if name.endswith("/") else name for name in tops)


def _note_licenses(survey: Survey, path: str, entry: Entry) -> None:
    """What a file says of the repository's licence, or of those of other files."""
    first, _, inside = path.partition("/")
    top = first if is_of_interest(inside) else ""
    is_text = (
        entry.size <= MAX_LICENSE_BYTES
        and (is_of_interest(path) or is_of_interest(inside))
        and survey.noted[top] < MAX_LICENSE_FILES
        and len(survey.noted) <= MAX_TOPS
    )
    states_others = survey.stated.wants(path, entry.size)
    if not is_text and not states_others:
        return
    if is_text:
        survey.noted[top] += 1
    try:
        data = entry.read()
    except Damaged:
        return
    if is_text:
        survey.licenses[path] = data
    if states_others:
        survey.stated.note(path, data)


def root_licenses(survey: Survey) -> dict[str, bytes]:
    """The licence texts that lie at the repository's root."""
    prefix = f"{survey.top}/" if survey.top else ""
    return {
        path.removeprefix(prefix): text
        for path, text in survey.licenses.items()
        if path.startswith(prefix) and is_of_interest(path.removeprefix(prefix))
    }


def stated_license(survey: Survey, path: str) -> Stated | None:
    """What is stated of the file at this path under the folder that all share."""
    top = survey.top
    return survey.stated.of(f"{top}/{path}", top) if top else survey.stated.of(path)


def _without_top(entries: Iterable[Entry], top: str | None) -> Iterator[Entry]:
    prefix = f"{top}/"
    for entry in entries:
        path = clean_path(entry.path) if top else None
        if path is not None and path.startswith(prefix):
            inside = path.removeprefix(prefix)
            yield Entry(inside, entry.type, entry.size, entry.offset, entry.read)
        else:
            yield entry


def _looks_like_tar(first: bytes) -> bool:
    return first[257:262] == b"ustar" or not any(first) or _has_v7_checksum(first)


def _has_v7_checksum(first: bytes) -> bool:
    digits = first[148:156].strip(b" \0")
    if len(first) < BLOCK or not digits.isdigit() or digits.strip(b"01234567") != b"":
        return False
    return int(digits, 8) == sum(first[:148]) + sum(first[156:BLOCK]) + 8 * ord(" ")


def _is_commit(comment: str | None) -> bool:
    return comment is not None and _COMMIT.fullmatch(comment) is not None
