"""Payloads as they came over the wire."""

import gzip
import re
import tracemalloc
import zlib
from collections.abc import Callable
from functools import partial

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from stages.web.reading.http import PayloadTooLargeError, decode_payload, parse_response

BODY = b"<html><body>" + b"<p>text</p>" * 500


def chunked(data: bytes) -> bytes:
    pieces = [data[at : at + 700] for at in range(0, len(data), 700)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


RAW_DEFLATE = zlib.compressobj(wbits=-15)
WIRE = [
    ("gzip", gzip.compress(BODY, mtime=0)),
    ("deflate", zlib.compress(BODY)),
    ("deflate", RAW_DEFLATE.compress(BODY) + RAW_DEFLATE.flush()),
    ("gzip", zlib.compress(BODY, 1)),
    ("deflate", gzip.compress(BODY, mtime=0)),
    ("br", brotli.compress(BODY)),
    ("zstd", zstandard.compress(BODY)),
    ("chunked", chunked(BODY)),
]


@pytest.mark.parametrize(("encoding", "wire"), WIRE)
def test_decode(encoding: str, wire: bytes) -> None:
    """Every encoding is undone."""
    assert decode_payload(wire, (encoding,), 1 << 20) == BODY


@pytest.mark.parametrize(("encoding", "wire"), WIRE)
def test_stored_decoded(encoding: str, wire: bytes) -> None:
    """A payload that was stored decoded under a header that claims otherwise is taken as it is."""
    assert decode_payload(BODY, (encoding,), 1 << 20) == BODY


def test_chunked_and_compressed() -> None:
    """Transfer encodings come off before content encodings."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
    response = parse_response(head)
    assert response is not None
    assert response.encodings == ("chunked", "gzip")
    assert decode_payload(chunked(gzip.compress(BODY)), response.encodings, 1 << 20) == BODY


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_bomb(encoding: str) -> None:
    """A payload that expands beyond the limit is refused while it expands."""
    compress = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "br": partial(brotli.compress, quality=1),
        "zstd": zstandard.compress,
    }[encoding]
    with pytest.raises(PayloadTooLargeError):
        decode_payload(compress(bytes(32 << 20)), (encoding,), 1 << 20)


def test_bomb_in_little_memory() -> None:
    """Of a payload that expands a hundredthousandfold little is held."""
    bomb = brotli.compress(bytes(128 << 20), quality=1)
    tracemalloc.start()
    with pytest.raises(PayloadTooLargeError):
        decode_payload(bomb, ("br",), 1 << 20)
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_several_members(compress: Callable[[bytes], bytes]) -> None:
    """A payload compressed piece by piece is read whole, up to what is no member."""
    encoding = ("gzip" if compress is gzip.compress else "zstd",)
    wire = compress(b"") + compress(BODY[:99]) + compress(BODY[99:])
    assert decode_payload(wire, encoding, 1 << 20) == BODY
    assert decode_payload(wire + b"rubbish", encoding, 1 << 20) == BODY


@pytest.mark.parametrize(
    ("wire", "payload"),
    [
        (b"3;name=value\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", b"abc0123456789"),
        (b"3\r\nabc\r\n5\r\nde", b"abcde"),
        (b"3\r\nabc\r\nno chunk", b"abcno chunk"),
        (b"-3\r\nabc\r\n", b"-3\r\nabc\r\n"),
        (b"f" * 5_000 + b"\r\n", b"f" * 5_000 + b"\r\n"),
    ],
)
def test_chunks(wire: bytes, payload: bytes) -> None:
    """Chunks are joined as far as there are any; the rest is taken as it is."""
    assert decode_payload(wire, ("chunked",), 1 << 20) == payload


def test_too_many_chunks() -> None:
    """A payload cut into bytes is refused before they are put together."""
    with pytest.raises(PayloadTooLargeError):
        decode_payload(b"1\r\na\r\n" * 200_000, ("chunked",), 1 << 20)


def test_cut_payload() -> None:
    """A compressed payload that was cut gives what there is."""
    found = decode_payload(gzip.compress(BODY)[:-12], ("gzip",), 1 << 20)
    assert found
    assert BODY.startswith(found)


@pytest.mark.parametrize("n_bytes", [1, 500, len(BODY)])
@pytest.mark.parametrize("wire", [gzip.compress, zlib.compress], ids=["gzip", "zlib"])
def test_wrong_checksum(wire: Callable[[bytes], bytes], n_bytes: int) -> None:
    """A member whose checksum is wrong gives all that it holds."""
    sound = wire(BODY[:n_bytes])
    wrong = sound[:-8] + bytes(byte ^ 0x55 for byte in sound[-8:-4]) + sound[-4:]
    if wire is zlib.compress:
        wrong = sound[:-4] + bytes(byte ^ 0x55 for byte in sound[-4:])
    assert decode_payload(wrong, ("gzip",), 1 << 20) == BODY[:n_bytes]


def test_head() -> None:
    """Status, media type and charset, in whatever case and spacing."""
    block = (
        b'HTTP/1.0  200\r\ncontent-TYPE: Text/HTML ; Charset="UTF-8"; x=y\r\nno colon\r\n\r\nbody'
    )
    response = parse_response(block)
    assert response is not None
    assert (response.status, response.mime, response.charset) == (200, "text/html", "utf-8")
    assert block[response.payload_start :] == b"body"
    assert parse_response(b"<html>") is None
    assert parse_response(b"HTTP/2 abc\r\n\r\n") is None


def test_long_head() -> None:
    """Headers without end are read up to a limit, and as many encodings and letters believed."""
    start = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=" + b"x" * 500 + b"\r\n"
    response = parse_response(start + b"Content-Encoding: " + b"gzip," * 500 + b"\r\n\r\n")
    assert response is not None
    assert len(response.charset or "") == 64
    assert response.encodings == ("gzip",) * 8
    endless = start + b"a: b\r\n" * 100_000 + b"x: y\r\n\r\nbody"
    response = parse_response(endless)
    assert response is not None
    assert "a" in response.headers
    assert "x" not in response.headers
    assert response.payload_start == len(endless)


def final(*heads: str, body: bytes = b"<p>body") -> tuple[int, str, bytes] | None:
    block = "".join(heads).encode("latin-1") + body
    response = parse_response(block)
    if response is None:
        return None
    return response.status, response.mime, block[response.payload_start :]


PAGE_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"


@pytest.mark.parametrize(
    "before",
    [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.0 100\n\n",
        "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n",
        "HTTP/2 103 Early Hints\r\nlink: </a.js>; rel=preload\r\nlink: </b.css>\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n",
        "HTTP/1.1 200 Connection established\r\nProxy-Agent: x/1\r\n\r\n",
        "HTTP/1.0 200 Connection Established\r\nContent-Type: text/plain\r\n\r\n",
        "HTTP/1.1 200 OK\r\nVia: 1.1 gateway\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n\r\n",
    ],
)
def test_what_comes_before_the_response(before: str) -> None:
    """Interim responses and a proxy's answer are passed over."""
    assert final(before, PAGE_HEAD) == (200, "text/html", b"<p>body")


def test_interim_alone() -> None:
    """An interim response with nothing behind it is what it says; many end somewhere."""
    assert final("HTTP/1.1 100 Continue\r\n\r\n") == (100, "", b"<p>body")
    assert final("HTTP/1.1 100 a\r\n\r\n" * 50_000, PAGE_HEAD) is not None


def test_page_about_http() -> None:
    """A page that quotes a response is no interim response."""
    quoted = b"HTTP/1.1 404 Not Found\r\nServer: x\r\n\r\n"
    assert final(PAGE_HEAD, body=quoted) == (200, "text/html", quoted)


@pytest.mark.parametrize(
    "line",
    [
        "http/1.1 200 OK",
        "Http/1.0 200",
        "HTTP/1.1 200 ",
        "HTTP/1.1\t200\tFine",
        "HTTP/2.0 200 OK",
        "HTTP/3 200",
        "HTTP 200 OK",
        "HTTP/1.1 200OK",
        "HTTP/1.1 0200 OK",
        "HTTP/1,1 200 OK",
        "HTTP1.0 200",
        "  HTTP/1.1 200 OK",
        "ICY 200 OK",
        "\r\nHTTP/1.1 200 OK",
    ],
)
def test_status_line(line: str) -> None:
    """Status lines as servers write them."""
    assert final(f"{line}\r\nContent-Type: text/html\r\n\r\n") == (200, "text/html", b"<p>body")


@pytest.mark.parametrize(
    "line", ["HTTP/1.1 2000 OK", "HTTPS 200", "HTTP/1.1 OK 200", "GET / HTTP/1.1"]
)
def test_no_status_line(line: str) -> None:
    """What only looks like one is none."""
    assert final(f"{line}\r\n\r\n") is None


@pytest.mark.parametrize(
    ("values", "mime", "charset"),
    [
        (["text/html;; charset=koi8-r"], "text/html", "koi8-r"),
        (["text/html; ;charset = 'UTF-8'"], "text/html", "utf-8"),
        (["text/html, text/html"], "text/html", None),
        (["text/html; charset=utf-8, text/html"], "text/html", "utf-8"),
        (["text/html charset=gbk"], "text/html", "gbk"),
        (['"text/html; charset=utf-8"'], "text/html", "utf-8"),
        (["text/html", "text/html; charset=big5"], "text/html", "big5"),
        (["text/plain; charset=utf-8", "TEXT/HTML"], "text/html", None),
        (["text/html", "*/*"], "text/html", None),
        (["text/html&charset=koi8-r"], "text/html", "koi8-r"),
        (["text/html;\r\n charset=utf-8"], "text/html", "utf-8"),
        ([";charset=utf-8"], "", "utf-8"),
        ([""], "", None),
    ],
)
def test_content_types(values: list[str], mime: str, charset: str | None) -> None:
    """Doubled, repeated and folded content types; the last type counts, its charset stays."""
    lines = "".join(f"Content-Type: {value}\r\n" for value in values)
    response = parse_response(f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode())
    assert response is not None
    assert (response.mime, response.charset) == (mime, charset)


def test_repeated_headers() -> None:
    """Every value of a header is kept; encodings are undone from the last."""
    head = "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nset-cookie: b\r\n"
    head += "Content-Encoding: deflate\r\nContent-Encoding: gzip\r\n\r\n"
    response = parse_response(head.encode())
    assert response is not None
    assert response.headers["set-cookie"] == ["a", "b"]
    assert response.encodings == ("gzip", "deflate")
    assert decode_payload(gzip.compress(zlib.compress(BODY)), response.encodings, 1 << 20) == BODY


def test_padding_between_members() -> None:
    """Zeros between the members of a payload end nothing; one that holds nothing is empty."""
    wire = gzip.compress(BODY[:99]) + bytes(40) + gzip.compress(BODY[99:]) + bytes(9)
    assert decode_payload(wire, ("gzip",), 1 << 20) == BODY
    assert decode_payload(gzip.compress(b""), ("gzip",), 1 << 20) == b""


@given(st.text("\r\na", max_size=12), st.text("\r\n", max_size=4))
def test_the_first_empty_line_ends_the_head(head: str, end: str) -> None:
    """Line ends of either kind, mixed: as a regular expression finds it."""
    block = f"HTTP/1.1 200 OK\n{head}{end}".encode()
    found = re.search(rb"\r?\n\r?\n", block)
    response = parse_response(block)
    assert response is not None
    assert response.payload_start == (len(block) if found is None else found.end())
