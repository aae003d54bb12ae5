"""GitHub repositories become documents (DeepSeek-Coder-V2, arXiv 2406.11931 §2.1).

`read` walks a repository (a codeload archive, a git folder, an installed package) and hands on
the bytes of its files; `convert` decides binary or text, decodes, and turns notebooks into
scripts. Documents come in the repository's own order: members of the archive, `git ls-tree -r`,
sorted `RECORD`. A repository that is damaged half-way keeps the files before the damage and
leaves one quarantined record for the rest; so does one with a thousand files that cannot be read.

Skipped and counted: `binary`, `undecodable`, `too_large`, `lfs_pointer` (whatever the file is
called), `macos_metadata`, `symlink`, `special` (devices, hard links, sparse files), `unsafe_path`
(also one that is longer than a file system takes), `submodule`, and `repeated_path` (the first of a
name stays, because by the time of the second the first has been handed on).

Memory: one batch (16 MiB or 64 files), one file, the archive as it is stored up to 64 MiB, and
about 100 bytes per path seen. Cost: 64 MB/s or 7,500 files/s of one core for source code in
`.tar.gz`, 15,000 small files/s from git.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from schemas.documents import GITHUB_DOCUMENTS
from schemas.identity import doc_id
from schemas.licenses import joined as joined_licenses
from schemas.licenses import one, read_expression
from stages.contract import (
    SKIPPED,
    Identity,
    Input,
    Options,
    Quarantined,
    Skipped,
    SourceEvent,
)
from stages.github.entries import Damaged, Entry, Repository, clean_path, storable
from stages.github.files.encodings import DecodedFile, decode_file
from stages.github.files.notebooks import TABLES, script_text
from stages.github.files.stand_ins import stand_in
from stages.github.identity import metadata_of, repository_name
from stages.github.licensing.names import tagged_license
from stages.github.licensing.repository import is_license_file
from stages.github.metadata import Metadata
from stages.github.options import GithubOptions
from stages.github.raw import RAW_SCHEMA, Facts, RawFile, in_batches
from stages.github.repositories import open_repository
from stages.github.selection import Selection
from stages.github.tables import joined
from stages.github.tables.layouts import LAYOUTS
from stages.github.tables.reading import is_table, read_table

__all__ = ["GithubSource", "repository_name"]

MAX_DAMAGED_FILES = 1000
"""Of one repository; each is a quarantined record with up to 4 KiB of its bytes."""

_MARKDOWN = re.compile(
    r".*\.(?:md|markdown|mdown|mdwn|mkd|mkdn|mkdown|mdx|livemd|ronn|rmd|qmd)|readme", re.IGNORECASE
)


class GithubSource:
    """One repository in, its text files out."""

    name: ClassVar[str] = "documents"
    version: ClassVar[int] = 8
    libraries: ClassVar[tuple[str, ...]] = ("Resiliparse", "licenseclassifier")
    tables: ClassVar[tuple[str, ...]] = ("licenses.toml", "binary_files.toml", *TABLES, LAYOUTS)
    Options: ClassVar[type[Options]] = GithubOptions
    schema: ClassVar[pa.Schema] = GITHUB_DOCUMENTS
    raw_schema: ClassVar[pa.Schema] = RAW_SCHEMA

    def __init__(self, options: GithubOptions) -> None:
        self._options = options
        self._selection = Selection(options)

    def resources(self) -> dict[str, str]:
        """The files that the options name, by their content."""
        return self._selection.resources() | joined.digests(self._options.bigquery_files)

    def read(self, source: Input) -> Iterator[SourceEvent]:
        """The repository's files as raw batches, after its identity; of a table those of all its
        repositories."""
        if is_table(source):
            yield from read_table(source, self._options, self._selection)
            return
        reason = self._refuses(source)
        if reason is not None:
            yield Skipped(reason)
            return
        try:
            with open_repository(source, self._options) as repository:
                yield from self._read(repository, metadata_of(source))
        except Damaged as damage:
            yield _quarantined(source.name, damage)

    def convert(self, raw: pa.RecordBatch) -> pa.RecordBatch:
        """Decode the files of a raw batch; each one alone decides about itself."""
        origins: list[str] = raw["origin"].to_pylist()
        paths: list[str] = raw["path"].to_pylist()
        payloads: list[bytes] = raw["payload"].to_pylist()
        decoded = [_decoded(path, data) for path, data in zip(paths, payloads, strict=True)]
        licenses = zip(
            raw["license"].to_pylist(), raw["precedence"].to_pylist(), paths, decoded, strict=True
        )
        texts = pa.array([file.text for file in decoded], pa.large_string())
        columns = {
            "doc_id": pa.array([doc_id(origin) for origin in origins], pa.binary(16)),
            "uri": raw["origin"],
            "kind": pa.array([_kind_of(path) for path in paths], pa.string()),
            "text": texts,
            "n_bytes": pc.binary_length(texts).cast(pa.int64()),
            "license": pa.array(
                [_license_of(given, rule, path, file.text) for given, rule, path, file in licenses],
                pa.string(),
            ),
            "encoding": pa.array([file.encoding for file in decoded], pa.string()),
        }
        names = self.schema.names
        arrays = [columns[name] if name in columns else raw[name] for name in names]
        reasons = pa.array([file.reason for file in decoded], pa.string())
        fields = [field.with_nullable(True) for field in self.schema]
        return pa.record_batch(
            [*arrays, reasons], schema=pa.schema([*fields, pa.field(SKIPPED, pa.string())])
        )

    def _read(self, repository: Repository, metadata: Metadata) -> Iterator[SourceEvent]:
        skipped: Counter[str] = Counter()
        yield Identity(f"{repository.repo}@{repository.revision}")
        reason = self._selection.refuses(repository.repo) or self._selection.refuses_license(
            repository.license
        )
        if reason is not None:
            yield Skipped(reason)
            return
        facts = Facts(
            repository.repo,
            repository.revision,
            metadata.created_at,
            metadata.stars,
            repository.license,
        )
        yield from in_batches(self._files(repository, facts, skipped))
        for reason in sorted(skipped):
            yield Skipped(reason, skipped[reason])

    def _refuses(self, source: Input) -> str | None:
        """Why a repository is not wanted, as far as can be told before it is opened."""
        return self._selection.refuses(repository_name(source)) or self._selection.refuses_creation(
            metadata_of(source).created_at
        )

    def _files(
        self, repository: Repository, facts: Facts, skipped: Counter[str]
    ) -> Iterator[RawFile | Quarantined]:
        """The files to hand on; everything else is counted in `skipped` or quarantined."""
        identity = f"{repository.repo}@{repository.revision}"
        seen: set[int] = set()
        count = _Count(self._options)
        try:
            for entry in repository.entries():
                count.add_entry(entry)
                path = clean_path(entry.path)
                reason = self._reason_to_skip(entry, path, seen)
                if path is None or reason is not None:
                    skipped[reason or "unsafe_path"] += 1
                    continue
                count.add_file(entry)
                try:
                    payload = entry.read()
                except Damaged as damage:
                    if damage.reason == "timeout":
                        raise
                    count.add_damaged(entry)
                    yield _quarantined(f"{identity}:{path}", damage)
                    continue
                stated = repository.stated(path)
                own = facts if stated is None else replace(facts, **stated._asdict())
                yield RawFile(f"{identity}:{path}", path, entry.offset, payload, own)
        except Damaged as damage:
            yield _quarantined(identity, damage)

    def _reason_to_skip(self, entry: Entry, path: str | None, seen: set[int]) -> str | None:
        if path is None:
            return "unsafe_path"
        if entry.type != "file":
            return entry.type
        key = xxhash.xxh3_64_intdigest(path.encode())
        if key in seen:
            return "repeated_path"
        seen.add(key)
        return "too_large" if entry.size > self._options.max_file_bytes else None


class _Count:
    """What a repository has held so far, against its limits."""

    def __init__(self, options: GithubOptions) -> None:
        self._options = options
        self._n_entries = self._n_bytes = self._n_damaged = 0

    def add_entry(self, entry: Entry) -> None:
        """Any entry, with the bytes of its name."""
        self._n_entries += 1
        if self._n_entries > self._options.max_files:
            problem = f"more than {self._options.max_files} files (max_files)"
            raise Damaged("limit", problem, offset=entry.offset)
        self._add_bytes(len(entry.path), entry)

    def add_file(self, entry: Entry) -> None:
        """A file that is going to be read."""
        self._add_bytes(max(entry.size, 0), entry)

    def add_damaged(self, entry: Entry) -> None:
        """A file that could not be read."""
        self._n_damaged += 1
        if self._n_damaged > MAX_DAMAGED_FILES:
            problem = f"more than {MAX_DAMAGED_FILES} files cannot be read"
            raise Damaged("limit", problem, offset=entry.offset)

    def _add_bytes(self, n_bytes: int, entry: Entry) -> None:
        self._n_bytes += n_bytes
        if self._n_bytes > self._options.max_archive_bytes:
            problem = (
                f"the files add up to more than {self._options.max_archive_bytes} bytes"
                " (max_archive_bytes)"
            )
            raise Damaged("limit", problem, offset=entry.offset)


def _quarantined(origin: str, damage: Damaged) -> Quarantined:
    return Quarantined(
        storable(origin), damage.reason, storable(damage.error), damage.offset, damage.head
    )


def _decoded(path: str, payload: bytes) -> DecodedFile:
    reason = stand_in(path, payload)
    if reason is not None:
        return DecodedFile(None, reason, None)
    file = decode_file(path, payload)
    if file.text is not None and path.lower().endswith(".ipynb"):
        script = script_text(file.text)
        return file if script is None else file._replace(text=script)
    return file


def _license_of(
    given: str | None, precedence: str | None, path: str, text: str | None
) -> str | None:
    """What a file says of itself, else what its repository says; a licence's text speaks of the
    repository."""
    if text is None or precedence == "override" or is_license_file(path.rpartition("/")[2]):
        return given
    tagged = tagged_license(text)
    if tagged is None or given is None or precedence != "aggregate":
        return given if tagged is None else str(tagged)
    return str(joined_licenses("AND", [tagged, read_expression(given) or one(given)]))


def _kind_of(path: str) -> str:
    return "markdown" if _MARKDOWN.fullmatch(path.rpartition("/")[2]) else "source"
