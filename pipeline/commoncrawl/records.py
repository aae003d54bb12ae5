"""Records of a crawl as WARC files of one's own, which say where they come from.

A record keeps its bytes but for two lines in its header, `WARC-Source-URI` and `WARC-Source-Range`,
that name the crawl's file and the record's place in it. The web source goes by them, so a page has
the `doc_id`, `warc`, `warc_offset` and `warc_length` that it has in the crawl.

Files are cut by the stored size of their records, so the selection alone says what is in each:
one that is there is complete, and an interrupted fetch goes on with the next. Neighbouring records
are fetched in one request. Memory: ranges of at most 8 MiB, four for each connection.
"""

import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from pipeline.commoncrawl.selection import Query
from pipeline.storage.commoncrawl.access import HTTPS
from pipeline.storage.commoncrawl.bucket import Bucket
from pipeline.storage.politeness.turns import in_turn, workers
from pipeline.storage.progress import Progress
from pipeline.storage.replace import replacing
from stages.errors import InputError

GAP_BYTES = 1 << 18
"""Records so near to each other are fetched together: a request costs more than that."""
RANGE_BYTES = 8 << 20
"""Where a request may grow no more; a single record may be larger."""
MAX_RECORD_BYTES = 64 << 20
"""Decoded. Common Crawl cuts pages at 5 MiB."""
SHORTEST_RECORD_BYTES = 18
"""An empty gzip member has two bytes more."""


@dataclass(frozen=True)
class Place:
    """Where a record lies."""

    key: str
    start: int
    end: int
    url: str


@dataclass(frozen=True)
class Range:
    """Neighbouring records of one file."""

    places: tuple[Place, ...]

    @property
    def start(self) -> int:
        return self.places[0].start

    @property
    def end(self) -> int:
        return max(place.end for place in self.places)


@dataclass(frozen=True)
class Cost:
    """What a selection would take."""

    records: int
    record_bytes: int
    fetched_bytes: int
    requests: int
    files: int


@dataclass
class Fetched:
    """What was done."""

    files: int = 0
    records: int = 0
    problems: int = 0


def places_of(table: pa.Table) -> list[Place]:
    """The selected records, in order."""
    return [
        Place(key, offset, offset + length, url or "")
        for key, offset, length, url in zip(
            *(column.to_pylist() for column in table.columns), strict=True
        )
        if offset >= 0 and length >= SHORTEST_RECORD_BYTES
    ]


def cut(places: Sequence[Place], file_bytes: int) -> list[list[Place]]:
    """The records of each file to be written."""
    files: list[list[Place]] = []
    filled = file_bytes
    for place in places:
        if filled >= file_bytes:
            files.append([])
            filled = 0
        files[-1].append(place)
        filled += place.end - place.start
    return files


def coalesce(places: Sequence[Place]) -> list[Range]:
    """Neighbours in one request."""
    ranges: list[list[Place]] = []
    end = 0
    for place in places:
        last = ranges[-1] if ranges else []
        is_near = last and last[-1].key == place.key and place.start - end <= GAP_BYTES
        if is_near and place.end - last[0].start <= RANGE_BYTES:
            last.append(place)
            end = max(end, place.end)
        else:
            ranges.append([place])
            end = place.end
    return [Range(tuple(one)) for one in ranges]


def cost(files: Sequence[Sequence[Place]]) -> Cost:
    """What fetching these files takes."""
    ranges = [one for places in files for one in coalesce(places)]
    return Cost(
        records=sum(map(len, files)),
        record_bytes=sum(place.end - place.start for places in files for place in places),
        fetched_bytes=sum(one.end - one.start for one in ranges),
        requests=len(ranges),
        files=len(files),
    )


def fetch(
    query: Query,
    files: Sequence[Sequence[Place]],
    folder: Path,
    bucket: Bucket,
    connections: int,
    progress: Progress,
) -> Fetched:
    """Write the files that are not there yet."""
    done = Fetched()
    total = sum(map(len, files))
    with workers(connections, bucket.stop) as pool:
        for number, places in enumerate(files):
            path = folder / f"{query.crawl}-{query.digest}-{number:05d}.warc.gz"
            problems_path = path.with_name(path.name.replace(".warc.gz", ".problems.jsonl"))
            if path.exists():
                done.files += 1
                done.records += len(places)
                done.problems += _count_lines(problems_path)
                progress("records", done.records, total)
                continue
            problems: list[dict[str, str | int]] = []
            with replacing(path) as stream:
                fetched = in_turn(
                    pool, lambda one: _records(one, bucket), coalesce(places), 4 * connections
                )
                for answers in fetched:
                    for place, member in answers:
                        if isinstance(member, bytes):
                            stream.write(member)
                        else:
                            problems.append(
                                {"warc": place.key, "offset": place.start, "error": str(member)}
                            )
                    done.records += len(answers)
                    progress("records", done.records, total)
                if problems:
                    with replacing(problems_path) as told:
                        told.writelines(json.dumps(one).encode() + b"\n" for one in problems)
            done.files += 1
            done.problems += len(problems)
    done.records -= done.problems
    return done


def _count_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _records(one: Range, bucket: Bucket) -> list[tuple[Place, bytes | InputError]]:
    """Each record of a range as a member of its own, or why there is none."""
    key = one.places[0].key
    try:
        data = bucket.read(key, one.start, one.end)
    except FileNotFoundError:
        return [(place, InputError("there is no such file")) for place in one.places]
    return list(_members(one, data))


def _members(one: Range, data: bytes) -> Iterator[tuple[Place, bytes | InputError]]:
    for place in one.places:
        stored = data[place.start - one.start : place.end - one.start]
        try:
            yield place, with_source(stored, place)
        except InputError as error:
            yield place, error


def with_source(stored: bytes, place: Place) -> bytes:
    """A stored record with the two lines that say where it was stored; InputError if it is none."""
    decoder = zlib.decompressobj(31)
    try:
        record = decoder.decompress(stored, MAX_RECORD_BYTES)
    except zlib.error as error:
        raise InputError(f"no gzip member: {error}") from error
    if not decoder.eof:
        raise InputError("the record ends too early, or is too large")
    record = record.lstrip(b"\r\n")  # some crawls have a line end too many
    end = record.find(b"\r\n\r\n")
    if not record.startswith(b"WARC/") or end < 0:
        raise InputError("no WARC record")
    source = (
        f"\r\nWARC-Source-URI: {HTTPS}/{place.key}"
        f"\r\nWARC-Source-Range: bytes={place.start}-{place.end - 1}"
    ).encode()
    encoder = zlib.compressobj(6, zlib.DEFLATED, 31)
    return encoder.compress(record[:end] + source + record[end:]) + encoder.flush()
