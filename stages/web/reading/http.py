"""The HTTP response inside a WARC record: status, headers, and the payload as the server meant it.

Common Crawl stores payloads decoded and renames the headers that say otherwise (`X-Crawler-…`);
other crawlers store what came over the wire, chunked and compressed. Some store decoded payloads
under headers that still claim an encoding: what does not decode at all is taken as it is.

The `Content-Length` of HTTP is ignored: the WARC record knows better. What a server or a proxy said
before its answer (100, 103, "200 Connection established") is passed over. A header that repeats
keeps all its values; of several content types the last counts (Fetch standard, section 2.2.2,
"extract a MIME type").

Bounds: headers are looked for in the first `MAX_HEAD_BYTES`; a decoder makes at most 32 MiB (zstd),
1 MiB (the others) between two looks at the limit.
"""

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from itertools import islice
from typing import Any

import brotli
import zstandard
from warcio.bufferedreaders import ChunkedDataReader

MAX_HEAD_BYTES = 1 << 18
MAX_ENCODINGS = 8
MAX_CHARSET_CHARACTERS = 64
MAX_INTERIM = 16
"""Responses before the final one."""
OK = 200
MAX_LINE_ENDS = 1 << 18
"""Of a payload in chunks; each chunk has two."""

_STATUS = re.compile(
    rb"(?:[ \t]*+\r?\n){0,4}+[ \t]{0,4}+(?:HTTP(?![A-Z])|ICY)[^\s:]{0,8}+[ \t]++"
    rb"0?(\d{3})(?!\d)([^\r\n]*+)",
    re.I,
)
"""As browsers take it: up to four blanks, whatever follows `HTTP` as a version."""
_STATUS_IN_HEAD = re.compile(rb"\n(?=HTTP/\d(?:\.\d)?[ \t]++\d{3}(?!\d))", re.I)
_TUNNEL = re.compile(rb"[ \t]*+connection[ \t]++established", re.I)
_FOLD = re.compile(r"\r?\n[ \t]+")
_MIME = re.compile(r"[\s\"'=]*+([\w!#$&^.+-]++/(?:\w++(?=[&.+]charset=)|[\w!#$&^.+*-]++))", re.I)
_CHARSET = re.compile(r"charset\s*+=\s*+[\"']?+([^\s\"';,]++)", re.I)
_CHUNK = re.compile(rb"[0-9A-Fa-f]{1,8}[ \t]*+(?:;[^\r\n]*+)?\r\n")
_PADDING = re.compile(rb"\0*+")
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
    headers: dict[str, list[str]]
    """The values of each header, by its name in lower case, in the order of the head."""
    payload_start: int

    @property
    def mime(self) -> str:
        """The media type of the Content-Type header in lower case, or the empty string."""
        return self._content_type[0]

    @property
    def charset(self) -> str | None:
        """The charset of the Content-Type header in lower case, as the server wrote it."""
        return self._content_type[1]

    @cached_property
    def _content_type(self) -> tuple[str, str | None]:
        """The last media type named, with the charset last said of it."""
        mime, charset = "", None
        for value in ",".join(self.headers.get("content-type", ())).split(","):
            type_, named = _MIME.match(value), _CHARSET.search(value)
            if type_ is not None and type_[1] != "*/*" and type_[1].lower() != mime:
                mime, charset = type_[1].lower(), None
            if named is not None:
                charset = named[1][:MAX_CHARSET_CHARACTERS].lower()
        return mime, charset

    @property
    def encodings(self) -> tuple[str, ...]:
        """Transfer and content encodings in the order in which they must be undone; of more than
        `MAX_ENCODINGS`, the first to undo."""
        values = (self.headers.get(name, ()) for name in ("content-encoding", "transfer-encoding"))
        names = ",".join(value for repeated in values for value in repeated).split(",")
        stripped = (name.strip("\"' \t").lower() for name in reversed(names))
        coded = (name for name in stripped if name not in {"", "identity", "none", "8bit"})
        return tuple(islice(coded, MAX_ENCODINGS))


def parse_response(block: bytes) -> Response | None:
    """The head of the final response in a record's block, or None if it does not begin as one."""
    response, status = None, _STATUS.match(block)
    for _ in range(MAX_INTERIM):
        if status is None:
            break
        response = _parse_head(block, status)
        if not _is_interim(response, status[2]):
            break
        # A response without an empty line behind it has the next one in its head.
        inside = _STATUS_IN_HEAD.search(block, status.end(), response.payload_start)
        place = response.payload_start if inside is None else inside.end()
        status = _STATUS.match(block, place)
    return response


