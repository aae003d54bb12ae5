"""The HTTP response inside a WARC record: status, headers, and the payload as the server meant it.

Common Crawl stores payloads decoded and renames the headers that say otherwise (`X-Crawler-…`);
other crawlers store what came over the wire, chunked and compressed. Some store decoded payloads
under headers that still claim an encoding: what does not decode at all is taken as it is.

The `Content-Length` of HTTP is ignored: the WARC record knows better.

Bounds: headers are looked for in the first `MAX_HEAD_BYTES`; a decoder makes at most 32 MiB (zstd),
1 MiB (the others) between two looks at the limit.
"""

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from typing import Any

import brotli
import zstandard
from warcio.bufferedreaders import ChunkedDataReader

MAX_HEAD_BYTES = 1 << 18
MAX_ENCODINGS = 8
MAX_CHARSET_CHARACTERS = 64
MAX_LINE_ENDS = 1 << 18
"""Of a payload in chunks; each chunk has two."""

_HEADER_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})\b")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\s\"';,]+)", re.I)
_CHUNK = re.compile(rb"[0-9A-Fa-f]{1,8}[ \t]*+(?:;[^\r\n]*+)?\r\n")
_PIECE = 1 << 10
"""Compressed input per step: bounds what a decoder without an output limit can produce at once."""
_BROTLI_PIECE = 1 << 20
"""Output per step: brotli's expansion has no bound."""


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
        return found[1][:MAX_CHARSET_CHARACTERS].lower() if found else None

    @property
    def encodings(self) -> tuple[str, ...]:
        """Transfer and content encodings in the order in which they must be undone; of more than
        `MAX_ENCODINGS`, the first to undo."""
        names = ",".join(
            self.headers.get(header, "") for header in ("content-encoding", "transfer-encoding")
        )
        stripped = (name.strip().lower() for name in reversed(names.split(",")))
        coded = (name for name in stripped if name not in {"", "identity", "none", "8bit"})
        return tuple(islice(coded, MAX_ENCODINGS))


def parse_response(block: bytes) -> Response | None:
    """The head of the response in a record's block, or None if it does not begin as one."""
    status = _STATUS.match(block)
    if status is None:
        return None
    end = _HEADER_END.search(block, 0, MAX_HEAD_BYTES)
    head = block[: MAX_HEAD_BYTES if end is None else end.start()]
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
            return _dechunk(payload)
        case "gzip" | "x-gzip":
            return _collect(_members(lambda: zlib.decompressobj(31), payload), payload, max_bytes)
        case "deflate":  # zlib by the standard, raw by some servers
            bits = 15 if payload[:1] == b"\x78" else -15
            return _collect(_members(lambda: zlib.decompressobj(bits), payload), payload, max_bytes)
        case "br":
            return _collect(_unbrotli(payload), payload, max_bytes)
        case "zstd":
            frames = _members(zstandard.ZstdDecompressor().decompressobj, payload)
            return _collect(frames, payload, max_bytes)
        case _:
            return payload


def _dechunk(payload: bytes) -> bytes:
    """The chunks' content; from the first place where no chunk begins, all that follows. (Eight
    microseconds a chunk, which may be one byte.)"""
    if _CHUNK.match(payload) is None:
        return payload
    if payload.count(b"\r\n") > MAX_LINE_ENDS:
        raise PayloadTooLargeError("more chunks than a page has")
    decoded: bytes = ChunkedDataReader(BytesIO(payload)).read()
    return decoded


def _members(start: Callable[[], Any], payload: bytes) -> Iterator[bytes]:
    """The decoded bytes of one compressed member after another."""
    at = 0
    while at < len(payload):
        decoder = start()
        while at < len(payload) and not decoder.eof:
            yield decoder.decompress(payload[at : at + _PIECE])
            at += _PIECE
        at = min(at, len(payload)) - len(decoder.unused_data)


def _unbrotli(payload: bytes) -> Iterator[bytes]:
    decoder = brotli.Decompressor()
    for at in range(0, len(payload), _PIECE):
        yield decoder.process(payload[at : at + _PIECE], output_buffer_limit=_BROTLI_PIECE)
        while not (decoder.can_accept_more_data() or decoder.is_finished()):
            yield decoder.process(b"", output_buffer_limit=_BROTLI_PIECE)
        if decoder.is_finished():
            return


def _collect(pieces: Iterator[bytes], payload: bytes, max_bytes: int) -> bytes:
    """What can be decoded, up to one piece above the limit; damage ends it. A payload of which
    nothing can be decoded was stored decoded."""
    out = bytearray()
    try:
        for piece in pieces:
            out += piece
            if len(out) > max_bytes:
                break
    except (zlib.error, brotli.error, zstandard.ZstdError):
        pass
    return bytes(out) or payload
