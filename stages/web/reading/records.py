"""Raw records of an input: what may be a page, and what becomes of everything else.

For a WARC these are the responses with status 200, for JSON Lines and Parquet the rows. A fault
costs its record, or the rest of its input: after `MAX_FAULTS` the rest is one.

Memory: a batch holds 16 MiB, a record that is still compressed counting as the most it may become;
whatever else a record brings is bounded.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, BinaryIO
from urllib.parse import quote

import pyarrow as pa

from stages.contract import Quarantined, Skipped, SourceEvent
from stages.web.reading.home import home_of
from stages.web.reading.http import parse_response
from stages.web.reading.members import GZIP_MAGIC
from stages.web.reading.rows import BadRow, LargeRow, Row, read_json_lines, read_parquet
from stages.web.reading.warc import Damage, Oversized, Record, read_warc

RESPONSE, HTML, TEXT = "response", "html", "text"
RAW_SCHEMA = pa.schema(
    [
        pa.field("origin", pa.string(), nullable=False),
        pa.field("offset", pa.int64()),
        pa.field("form", pa.string(), nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("crawled_at", pa.timestamp("us", "UTC")),
        pa.field("identified_type", pa.string()),
        pa.field("truncated", pa.bool_()),
        pa.field("body", pa.large_binary(), nullable=False),
        pa.field("warc", pa.string(), nullable=False),
        pa.field("warc_offset", pa.int64(), nullable=False),
        pa.field("warc_length", pa.int64(), nullable=False),
    ]
)

MAX_URL_CHARACTERS = 4096
CUT_LENGTHS = frozenset({500 << 10, 1 << 20, 5 << 20})
"""Where Common Crawl cut pages until 2012, until 2024, and since; its records said so from 2019 on
only. A page of exactly this length was cut."""
MAX_FAULTS = 100_000
"""Quarantined records of one input, …"""
MAX_FAULT_HEADS = 1_000
"""… and those of them whose first bytes are kept."""

_BATCH_ROWS = 64
_BATCH_BYTES = 16 << 20
_MAX_TYPE_CHARACTERS = 256
_JSON_LINES = (".jsonl", ".ndjson", ".json")

RawEvent = dict[str, Any] | Skipped | Quarantined


def read_batches(name: str, stream: BinaryIO, max_bytes: int) -> Iterator[SourceEvent]:
    """Raw records gathered into batches, other events as they come, in order. `name` is the
    input's base name."""
    name = name.encode("utf-8", "backslashreplace").decode()
    held: list[dict[str, Any]] = []
    n_bytes = 0
    for event in _few_faults(name, _events(name, stream, max_bytes)):
        if not isinstance(event, dict):
            yield event
            continue
        size = max_bytes if event.pop("is_coded", False) else len(event["body"])
        if held and (len(held) == _BATCH_ROWS or n_bytes + size > _BATCH_BYTES):
            yield pa.RecordBatch.from_pylist(held, schema=RAW_SCHEMA)
            held, n_bytes = [], 0
        held.append(event)
        n_bytes += size
    if held:
        yield pa.RecordBatch.from_pylist(held, schema=RAW_SCHEMA)


def _few_faults(name: str, events: Iterator[RawEvent]) -> Iterator[RawEvent]:
    n_faults = 0
    for event in events:
        if not isinstance(event, Quarantined):
            yield event
            continue
        n_faults += 1
        if n_faults > MAX_FAULTS:
            problem = f"{MAX_FAULTS} records could not be read; this is the rest of the input"
            yield replace(event, origin=f"{name}:rest", reason="too_many", error=problem)
            return
        yield event if n_faults <= MAX_FAULT_HEADS else replace(event, head=b"")


def _events(name: str, stream: BinaryIO, max_bytes: int) -> Iterator[RawEvent]:
    stem = name.lower().removesuffix(".gz").removesuffix(".zst")
    if stem.endswith(".parquet"):
        yield from _row_events(name, read_parquet(stream, max_bytes))
    elif stem.endswith(_JSON_LINES):
        yield from _row_events(name, read_json_lines(stream, max_bytes))
    else:
        yield from _warc_events(name, stream, max_bytes)


def _warc_events(name: str, stream: BinaryIO, max_bytes: int) -> Iterator[RawEvent]:
    for record in read_warc(stream, max_bytes):
        if isinstance(record, Damage):
            origin = f"{name}:{record.offset}"
            yield Quarantined(origin, record.reason, record.error, record.offset, record.head)
        elif isinstance(record, Oversized):
            if record.headers.get("warc-type", "response").lower() == "response":
                yield Skipped("too_large")
        elif record.headers.get("warc-type", "").lower() == "response":
            event = _response_event(name, record)
            if event is not None:
                yield event


def _response_event(name: str, record: Record) -> dict[str, Any] | Skipped | None:
    response = parse_response(record.block)
    if response is None:
        is_http = record.headers.get("content-type", "application/http").startswith(
            "application/http"
        )
        return Skipped("no_http_header") if is_http else None
    if response.status != 200:
        return Skipped("redirect" if 300 <= response.status < 400 else "http_status")
    if response.payload_start == len(record.block):
        return Skipped("empty_body")
    url = record.headers.get("warc-target-uri", "").strip("<>")
    if len(url) > MAX_URL_CHARACTERS:
        return Skipped("no_url")
    home = home_of(name, record)
    return {
        "origin": home.origin,
        "offset": home.offset,
        "form": RESPONSE,
        "url": url,
        "crawled_at": _parse_date(record.headers.get("warc-date", "")),
        "identified_type": record.headers.get("warc-identified-payload-type", "")[
            :_MAX_TYPE_CHARACTERS
        ],
        "truncated": _is_truncated(record, len(record.block) - response.payload_start),
        "is_coded": bool(response.encodings)
        or record.block.startswith(GZIP_MAGIC, response.payload_start),
        "body": record.block,
        "warc": home.warc,
        "warc_offset": home.offset,
        "warc_length": home.length,
    }


def _is_truncated(record: Record, payload_bytes: int) -> bool:
    """By the record's own word (WARC 1.1, section 5.13: `length`, `time`, …), or by its length."""
    return bool(record.headers.get("warc-truncated")) or payload_bytes in CUT_LENGTHS


def _row_events(name: str, rows: Iterator[Row | BadRow | LargeRow]) -> Iterator[RawEvent]:
    for row in rows:
        if isinstance(row, LargeRow):
            yield Skipped("too_large")
        elif isinstance(row, BadRow):
            yield Quarantined(f"{name}:{row.number}", row.reason, row.error, row.number, row.head)
        elif len(url := _row_url(name, row)) > MAX_URL_CHARACTERS:
            yield Skipped("no_url")
        else:
            yield {
                "origin": f"{name}:{row.number}",
                "offset": row.number,
                "form": HTML if row.is_html else TEXT,
                "url": url,
                "body": row.body,
                "warc": name,
                "warc_offset": row.number,
                "warc_length": row.length,
            }


def _row_url(name: str, row: Row) -> str:
    return row.url if row.url is not None else f"row://{quote(name)}/{row.number}"


def _parse_date(date: str) -> datetime | None:
    """A WARC-Date (W3C profile of ISO 8601); null if it is none."""
    try:
        parsed = datetime.fromisoformat(date)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):  # no date, or none that UTC has
        return None