def _parse_head(block: bytes, status: re.Match[bytes]) -> Response:
    end, payload = _empty_line(block, status.end(), status.start() + MAX_HEAD_BYTES)
    head = block[status.end() : end].decode("latin-1")
    if "\n " in head or "\n\t" in head:
        head = _FOLD.sub(" ", head)
    headers: dict[str, list[str]] = {}
    for line in head.split("\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name.strip().lower(), []).append(value.strip())
    return Response(int(status[1]), headers, payload)


def _empty_line(block: bytes, start: int, stop: int) -> tuple[int, int]:
    """Where the first empty line of block[start:stop] begins, the end of the line before it
    counted in, and what follows it; (`stop`, the block's end) if there is none. Twenty times as
    fast as a regular expression."""
    place, size = block.find(b"\n\r\n", start, stop), 3
    bare = block.find(b"\n\n", start, stop if place < 0 else place + 1)
    if bare >= 0:
        place, size = bare, 2
    if place < 0:
        return stop, len(block)
    return place - (place > start and block[place - 1] == 0x0D), place + size


def _is_interim(response: Response, reason: bytes) -> bool:
    """Whether another response follows if the payload begins as one: a proxy's answer says
    nothing of a payload."""
    if response.status == OK:
        return "content-type" not in response.headers or _TUNNEL.match(reason) is not None
    return response.status < OK


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
        case "gzip" | "x-gzip" | "deflate" | "x-deflate":
            bits = _window_bits(payload[:2])
            return _collect(_members(lambda: zlib.decompressobj(bits), payload), payload, max_bytes)
        case "br":
            return _collect(_unbrotli(payload), payload, max_bytes)
        case "zstd":
            frames = _members(zstandard.ZstdDecompressor().decompressobj, payload)
            return _collect(frames, payload, max_bytes)
        case _:
            return payload


def _window_bits(head: bytes) -> int:
    """How zlib is to read what begins so, whatever its label: gzip, zlib (`deflate` by the
    standard), or raw (by some servers)."""
    if head == b"\x1f\x8b":
        return 31
    is_zlib = len(head) > 1 and head[0] & 0x8F == 0x08 and int.from_bytes(head, "big") % 31 == 0
    return 15 if is_zlib else -15


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
    """The decoded bytes of one compressed member after another. Of a damaged piece (a checksum that
    is wrong damages the piece with the member's end) zlib still gives what precedes the damage,
    byte by byte from a second decoder."""
    at = 0
    while at < len(payload):
        begin, decoder = at, start()
        while at < len(payload) and not decoder.eof:
            piece = payload[at : at + _PIECE]
            try:
                yield decoder.decompress(piece)
            except zlib.error:
                again = start()
                again.decompress(payload[begin:at])
                for place in range(len(piece)):
                    yield again.decompress(piece[place : place + 1])
                raise
            at += _PIECE
        at = min(at, len(payload)) - len(decoder.unused_data)
        at = _PADDING.match(payload, at).end()  # type: ignore[union-attr]


def _unbrotli(payload: bytes) -> Iterator[bytes]:
    decoder = brotli.Decompressor()
    for at in range(0, len(payload), _PIECE):
        yield decoder.process(payload[at : at + _PIECE], output_buffer_limit=_BROTLI_PIECE)
        while not (decoder.can_accept_more_data() or decoder.is_finished()):
            yield decoder.process(b"", output_buffer_limit=_BROTLI_PIECE)
        if decoder.is_finished():
            return
    raise brotli.error("the payload ends inside a stream")


def _collect(pieces: Iterator[bytes], payload: bytes, max_bytes: int) -> bytes:
    """What can be decoded, up to one piece above the limit; damage ends it. A payload of which
    nothing can be decoded for damage was stored decoded."""
    out = bytearray()
    is_damaged = False
    try:
        for piece in pieces:
            out += piece
            if len(out) > max_bytes:
                break
    except (zlib.error, brotli.error, zstandard.ZstdError):
        is_damaged = True
    return payload if is_damaged and not out else bytes(out)
