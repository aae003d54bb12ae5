"""A bucket behind HTTPS, by ranges.

A request is up to 32 MiB, so a connection for each costs nothing. An answer is only taken for what
it says it is: its range, the size of the whole and its ETag are held against what was asked.
"""

import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pipeline.storage.object_stores.retry import BrokenOff, SlowDown, Transient, retry_after
from pipeline.storage.object_stores.store import ConditionFailed, ObjectInfo
from pipeline.storage.politeness.http import ANSWER_SECONDS, answering, first_byte, read_body

REQUEST_SECONDS = 60.0
"""A request that takes longer gives its connection to others; what came of it is kept."""
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
                return read_body(answer, min(size, whole), self.request_seconds), info
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
            return read_body(answer, end - start, self.request_seconds)

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
        try:
            with answering(url, headers, seconds=self.answer_seconds) as answer:
                if answer.status == 206 and first_byte(answer) != start:
                    raise Transient("another range came than was asked for")
                yield answer
        except urllib.error.HTTPError as error:
            with error:
                if error.code != 416:
                    raise _refusal(error, url) from error
            yield None


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
