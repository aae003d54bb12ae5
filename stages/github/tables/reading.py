"""Tables become raw batches: a row a file, or a row a repository with its files.

Identity: `OWNER/REPO@REVISION:PATH` where the table says so, else `BASENAME:ROW` (`ROW.FILE` where
a row is a repository). What has no repository is one of its own, `local/STEM-ROW`; what has no path
is called by its row, with the extension that the table gives; what has no revision has the hash of
its contents.

Skipped and counted: what is not wanted (`selection`), `binary`, `too_large`, `unsafe_path`,
`no_contents` (null), `repeated_path` (the first of an identity stays). A row that cannot be what
its column says is quarantined, `wrong_field`; one that is no JSON, `broken_json`.

A Parquet file begins at its end and is read at many places: one that lies on this machine is read
where it is, and the bytes that were not needed are read afterwards for its hash; any other is
copied to a temporary file first, read once from front to end, and hashed as it passes.
"""

import re
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from stages.contract import Identity, Input, Quarantined, Skipped, SourceEvent
from stages.errors import InputError
from stages.github.entries import Damaged, clean_path, storable
from stages.github.identity import TABLES, metadata_of, stem_of
from stages.github.metadata import Metadata, WrongField
from stages.github.options import GithubOptions
from stages.github.raw import Facts, RawFile, in_batches
from stages.github.selection import Selection
from stages.github.tables.joined import Places, places_of
from stages.github.tables.json_lines import JsonLines
from stages.github.tables.layouts import Columns, recognise
from stages.github.tables.parquet import leaves_of, read_records
from stages.github.tables.records import BadRecord, Described, Record, describe

NO_LAYOUT = "no_layout"
"""Reason: the columns are of no known dump."""

MAX_FAULTS = 100_000
"""Quarantined records of one table; the rest is one more."""

_PARQUET = ".parquet"
_COPY_BYTES = 1 << 20
_DAMAGE = (Damaged, pa.ArrowException, ValueError, EOFError)
_EXTENSION = re.compile(r"[A-Za-z0-9_+-]{1,20}")
_NOTHING = Metadata()
_NAME = re.compile(r"[^A-Za-z0-9_.+-]+")


def is_table(source: Input) -> bool:
    """Whether an input is a table, by its name."""
    return source.open is not None and source.name.lower().endswith(TABLES)


def read_table(
    source: Input, options: GithubOptions, selection: Selection
) -> Iterator[SourceEvent]:
    """The files of a table as raw batches."""
    table = _Table(source, options, selection)
    yield from in_batches(_few_faults(table.files()))
    if table.goes_by_name:
        yield Identity(storable(source.name))
    for reason in sorted(table.skipped):
        yield Skipped(reason, table.skipped[reason])


def _few_faults(items: Iterator[RawFile | Quarantined]) -> Iterator[RawFile | Quarantined]:
    """The items, up to one fault too many, which stands for the rest."""
    n_faults = 0
    for item in items:
        if isinstance(item, Quarantined):
            n_faults += 1
            if n_faults > MAX_FAULTS:
                error = f"{MAX_FAULTS} records could not be read; this is the rest of the table"
                yield replace(item, reason="too_many", error=error)
                return
        yield item


