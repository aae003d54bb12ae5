"""The web source: WARC files and lists of pages become documents.

`read` cuts the input into raw records: for a WARC the responses with status 200, for JSON Lines
and Parquet the rows. `convert` decodes, extracts and describes each. Which it is follows from the
input's name: `.parquet`; `.jsonl`, `.json`, `.ndjson` with or without `.gz`, `.zst`; all else is
WARC, its compression told by its first bytes.

Passed over, by reason: `http_status` (neither 200 nor 3xx), `redirect`, `not_html`, `empty_body`,
`no_url`, `too_large`, `empty_text`. Records that are no HTTP responses (warcinfo, request,
metadata, resource, revisit, dns) are not pages and are not counted at all.

Rows: `warc` is the file's base name, `warc_offset` the row number, `warc_length` the bytes of the
line (of the page, in Parquet), `crawled_at` null.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO, ClassVar
from urllib.parse import quote

import pyarrow as pa

from schemas.documents import WEB_DOCUMENTS
from schemas.identity import doc_id
from stages.contract import SKIPPED, Input, Options, Quarantined, Skipped, SourceEvent
from stages.errors import InputError
from stages.kernels.urls import normalize_url, registrable_domain, url_host
from stages.web.charset import decode_page
from stages.web.extract import Extracted, extract
from stages.web.formulas import count_formulas
from stages.web.http import PayloadTooLargeError, decode_payload, parse_response
from stages.web.natural_language import natural_language
from stages.web.options import WebOptions
from stages.web.rows import BadRow, LargeRow, Row, read_json_lines, read_parquet
from stages.web.sniff import looks_like_html
from stages.web.warc import Damage, Oversized, Record, read_warc

RESPONSE, HTML, TEXT = "response", "html", "text"

_BATCH_ROWS = 64
_BATCH_BYTES = 16 << 20
_JSON_LINES = (".jsonl", ".ndjson", ".json")
_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"})
_UNKNOWN_TYPES = frozenset({"", "unk", "unknown", "unknown/unknown", "*/*", "application/unknown"})
_OUT = pa.schema([*(field.with_nullable(True) for field in WEB_DOCUMENTS), (SKIPPED, pa.string())])


class WebSource:
    """Reads crawled pages; see the module."""

    name: ClassVar[str] = "documents"
    version: ClassVar[int] = 2
    libraries: ClassVar[tuple[str, ...]] = (
        "resiliparse",
        "selectolax",
        "publicsuffixlist",
        "idna",
    )
    tables: ClassVar[tuple[str, ...]] = ("url_parameters.toml",)
    Options: ClassVar[type[Options]] = WebOptions
    raw_schema: ClassVar[pa.Schema] = pa.schema(
        [
            pa.field("origin", pa.string(), nullable=False),
            pa.field("offset", pa.int64()),
            pa.field("form", pa.string(), nullable=False),
            pa.field("url", pa.string(), nullable=False),
            pa.field("crawled_at", pa.timestamp("us", "UTC")),
            pa.field("identified_type", pa.string()),
            pa.field("body", pa.large_binary(), nullable=False),
            pa.field("warc", pa.string(), nullable=False),
            pa.field("warc_offset", pa.int64(), nullable=False),
            pa.field("warc_length", pa.int64(), nullable=False),
        ]
    )
    schema: ClassVar[pa.Schema] = WEB_DOCUMENTS

    def __init__(self, options: WebOptions) -> None:
        self._max_bytes = options.max_record_bytes

    def read(self, source: Input) -> Iterator[SourceEvent]:
        """Raw records in order, in batches of bounded size, and what is not one."""
        if source.open is None:
            raise InputError(f"{source.uri}: a crawl is a file, this is a folder")
        with source.open() as stream:
            yield from _batches(self._events(source.name, stream))

    def convert(self, raw: pa.RecordBatch) -> pa.RecordBatch:
        """A document, or the reason why it is none, for each raw record."""
        rows = [self._convert_one(record) for record in raw.to_pylist()]
        columns = [pa.array([row.get(field.name) for row in rows], field.type) for field in _OUT]
        return pa.RecordBatch.from_arrays(columns, schema=_OUT)

    def _events(
        self, name: str, stream: BinaryIO
    ) -> Iterator[dict[str, Any] | Skipped | Quarantined]:
        stem = name.lower().removesuffix(".gz").removesuffix(".zst")
        if stem.endswith(".parquet"):
            yield from _row_events(name, read_parquet(stream, self._max_bytes))
        elif stem.endswith(_JSON_LINES):
            yield from _row_events(name, read_json_lines(stream, self._max_bytes))
        else:
            yield from _warc_events(name, stream, self._max_bytes)

    def _convert_one(self, record: dict[str, Any]) -> dict[str, Any]:
        body: bytes = record["body"]
        url = normalize_url(record["url"])
        host = url_host(url)
        if not host:
            return {SKIPPED: "no_url"}
        charset: str | None = None
        if record["form"] == TEXT:
            page = _as_written(body.decode("utf-8", "replace"))
        else:
            if record["form"] == HTML:
                html = body.decode("utf-8", "replace")
            else:
                decoded = self._decode(body, record["identified_type"])
                if isinstance(decoded, Skipped):
                    return {SKIPPED: decoded.reason}
                html, charset = decoded
            page = extract(html, url)
        if not page.text.strip():
            return {SKIPPED: "empty_text"}
        return {
            "doc_id": doc_id(record["origin"]),
            "uri": url,
            "kind": "page",
            "text": page.text,
            "n_bytes": len(page.text.encode()),
            "url": url,
            "host": host,
            "domain": registrable_domain(host),
            "title": page.title,
            "natural_language": page.natural_language,
            "crawled_at": record["crawled_at"],
            "http_charset": charset,
            "n_code_blocks": page.n_code_blocks,
            "n_formulas": page.n_formulas,
            "warc": record["warc"],
            "warc_offset": record["warc_offset"],
            "warc_length": record["warc_length"],
        }

    def _decode(self, block: bytes, identified: str | None) -> tuple[str, str | None] | Skipped:
        """The HTML of a response and the charset its header declares."""
        response = parse_response(block)
        if response is None:
            return Skipped("no_http_header")
        try:
            payload = decode_payload(
                block[response.payload_start :], response.encodings, self._max_bytes
            )
        except PayloadTooLargeError:
            return Skipped("too_large")
        if not payload.strip():
            return Skipped("empty_body")
        mime = response.mime
        if mime in _UNKNOWN_TYPES:
            mime = (identified or "").partition(";")[0].strip().lower()
        if mime in _UNKNOWN_TYPES:
            mime = "text/html" if looks_like_html(payload) else ""
        if mime not in _HTML_TYPES or not looks_like_html(payload, declared=True):
            return Skipped("not_html")
        return decode_page(payload, response.charset), response.charset


def _warc_events(
    name: str, stream: BinaryIO, max_bytes: int
) -> Iterator[dict[str, Any] | Skipped | Quarantined]:
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
    place = f"{record.offset}+{record.position}" if record.is_inner else f"{record.offset}"
    return {
        "origin": f"{name}:{place}",
        "offset": record.offset,
        "form": RESPONSE,
        "url": record.headers.get("warc-target-uri", "").strip("<>"),
        "crawled_at": _parse_date(record.headers.get("warc-date", "")),
        "identified_type": record.headers.get("warc-identified-payload-type"),
        "body": record.block,
        "warc": name,
        "warc_offset": record.offset,
        "warc_length": record.length,
    }


def _row_events(
    name: str, rows: Iterator[Row | BadRow | LargeRow]
) -> Iterator[dict[str, Any] | Skipped | Quarantined]:
    for row in rows:
        if isinstance(row, LargeRow):
            yield Skipped("too_large")
        elif isinstance(row, BadRow):
            yield Quarantined(f"{name}:{row.number}", row.reason, row.error, row.number, row.head)
        else:
            yield {
                "origin": f"{name}:{row.number}",
                "offset": row.number,
                "form": HTML if row.is_html else TEXT,
                "url": _row_url(name, row),
                "body": row.body,
                "warc": name,
                "warc_offset": row.number,
                "warc_length": row.length,
            }


def _row_url(name: str, row: Row) -> str:
    return row.url if row.url is not None else f"row://{quote(name)}/{row.number}"


def _batches(events: Iterator[dict[str, Any] | Skipped | Quarantined]) -> Iterator[SourceEvent]:
    """Raw records gathered into batches, other events as they come, in order."""
    held: list[dict[str, Any]] = []
    n_bytes = 0
    for event in events:
        if not isinstance(event, dict):
            yield event
            continue
        size = len(event["body"])
        if held and (len(held) == _BATCH_ROWS or n_bytes + size > _BATCH_BYTES):
            yield pa.RecordBatch.from_pylist(held, schema=WebSource.raw_schema)
            held, n_bytes = [], 0
        held.append(event)
        n_bytes += size
    if held:
        yield pa.RecordBatch.from_pylist(held, schema=WebSource.raw_schema)


def _as_written(text: str) -> Extracted:
    return Extracted(text, None, 0, count_formulas(text), natural_language(text))


def _parse_date(date: str) -> datetime | None:
    """A WARC-Date (W3C profile of ISO 8601); null if it is none."""
    try:
        parsed = datetime.fromisoformat(date)
    except ValueError:
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
