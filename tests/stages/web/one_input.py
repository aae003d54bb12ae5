"""One page as a crawl holds it, and what the web source makes of one input."""

import gzip
import io
from typing import Any

import pyarrow as pa

from schemas.documents import WEB_DOCUMENTS
from stages.contract import SKIPPED, Input, Skipped
from stages.web.options import WebOptions
from stages.web.stage import WebSource

PROSE = "<p>" + "A sentence that makes this the main content of the page. " * 8 + "</p>"
HTML = f"<html><head><title>T</title></head><body>{PROSE}<pre>x = 1</pre></body></html>".encode()


def member(block: bytes, *headers: str, kind: str = "response") -> bytes:
    lines = [
        "WARC/1.0",
        f"WARC-Type: {kind}",
        "WARC-Date: 2024-05-18T01:02:03Z",
        f"Content-Length: {len(block)}",
        *(headers or ["WARC-Target-URI: http://www.Example.org/a?utm_source=x#y"]),
    ]
    return gzip.compress("\r\n".join(lines).encode() + b"\r\n\r\n" + block + b"\r\n\r\n")


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode() + body


def run(name: str, data: bytes, **options: Any) -> tuple[list[dict[str, Any]], list[Any]]:
    """Documents, and everything else: skips by reason, quarantined records."""
    source = WebSource(WebOptions(**options))
    documents, others = [], []
    for event in source.read(Input(name, name, open=lambda: io.BytesIO(data))):
        if not isinstance(event, pa.RecordBatch):
            others.append(event.reason if isinstance(event, Skipped) else event)
            continue
        assert event.schema == source.raw_schema
        converted = source.convert(event)
        assert converted.num_rows == event.num_rows
        for row in converted.to_pylist():
            reason = row.pop(SKIPPED)
            others += [reason] if reason else []
            documents += [] if reason else [row]
    pa.Table.from_pylist(documents, schema=WEB_DOCUMENTS).validate(full=True)
    return documents, others
