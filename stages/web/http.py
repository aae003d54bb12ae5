"""The HTTP response inside a WARC record: status, headers, and the payload as the server meant it.

Common Crawl stores payloads decoded and renames the headers that say otherwise (`X-Crawler-…`);
other crawlers store what came over the wire, chunked and compressed. Some store decoded payloads
under headers that still claim an encoding: what does not decode at all is taken as it is.

The `Content-Length` of HTTP is ignored: the WARC record knows better.
"""

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import brotli
import zstandard
from warcio.bufferedreaders import ChunkedDataReader

_HEADER_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})\b")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\s\"';,]+)", re.I)
_PIECE = 1 << 10
"""Compressed input per step: bounds what a decoder without an output limit can produce at once."""


class PayloadTooLargeError(Exception):
    """A payload that decodes to more than the limit."""


@dataclass(frozen=True)
class Response:
    """The head of a response; its payload is `block[payload_start:]`."""

    status: int
    headers: dict[str, str]
    payload_start: int

    @property
    def mime(self) -> str:
        """The media type of the Content-Type header in lower case, or the empty string."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def charset(self) -> str | None:
        """The charset of the Content-Type header in lower case, as the server wrote it."""
        found = _CHARSET.search(self.headers.get("content-type", ""))
        return found[1].lower() if found else None

    @property
    def encodings(self) -> tuple[str, ...]:
        """Transfer and content encodings in the order in which they must be undone."""
        names = ",".join(
            self.headers.get(header, "") for header in ("content-encoding", "transfer-encoding")
        )
        stripped = (name.strip().lower() for name in reversed(names.split(",")))
        return tuple(name for name in stripped if name not in {"", "identity", "none", "8bit"})


def parse_response(block: bytes) -> Response | None:
    """The head of the response in a record's block, or None if it does not begin as one."""
    status = _STATUS.match(block)
    if status is None:
        return None
    end = _HEADER_END.search(block)
    head = block if end is None else block[: end.start()]
    headers: dict[str, str] = {}
    for line in head.decode("latin-1").split("\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name.strip().lower(), value.strip())
    return Response(int(status[1]), headers, len(block) if end is None else end.end())


def decode_payload(payload: bytes, encodings: tuple[str, ...], max_bytes: int) -> bytes:
    """Undo chunking and compression. Raises `PayloadTooLargeError`."""
    for encoding in encodings:
        payload = _decode(payload, encoding, max_bytes)
        if len(payload) > max_bytes:
            raise PayloadTooLargeError(f"{encoding}: more than {max_bytes} bytes")
    return payload


def _decode(payload: bytes, encoding: str, max_bytes: int) -> bytes:
    match encoding:
        case "chunked":
            decoded: bytes = ChunkedDataReader(BytesIO(payload)).read()
            return decoded
        case "gzip" | "x-gzip":
            return _decompress(zlib.decompressobj(31).decompress, payload, max_bytes)
        case "deflate":  # zlib by the standard, raw by some servers
            is_zlib = payload[:1] == b"\x78"
            inflate = zlib.decompressobj(15 if is_zlib else -15).decompress
            return _decompress(inflate, payload, max_bytes)
        case "br":
            return _decompress(brotli.Decompressor().process, payload, max_bytes)
        case "zstd":
            decoder = zstandard.ZstdDecompressor().decompressobj()
            return _decompress(decoder.decompress, payload, max_bytes)
        case _:
            return payload


def _decompress(step: Callable[[bytes], bytes], payload: bytes, max_bytes: int) -> bytes:
    """What can be decoded, up to one step above the limit; damage ends it. A payload of which
    nothing can be decoded was stored decoded."""
    out = bytearray()
    rest = memoryview(payload)
    while rest and len(out) <= max_bytes:
        piece, rest = rest[:_PIECE], rest[_PIECE:]
        try:
            out += step(bytes(piece))
        except (zlib.error, brotli.error, zstandard.ZstdError):
            break
    return bytes(out) or payload
