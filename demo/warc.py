"""WARC files laid out as Common Crawl's: warcinfo, then request, response and metadata for each
capture, one gzip member a record. Record ids are hashes of what they name, dates come with the
captures and gzip carries no time, so the same captures make the same bytes.
"""

from datetime import datetime
from io import BytesIO
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import xxhash
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from demo.captures import FIRST, Capture

SOFTWARE = "Sluice"
PART_OF = "CC-MAIN-DEMO"
AGENT = "sluice/1.0 (embedded demo crawl)"


class CrawlWriter:
    """Writes captures to one `.warc.gz`."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._writer = WARCWriter(stream, gzip=True)
        self._info = _record_id("warcinfo", name, b"")
        fields = {
            "software": SOFTWARE,
            "isPartOf": PART_OF,
            "description": "Documentation pages made from installed packages",
            "format": "WARC File Format 1.0",
            "conformsTo": "http://bibnum.bnf.fr/WARC/WARC_ISO_28500_version1_latestdraft.pdf",
        }
        payload = "".join(f"{key}: {value}\r\n" for key, value in fields.items()).encode()
        headers = {"WARC-Filename": name, "Content-Type": "application/warc-fields"}
        self._write("warcinfo", None, self._info, FIRST, payload, None, headers)

    def write(self, capture: Capture, body: bytes) -> None:
        """Append the request, the response and the metadata of a capture."""
        parts = urlsplit(capture.url)
        key = f"{capture.url}#{capture.number}"
        ids = {kind: _record_id(kind, key, body) for kind in ("request", "response", "metadata")}
        linked = {"WARC-Warcinfo-ID": self._info, "WARC-IP-Address": "192.0.2.1"}
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        request = StatusAndHeaders(
            f"GET {target or '/'} HTTP/1.1",
            [
                ("User-Agent", AGENT),
                ("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.5"),
                ("Accept-Language", "en-US,en;q=0.5"),
                ("Accept-Encoding", "identity"),
                ("Host", parts.netloc),
                ("Connection", "Keep-Alive"),
            ],
            is_http_request=True,
        )
        self._write("request", capture.url, ids["request"], capture.date, b"", request, linked)
        fields = [
            ("Date", capture.date.strftime("%a, %d %b %Y %H:%M:%S GMT")),
            ("Content-Type", capture.content_type),
            ("Content-Length", str(len(body))),
            ("Server", "nginx"),
        ]
        fields += [("Location", capture.location)] if capture.location else []
        response = StatusAndHeaders(capture.status, fields, protocol="HTTP/1.1")
        linked["WARC-Concurrent-To"] = ids["request"]
        identified = {"WARC-Identified-Payload-Type": capture.content_type.partition(";")[0]}
        self._write(
            "response",
            capture.url,
            ids["response"],
            capture.date,
            body,
            response,
            {**linked, **identified},
        )
        fetched = capture.order % 900 + 60
        charset = "charset-detected: UTF-8\r\n" if "html" in capture.content_type else ""
        metadata = f"fetchTimeMs: {fetched}\r\n{charset}".encode()
        linked = {
            "WARC-Warcinfo-ID": self._info,
            "WARC-Concurrent-To": ids["response"],
            "Content-Type": "application/warc-fields",
        }
        self._write("metadata", capture.url, ids["metadata"], capture.date, metadata, None, linked)

    def _write(
        self,
        kind: str,
        uri: str | None,
        record_id: str,
        date: datetime,
        payload: bytes,
        http_headers: Any,
        headers: dict[str, str],
    ) -> None:
        record = self._writer.create_warc_record(
            uri,
            kind,
            payload=BytesIO(payload),
            length=len(payload),
            http_headers=http_headers,
            warc_headers_dict={
                **headers,
                "WARC-Record-ID": record_id,
                "WARC-Date": date.strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
        )
        self._writer.write_record(record)


def _record_id(kind: str, key: str, body: bytes) -> str:
    digest = xxhash.xxh3_128_hexdigest(f"{kind} {key} ".encode() + body)
    return f"<urn:uuid:{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}>"
