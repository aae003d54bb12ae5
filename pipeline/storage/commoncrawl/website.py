"""A bucket behind HTTPS, by ranges.

A connection lives for one request: a request is up to 32 MiB, so the handshake costs nothing, and
the number of connections is exactly the number of requests in flight. An answer is only taken for
what it says it is: its range, the size of the whole and its ETag are held against what was asked.
"""

import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pipeline.storage.object_stores.retry import BrokenOff, SlowDown, Transient, retry_after
from pipeline.storage.object_stores.store import ConditionFailed, ObjectInfo

ANSWER_SECONDS = 30.0
"""A server that says nothing for so long has gone away."""
REQUEST_SECONDS = 60.0
"""A request that takes longer gives its connection to others; what came of it is kept."""
_PIECE_BYTES = 1 << 16
_TRANSIENT = frozenset({408, 425})


@dataclass(frozen=True)
class Website:
    """Objects below a URL."""

    url: str
    user_agent: str
    answer_seconds: float = ANSWER_SECONDS
    request_seconds: float = REQUEST_SECONDS

    def head(self, key: str) -> ObjectInfo:
        return self.beginning(key, 1)[1]

    def beginning(self, key: str, size: int) -> tuple[bytes, ObjectInfo]:
        """The first bytes (up to `size`, fewer if the answer broke off), and what the server says
        of the object, in one request."""
        with self._answer(key, 0, size, None) as answer:
            if answer is None:
                return b"", ObjectInfo(key, 0, "")
            whole = _whole_size(answer)
            info = ObjectInfo(key, whole, answer.headers.get("ETag") or "")
            try:
                return self._body(answer, min(size, whole)), info
            except BrokenOff as error:
                return error.data, info

    def get(self, key: str, start: int, end: int, etag: str | None = None) -> bytes:
        with self._answer(key, start, end, etag or None) as answer:
            if answer is None:
                raise ConditionFailed(f"{key} ends before {start}")
            if etag and (answer.headers.get("ETag") or etag) != etag:
                raise ConditionFailed(key)
            if answer.status != 206 and start:
                raise OSError(f"{answer.url}: the server knows no ranges")
            return self._body(answer, end - start)

    @contextmanager
    def _answer(self, key: str, start: int, end: int, etag: str | None) -> Iterator[Any]:
        """The answer to a request for a range; None where the object ends before it."""
        url = f"{self.url}/{quote(key, safe='/=')}"
        headers = {
            "User-Agent": self.user_agent,
            "Range": f"bytes={start}-{end - 1}",
            "Accept-Encoding": "identity",
            **({"If-Match": etag} if etag else {}),
        }
        request = urllib.request.Request(url, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=self.answer_seconds) as answer:
                if answer.status == 206 and _first_byte(answer) != start:
                    raise Transient("another range came than was asked for")
                yield answer
        except urllib.error.HTTPError as error:
            with error:
                if error.code != 416:
                    raise _refusal(error, url) from error
            yield None
        except urllib.error.URLError as error:
            if isinstance(error.reason, ssl.SSLCertVerificationError):
                raise OSError(f"{url}: {error.reason}") from error
            raise Transient(f"{url}: {error.reason}") from error
        except (http.client.HTTPException, TimeoutError, ConnectionError) as error:
            raise Transient(f"{url}: {type(error).__name__}: {error}") from error

    def _body(self, answer: Any, size: int) -> bytes:
        """The next `size` bytes; `BrokenOff` with those that came."""
        data = bytearray()
        deadline = time.monotonic() + self.request_seconds
        why = "the connection was closed"
        try:
            while len(data) < size:
                piece = answer.read1(min(_PIECE_BYTES, size - len(data)))
                if not piece:
                    break
                data += piece
                if time.monotonic() > deadline:
                    why = f"{len(data)} bytes came in {self.request_seconds:.0f} s"
                    break
        except (http.client.HTTPException, OSError) as error:
            why = f"{type(error).__name__}: {error}"
        if len(data) < size:
            raise BrokenOff(f"{why}; {len(data)} of {size} bytes came", bytes(data))
        return bytes(data)


def _first_byte(answer: Any) -> int:
    unit, _, rest = (answer.headers.get("Content-Range") or "").partition(" ")
    first = rest.partition("-")[0]
    return int(first) if unit == "bytes" and first.isdecimal() else -1


def _whole_size(answer: Any) -> int:
    """Bytes of the whole object. Without that an answer cannot be told from its beginning."""
    said = answer.headers.get("Content-Length")
    if answer.status == 206:
        said = (answer.headers.get("Content-Range") or "").rpartition("/")[2]
    if not said or not said.isdecimal():
        raise OSError(f"{answer.url}: the server does not say how long the file is")
    return int(said)


def _refusal(error: urllib.error.HTTPError, url: str) -> Exception:
    what = f"{url}: {error.code} {error.reason}"
    if error.code in (429, 503):
        return SlowDown(what, retry_after(error.headers.get("Retry-After")))
    if error.code >= 500 or error.code in _TRANSIENT:
        return Transient(what)
    if error.code == 412:
        return ConditionFailed(what)
    if error.code in (401, 403):
        return PermissionError(what)
    if error.code in (404, 410):
        return FileNotFoundError(what)
    return OSError(what)
