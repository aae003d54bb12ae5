"""The web source: WARC files and lists of pages become documents.

`read` cuts the input into raw records: for a WARC the responses with status 200, for JSON Lines
and Parquet the rows. `convert` decodes, extracts and describes each. Which it is follows from the
input's name: `.parquet`; `.jsonl`, `.json`, `.ndjson` with or without `.gz`, `.zst`; all else is
WARC or ARC, which and how compressed its bytes tell.

Passed over, by reason: `http_status` (neither 200 nor 3xx), `redirect`, `not_html`, `empty_body`,
`no_url` (none that a page can have), `too_large`, `empty_text`. Records that are no HTTP responses
(warcinfo, request, metadata, resource, revisit, dns) are not pages and are not counted at all.

Rows: `warc` is the file's base name, `warc_offset` the row number, `warc_length` the bytes of the
line (of the page, in Parquet), `crawled_at` null.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from schemas.documents import WEB_DOCUMENTS
from schemas.identity import doc_id
from stages.contract import SKIPPED, Input, Options, Skipped, SourceEvent
from stages.errors import InputError
from stages.kernels.urls import normalize_url, registrable_domain, url_host
from stages.web.decoding.charset import is_utf8, utf8_page
from stages.web.decoding.sniff import (
    XHTML_TYPES,
    XML_TYPES,
    looks_like_html,
    parses_as_xml,
    sniffed_type,
)
from stages.web.extract import LIBRARIES, TABLES, Extracted, extract_utf8
from stages.web.formulas import drop_formulas
from stages.web.markup import measure_markup
from stages.web.natural_language import natural_language
from stages.web.options import WebOptions
from stages.web.reading.http import (
    PayloadTooLargeError,
    decode_payload,
    parse_response,
)
from stages.web.reading.members import GZIP_MAGIC
from stages.web.reading.records import HTML, RAW_SCHEMA, TEXT, read_batches

MAX_HOST_CHARACTERS = 253

_HTML_TYPES = XHTML_TYPES | {"text/html"}
_UNKNOWN_TYPES = frozenset({"", "unk", "unknown", "unknown/unknown", "*/*", "application/unknown"})
_OUT = pa.schema([*(field.with_nullable(True) for field in WEB_DOCUMENTS), (SKIPPED, pa.string())])


@dataclass(frozen=True)
class _Decoded:
    """A page in UTF-8, the charset that its header declares, and whether the header declares it
    XHTML (or XML, and it is XHTML), which browsers parse as XML; a guess at the type does not."""

    html: bytes
    charset: str | None
    is_xhtml: bool


class WebSource:
    """Reads crawled pages; see the module."""

    name: ClassVar[str] = "documents"
    version: ClassVar[int] = 12
    libraries: ClassVar[tuple[str, ...]] = (*LIBRARIES, "publicsuffixlist", "idna", "warcio")
    tables: ClassVar[tuple[str, ...]] = ("url_parameters.toml", *TABLES)
    Options: ClassVar[type[Options]] = WebOptions
    raw_schema: ClassVar[pa.Schema] = RAW_SCHEMA
    schema: ClassVar[pa.Schema] = WEB_DOCUMENTS

    def __init__(self, options: WebOptions) -> None:
        self._max_bytes = options.max_record_bytes

    def read(self, source: Input) -> Iterator[SourceEvent]:
        """Raw records in order, in batches of bounded size, and what is not one."""
        if source.open is None:
            raise InputError(f"{source.uri}: a crawl is a file, this is a folder")
        with source.open() as stream:
            yield from read_batches(source.name, stream, self._max_bytes)

    def convert(self, raw: pa.RecordBatch) -> pa.RecordBatch:
        """A document, or the reason why it is none, for each raw record."""
        rows = [self._convert_one(record) for record in raw.to_pylist()]
        columns = [pa.array([row.get(field.name) for row in rows], field.type) for field in _OUT]
        return pa.RecordBatch.from_arrays(columns, schema=_OUT)

    def _convert_one(self, record: dict[str, Any]) -> dict[str, Any]:
        body: bytes = record["body"]
        url = normalize_url(record["url"])
        host = url_host(url)
        if not 0 < len(host) <= MAX_HOST_CHARACTERS:
            return {SKIPPED: "no_url"}
        charset: str | None = None
        is_xhtml = False
        if record["form"] == TEXT:
            page = _as_written(body.decode("utf-8", "replace"))
        else:
            if record["form"] == HTML:
                html = body if is_utf8(body) else body.decode("utf-8", "replace").encode()
            else:
                decoded = self._decode(body, record["identified_type"])
                if isinstance(decoded, Skipped):
                    return {SKIPPED: decoded.reason}
                html, charset, is_xhtml = decoded.html, decoded.charset, decoded.is_xhtml
            page = extract_utf8(html, xml=is_xhtml)
        if not page.text.strip():
            return {SKIPPED: "empty_text"}
        markup = measure_markup(page.text)
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
            "truncated": record["truncated"],
            "code_languages": page.code_languages,
            "n_code_bytes": markup.n_code_bytes,
            "n_code_spans": markup.n_code_spans,
            "n_expressions": markup.n_expressions,
        }

    def _decode(self, block: bytes, identified: str | None) -> _Decoded | Skipped:
        """The page that a response holds, or why it holds none."""
        response = parse_response(block)
        if response is None:
            return Skipped("no_http_header")
        try:
            payload = decode_payload(
                block[response.payload_start :], response.encodings, self._max_bytes
            )
            if response.mime in _HTML_TYPES | XML_TYPES and payload.startswith(GZIP_MAGIC):
                # Compressed twice, or without a word of it.
                payload = decode_payload(payload, ("gzip",), self._max_bytes)
        except PayloadTooLargeError:
            return Skipped("too_large")
        if not payload.strip():
            return Skipped("empty_body")
        mime = response.mime
        if mime in _UNKNOWN_TYPES:
            mime = (identified or "").partition(";")[0].strip().lower()
        if mime in _UNKNOWN_TYPES:
            mime = "text/html" if looks_like_html(payload) else ""
        declared = sniffed_type(payload) if response.mime in _UNKNOWN_TYPES else response.mime
        is_xhtml = parses_as_xml(declared, payload)
        if not (is_xhtml or mime in _HTML_TYPES) or not looks_like_html(payload, declared=True):
            return Skipped("not_html")
        html = utf8_page(payload, response.charset)
        return _Decoded(html, response.charset, is_xhtml=is_xhtml)


def _as_written(text: str) -> Extracted:
    words, n_formulas = drop_formulas(text)
    return Extracted(text, None, 0, n_formulas, natural_language(words))