class _Table:
    def __init__(self, source: Input, options: GithubOptions, selection: Selection) -> None:
        self.skipped: Counter[str] = Counter()
        self.goes_by_name = False
        """Whether the identity of a file handed on is its place in the table."""
        self._source = source
        self._name = storable(source.name)
        self._options = options
        self._selection = selection
        self._metadata = metadata_of(source)
        self._stem = _stem(self._name)
        self._seen = _Seen()

    def files(self) -> Iterator[RawFile | Quarantined]:
        """The files to hand on; everything else is counted in `skipped` or quarantined."""
        number = 0
        try:
            with ExitStack() as stack:
                for record in self._records(stack):
                    number = record.number
                    if isinstance(record, BadRecord):
                        yield self._bad(record)
                    elif (file := self._file(record)) is not None:
                        yield file
        except InputError as error:
            yield Quarantined(self._name, NO_LAYOUT, str(error))
        except _DAMAGE as error:
            reason = error.reason if isinstance(error, Damaged) else "corrupt"
            offset = error.offset if isinstance(error, Damaged) else None
            problem = f"from row {number} on: {error}"
            yield Quarantined(f"{self._name}:{number}", reason, storable(problem), offset)

    def _records(self, stack: ExitStack) -> Iterator[Record | BadRecord]:
        columns, records = self._open(stack)
        if not columns.joined:
            yield from records
            return
        if not self._options.bigquery_files:
            raise InputError(
                f"this is {columns.layout}, which does not say where its files are from; name the "
                "tables `files` in `github.bigquery_files`, or its contents in `github.columns`"
            )
        ids = {str(one.fields.get("id")) for one in records if isinstance(one, Record)}
        places = places_of(ids, self._options.bigquery_files)
        _, records = self._open(stack)
        yield from (_joined(record, places) for record in records)

    def _open(self, stack: ExitStack) -> tuple[Columns, Iterator[Record | BadRecord]]:
        assert self._source.open is not None
        stream = stack.enter_context(self._source.open())
        max_bytes = self._options.max_file_bytes
        if self._source.name.lower().endswith(_PARQUET):
            file = _seekable(self._source, stream, stack)
            metadata = pq.read_metadata(file)
            names = [leaf.name for leaf in leaves_of(metadata)]
            columns = recognise(names, self._options.columns)
            _require_once(names, columns)
            return columns, read_records(file, metadata, columns.names, max_bytes)
        table = JsonLines(stream)
        problem = table.first_problem
        if not table.columns and problem is not None:
            return Columns("", {}), iter((problem,))
        columns = recognise(table.columns, self._options.columns)
        return columns, table.records(columns.names, max_bytes)

    def _bad(self, record: BadRecord) -> Quarantined:
        origin = f"{self._name}:{record.number}"
        return Quarantined(origin, record.reason, storable(record.error), None, record.head)

    def _file(self, record: Record) -> RawFile | Quarantined | None:
        place = f"{self._name}:{record.place}"
        try:
            return self._described_file(record, place)
        except WrongField as error:
            return Quarantined(place, "wrong_field", storable(str(error)))

    def _described_file(self, record: Record, place: str) -> RawFile | None:
        known = self._with_metadata(describe(record.fields), self._metadata)
        path = None if known.path is None else clean_path(known.path)
        origin = place
        if known.repo and known.revision and path:
            origin = f"{known.repo}@{known.revision}:{path}"
        reason = self._reason_to_skip(known, path, origin)
        if reason is None:
            contents = record.read()
            if isinstance(contents, bytes):
                return self._raw(record, known, path, origin, contents)
            reason = contents
        self.skipped[reason] += 1
        return None

    def _with_metadata(self, known: Described, given: Metadata) -> Described:
        """What `github.metadata` says of the table holds where the table is silent."""
        if given == _NOTHING:
            return known
        return replace(
            known,
            repo=known.repo or given.repo,
            revision=known.revision or given.revision,
            created_at=known.created_at or given.created_at,
            stars=given.stars if known.stars is None else known.stars,
            license=known.license or given.license,
        )

    def _reason_to_skip(self, known: Described, path: str | None, origin: str) -> str | None:
        wanted = self._selection
        reason = (
            wanted.refuses(known.repo)
            or wanted.refuses_creation(known.created_at)
            or wanted.refuses_license(known.license)
        )
        if reason is not None:
            return reason
        if known.is_binary:
            return "binary"
        if known.path is not None and path is None:
            return "unsafe_path"
        if known.size is not None and known.size > self._options.max_file_bytes:
            return "too_large"
        return None if self._seen.add(origin) else "repeated_path"

    def _raw(
        self, record: Record, known: Described, path: str | None, origin: str, contents: bytes
    ) -> RawFile:
        extension = str(record.fields.get("extension") or "").removeprefix(".")
        suffix = f".{extension}" if _EXTENSION.fullmatch(extension) else ""
        facts = Facts(
            known.repo or f"local/{self._stem}-{record.place}",
            known.revision or xxhash.xxh3_128_hexdigest(contents),
            known.created_at,
            known.stars,
            known.license,
            known.is_vendor,
        )
        self.goes_by_name |= origin.startswith(f"{self._name}:")
        return RawFile(origin, path or f"{record.place}{suffix}", None, contents, facts)


class _Seen:
    """Identities that were there before, in 16 to 32 bytes each."""

    def __init__(self) -> None:
        self._table = array("Q", bytes(8 << 10))
        self._n_keys = 0

    def add(self, name: str) -> bool:
        """Whether the name is new."""
        key = xxhash.xxh3_64_intdigest(name.encode()) or 1
        if not self._insert(self._table, key):
            return False
        self._n_keys += 1
        if 2 * self._n_keys > len(self._table):
            larger = array("Q", bytes(16 * len(self._table)))
            for old in self._table:
                if old:
                    self._insert(larger, old)
            self._table = larger
        return True

    @staticmethod
    def _insert(table: "array[int]", key: int) -> bool:
        mask = len(table) - 1
        place = key & mask
        while table[place]:
            if table[place] == key:
                return False
            place = (place + 1) & mask
        table[place] = key
        return True


def _joined(record: Record | BadRecord, places: Places) -> Record | BadRecord:
    """The record with what BigQuery's `files` say of its contents."""
    if isinstance(record, BadRecord):
        return record
    found: Any = places.get(str(record.fields.get("id")), {})
    return replace(record, fields={**record.fields, **found})


def _require_once(names: list[str], columns: Columns) -> None:
    for name in columns.names.values():
        if names.count(name) > 1:
            raise InputError(f"two columns are called {name!r}; rename or remove one")


def _seekable(source: Input, stream: BinaryIO, stack: ExitStack) -> Any:
    """The stream, or a copy of what does not lie on this machine."""
    if stream.seekable() and "://" not in source.uri:
        return stream
    copy = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
    while data := stream.read(_COPY_BYTES):
        copy.write(data)
    copy.seek(0)
    return copy


def _stem(name: str) -> str:
    end = next((end for end in TABLES if name.lower().endswith(end)), "")
    stem = _NAME.sub("-", stem_of(name[: len(name) - len(end)])).strip("-.")
    return stem[:100] or "table"
