"""A loopback server with the layout of Common Crawl's bucket: ranges, ETags, and faults on demand.

`script` holds what becomes of the next requests, in order: "" is a plain answer, `503`, `503:2`
(with Retry-After), `403`, `500`, `reset` (half the body, then a reset), `short` (half the body, and
the connection is closed), `slow` (in small pieces), `hang-up` (no answer at all).
"""

import hashlib
import http.server
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import unquote

import numpy

from tests.pipeline.loopback import Loopback


@dataclass(frozen=True)
class Asked:
    """One request."""

    key: str
    start: int
    end: int
    at: float
    agent: str
    fault: str


class BucketServer:
    """Serves `files`, by key."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = dict(files)
        self.asked: list[Asked] = []
        self.script: list[str] = []
        self.always: dict[str, str] = {}
        """Key → what becomes of every request for it."""
        self.pause = 0.0
        self.open_now = self.open_at_most = 0
        self.mutex = threading.Lock()
        bucket = self

        class Handler(_Handler):
            owner = bucket

        self._loopback = Loopback(Handler)
        self.url = self._loopback.url

    def close(self) -> None:
        self._loopback.close()

    def ranges(self, key: str) -> list[tuple[int, int]]:
        """What was asked of a file, in order."""
        return [(one.start, one.end) for one in self.asked if one.key == key]


class _Handler(http.server.BaseHTTPRequestHandler):
    owner: BucketServer
    timeout = 30

    def do_GET(self) -> None:
        owner = self.owner
        key = unquote(self.path.lstrip("/").partition("?")[0])
        content = owner.files.get(key)
        size = len(content or b"")
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range") or "")
        start, end = (int(found[1]), int(found[2]) + 1) if found else (0, size)
        with owner.mutex:
            fault = owner.always.get(key) or (owner.script.pop(0) if owner.script else "")
            agent = self.headers.get("User-Agent") or ""
            owner.asked.append(Asked(key, start, end, time.monotonic(), agent, fault))
            owner.open_now += 1
            owner.open_at_most = max(owner.open_at_most, owner.open_now)
        time.sleep(owner.pause)
        with owner.mutex:  # before the client has its answer, and asks again
            owner.open_now -= 1
        self._answer(content, start, end, fault)

    def _answer(self, content: bytes | None, start: int, end: int, fault: str) -> None:
        code, _, retry_after = fault.partition(":")
        if code == "hang-up":
            self._reset()
        elif code.isdecimal():
            self.send_response(int(code))
            if retry_after:
                self.send_header("Retry-After", retry_after)
            self.end_headers()
        elif content is None:
            self.send_error(404)
        elif start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.end_headers()
        else:
            self._send(content, start, min(end, len(content)), fault)

    def _send(self, content: bytes, start: int, end: int, fault: str) -> None:
        body = content[start:end]
        self.send_response(206)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
        self.send_header("ETag", f'"{hashlib.md5(content).hexdigest()}"')
        self.end_headers()
        if fault == "slow":
            for place in range(0, len(body), 1 << 10):
                self.wfile.write(body[place : place + (1 << 10)])
                time.sleep(0.01)
        elif fault in ("reset", "short"):
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            if fault == "reset":
                time.sleep(0.05)  # what was sent should arrive before the reset
                self._reset()
        else:
            self.wfile.write(body)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.wfile = _Closed()  # type: ignore[assignment]
        self.connection.close()

    def log_message(self, *_: object) -> None: ...


class _Closed:
    closed = True

    def flush(self) -> None: ...

    def close(self) -> None: ...


@contextmanager
def serve_bucket(files: Mapping[str, bytes]) -> Iterator[BucketServer]:
    """A server of these files."""
    server = BucketServer(files)
    try:
        yield server
    finally:
        server.close()


def incompressible(size: int) -> bytes:
    """Bytes that a compressor leaves alone, always the same."""
    data: bytes = numpy.random.default_rng(7).bytes(size)
    return data
