"""Files taken out of a commit's archive, as the source of a run would read them."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.github.answers import Unavailable
from pipeline.github.codeload import DAMAGED, TOO_LARGE
from stages.github.archives.stored import StoredBytes
from stages.github.archives.survey import (
    SNIFF_BYTES,
    read_entries,
    read_up_to,
    root_licenses,
    survey_archive,
)
from stages.github.entries import Damaged, Entry, clean_path
from stages.github.licensing.repository import repository_license
from stages.github.options import GithubOptions
from stages.regular_files import open_regular

NOT_IN_ARCHIVE, NO_FILE = "not_in_archive", "no_file"


@dataclass(frozen=True)
class Opened:
    """An archive: its commit, its licence, and its files while it is open."""

    commit: str | None
    license: str | None
    entries: Iterator[Entry]


@contextmanager
def opened(place: Path, options: GithubOptions) -> Iterator[Opened]:
    """`Unavailable` if it is no archive."""
    with open_regular(place) as stream, StoredBytes(stream, options.max_archive_bytes) as stored:
        survey = survey_archive(stored, read_up_to(stored, SNIFF_BYTES), options)
        license_ = repository_license(root_licenses(survey))
        try:
            entries = read_entries(stored, options, survey.top)
        except Damaged as damage:
            raise Unavailable(DAMAGED, damage.error) from damage
        yield Opened(survey.commit, license_, entries)


def read_files(
    archive: Opened, wanted: Collection[str], options: GithubOptions
) -> Iterator[tuple[str, bytes | Unavailable]]:
    """Each path that is wanted, once: its bytes, or why there are none."""
    left = dict.fromkeys(wanted)
    error = Unavailable(
        NOT_IN_ARCHIVE, "the archive has no such file (git leaves out what is `export-ignore`)"
    )
    try:
        for entry in archive.entries:
            path = clean_path(entry.path)
            if path not in left:
                continue
            del left[path]
            yield path, _content(entry, options)
    except Damaged as damage:
        error = Unavailable(DAMAGED, damage.error)
    yield from ((path, error) for path in left)


def _content(entry: Entry, options: GithubOptions) -> bytes | Unavailable:
    if entry.type != "file":
        return Unavailable(NO_FILE, f"it is a {entry.type}")
    if entry.size > options.max_file_bytes:
        return Unavailable(TOO_LARGE, f"{entry.size:,} bytes")
    try:
        return entry.read()
    except Damaged as damage:
        return Unavailable(DAMAGED, damage.error)
