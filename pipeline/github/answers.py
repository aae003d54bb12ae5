"""What GitHub's answers mean: a limit, a move, or a repository that cannot be had.

- 403 and 429 are limits if they say when to come back (`Retry-After`), that nothing is left
  (`X-RateLimit-Remaining: 0`, until `X-RateLimit-Reset`), or speak of a rate limit; any other 403
  is about the repository (GitHub blocks some).
- 301, 302, 307, 308: what was asked for is elsewhere. A token goes no further than the API itself.
- 404, 410, 451: it cannot be had, and why.
- 401: the token is not valid; everything would fail.
"""

import logging
import time
import urllib.error
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from pipeline.github.access import LONGEST_PAUSE_SECONDS
from pipeline.storage.object_stores.retry import SlowDown, Transient, retry_after
from pipeline.storage.politeness.gate import Gate
from pipeline.storage.politeness.http import answering

log = logging.getLogger("sluice")

MAX_REDIRECTS = 5
ANSWER_SECONDS = 120.0
"""Codeload packs a large repository before it says a word."""
NOT_FOUND, LEGAL, FORBIDDEN, REFUSED = "not_found", "legal", "forbidden", "refused"
_REASONS = {404: NOT_FOUND, 410: NOT_FOUND, 451: LEGAL, 403: FORBIDDEN}
_MOVED = frozenset({301, 302, 303, 307, 308})
_OF_ADDRESSES = "%/:?#[]@!$&'()*+,;=~"
_LIMITED = frozenset({403, 429, 503})
_TRANSIENT = frozenset({408, 425})
_BODY_BYTES = 1 << 16


class Unavailable(Exception):  # noqa: N818 - a fact about what was asked for
    """What cannot be had, and why. `reason` is a word, `error` a sentence."""

    def __init__(self, reason: str, error: str) -> None:
        super().__init__(error)
        self.reason = reason
        self.error = error


class Unchanged(Exception):  # noqa: N818 - an answer
    """304: what we have is what is there."""


@contextmanager
def asking(
    url: str,
    headers: Mapping[str, str],
    gate: Gate,
    token: str = "",
    moving: Callable[[str], None] = lambda _: None,
) -> Iterator[Any]:
    """The answer to a GET, wherever it was moved to, of which `moving` is told first. Raises
    `Unavailable`, `Unchanged`, `Transient` (`SlowDown`), PermissionError."""
    origin = urlsplit(url)[:2]
    for _ in range(MAX_REDIRECTS + 1):
        own = {"Authorization": f"Bearer {token}"} if token and urlsplit(url)[:2] == origin else {}
        try:
            with answering(
                url, {**headers, **own}, seconds=ANSWER_SECONDS, follow_redirects=False
            ) as answer:
                _note_limit(answer.headers, gate)
                yield answer
                return
        except urllib.error.HTTPError as error:
            with error:
                _note_limit(error.headers, gate)
                place = error.headers.get("Location")
                if error.code not in _MOVED or not place:
                    raise _refusal(error, url) from error
        url = _moved_to(url, place)
        moving(url)
    raise Unavailable(REFUSED, f"moved more than {MAX_REDIRECTS} times, at last to {url[:200]}")


def _moved_to(url: str, place: str) -> str:
    """The address that a redirect names; `Unavailable` if nothing can be asked there."""
    try:
        moved = urljoin(url, quote(place, safe=_OF_ADDRESSES))
        if urlsplit(moved).scheme in ("http", "https") and urlsplit(moved).hostname:
            return moved
    except ValueError:
        pass
    raise Unavailable(REFUSED, f"{url}: moved to {place[:200]!r}")


def _note_limit(headers: Any, gate: Gate) -> None:
    """The last request of an hour was answered: the next one waits for the next hour."""
    seconds = _reset_seconds(headers)
    if seconds is not None and not headers.get("Retry-After"):
        log.warning("no request is left of this hour's; the next one in %.0f s", seconds)
        gate.slow_down(seconds)


def _reset_seconds(headers: Any) -> float | None:
    """Until there are requests again, by the server's clock; None while there are some."""
    reset = (headers.get("X-RateLimit-Reset") or "").strip()
    if (headers.get("X-RateLimit-Remaining") or "").strip() != "0" or not reset.isdecimal():
        return None
    now = time.time()
    with suppress(ValueError):
        now = parsedate_to_datetime(headers.get("Date") or "").timestamp()
    return min(max(1.0, float(reset) - now + 1.0), LONGEST_PAUSE_SECONDS)


def _refusal(error: urllib.error.HTTPError, url: str) -> Exception:
    status = f"{error.code} {error.reason}"
    if error.code == 304:
        return Unchanged(url)
    if error.code == 401:
        return PermissionError(f"{url}: {status}")
    if error.code in _LIMITED and (limit := _limit(error, status)) is not None:
        return limit
    if error.code >= 500 or error.code in _TRANSIENT:
        return Transient(status)
    return Unavailable(_REASONS.get(error.code, REFUSED), f"{url}: {status}")


def _limit(error: urllib.error.HTTPError, status: str) -> SlowDown | None:
    """Whether, and for how long, this is a limit."""
    seconds = retry_after(error.headers.get("Retry-After"))
    seconds = _reset_seconds(error.headers) if seconds is None else seconds
    is_limit = error.code == 429 or (error.code == 403 and b"rate limit" in _body(error).lower())
    return SlowDown(status, seconds) if is_limit or seconds is not None else None


def _body(error: urllib.error.HTTPError) -> bytes:
    try:
        return error.read(_BODY_BYTES)
    except OSError:
        return b""
