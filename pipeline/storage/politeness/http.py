"""One HTTP request: what goes wrong on the way is `Transient`, what the server says is not.

A connection lives for one request, so that the number of connections is exactly the number of
requests in flight.
"""

import http.client
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pipeline.storage.object_stores.retry import BrokenOff, Transient

ANSWER_SECONDS = 30.0
"""A server that says nothing for so long has gone away."""
PIECE_BYTES = 1 << 16


_following = urllib.request.build_opener()
_staying = urllib.request.OpenerDirector()
"""Without the handler of redirects: who is sent elsewhere decides what to take along."""
for _handler in (
    urllib.request.ProxyHandler,
    urllib.request.HTTPHandler,
    urllib.request.HTTPSHandler,
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.HTTPErrorProcessor,
):
    _staying.add_handler(_handler())


def user_agent(contact: str) -> str:
    """What requests say of us."""
    said = f" ({contact})" if contact else ""
    return f"sluice/{_version()}{said}"


def _version() -> str:
    """On a cluster our modules may be there without their distribution."""
    try:
        return version("sluice")
    except PackageNotFoundError:
        return "0"


@contextmanager
def answering(
    url: str,
    headers: Mapping[str, str],
    *,
    seconds: float = ANSWER_SECONDS,
    follow_redirects: bool = True,
) -> Iterator[Any]:
    """The answer to a GET. Raises `urllib.error.HTTPError` for a status that is no success (and for
    a redirect that is not followed), `Transient` if there is no answer, OSError if the server is
    not who it should be."""
    opener = _following if follow_redirects else _staying
    request = urllib.request.Request(url, headers=dict(headers))
    try:
        with opener.open(request, timeout=seconds) as answer:
            yield answer
    except urllib.error.HTTPError:
        raise
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise OSError(f"{url}: {error.reason}") from error
        raise Transient(f"{url}: {error.reason}") from error
    except (http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise Transient(f"{url}: {type(error).__name__}: {error}") from error


def read_body(answer: Any, size: int, seconds: float) -> bytes:
    """The next `size` bytes; `BrokenOff` with those that came, at the latest after so long."""
    data = bytearray()
    deadline = time.monotonic() + seconds
    why = "the connection was closed"
    try:
        while len(data) < size:
            piece = answer.read1(min(PIECE_BYTES, size - len(data)))
            if not piece:
                break
            data += piece
            if time.monotonic() > deadline:
                why = f"{len(data)} bytes came in {seconds:.0f} s"
                break
    except (http.client.HTTPException, OSError) as error:
        why = f"{type(error).__name__}: {error}"
    if len(data) < size:
        raise BrokenOff(f"{why}; {len(data)} of {size} bytes came", bytes(data))
    return bytes(data)


def first_byte(answer: Any) -> int:
    """Where the range begins that came; -1 if none did."""
    unit, _, rest = (answer.headers.get("Content-Range") or "").partition(" ")
    first = rest.partition("-")[0]
    return int(first) if unit == "bytes" and first.isdecimal() else -1
