"""A record copied out of a crawl is the crawl's record."""

import gzip
import io

import pytest

from stages.contract import Input
from stages.web.options import WebOptions
from stages.web.stage import WebSource

PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>A page of some words.</p>"


def record(*headers: str) -> bytes:
    lines = [
        "WARC/1.0",
        "WARC-Type: response",
        "WARC-Target-URI: https://example.org/a",
        *headers,
        f"Content-Length: {len(PAGE)}",
    ]
    return gzip.compress("\r\n".join(lines).encode() + b"\r\n\r\n" + PAGE + b"\r\n\r\n", mtime=0)


def read(data: bytes) -> list[tuple[str, int, int, str, int]]:
    """Where each record is said to be."""
    source = WebSource(WebOptions())
    events = source.read(Input("own.warc.gz", "own.warc.gz", open=lambda: io.BytesIO(data)))
    names = ("warc", "warc_offset", "warc_length", "origin", "offset")
    return [tuple(row[name] for name in names) for event in events for row in event.to_pylist()]


@pytest.mark.parametrize(
    ("uri", "given"),
    [
        ("https://data.commoncrawl.org/crawl-data/X/warc/a.warc.gz", "bytes=500-899"),
        ("s3://commoncrawl/crawl-data/X/warc/a.warc.gz", "bytes 500-899"),
        ("<https://host/a.warc.gz?X-Amz-Signature=5ecret>", "bytes=500-899"),
    ],
)
def test_a_record_is_where_it_was_taken_from(uri: str, given: str) -> None:
    """By its own headers, whatever else is in the file."""
    own = record()
    copied = record(f"WARC-Source-URI: {uri}", f"WARC-Source-Range: {given}")
    assert read(own + copied) == [
        ("own.warc.gz", 0, len(own), "own.warc.gz:0", 0),
        ("a.warc.gz", 500, 400, "a.warc.gz:500", 500),
    ]


@pytest.mark.parametrize(
    ("uri", "given"),
    [
        ("https://host/a.warc.gz", ""),
        ("https://host/a.warc.gz", "bytes=9-3"),
        ("https://host/a.warc.gz", "bytes=0-99999999999999999999"),
        ("https://host/", "bytes=500-899"),
        ("https://host/" + "a" * 300, "bytes=500-899"),
        ("https://[host/a.warc.gz", "bytes=500-899"),
        ("", "bytes=500-899"),
    ],
)
def test_headers_that_name_no_place_are_nothing(uri: str, given: str) -> None:
    """Then a record is where it lies."""
    own = record(f"WARC-Source-URI: {uri}", f"WARC-Source-Range: {given}")
    assert read(own) == [("own.warc.gz", 0, len(own), "own.warc.gz:0", 0)]
