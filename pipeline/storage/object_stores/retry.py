"""Patience with a store: exponential back-off with jitter, up to a time, then a clear end.

What is worth another attempt (500, 503, SlowDown, time-outs, dropped connections, answers that
are shorter than announced) the stores raise as `Transient`; anything else is final. The jitter
keeps a thousand workers that met one outage from coming back at one instant.
"""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Protocol, TypeVar

from pipeline.storage.credentials import without_credentials
from stages.errors import StorageError

log = logging.getLogger("sluice")

_jitter = random.Random()
T = TypeVar("T")


class Transient(Exception):  # noqa: N818 - says what kind of failure it is
    """The store failed in a way that may pass."""


class SlowDown(Transient):
    """The store asks for fewer requests; `seconds` is how long to wait, if it says that."""

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


class BrokenOff(Transient):
    """An answer ended early; `data` is what came of it, in order from its beginning."""

    def __init__(self, message: str, data: bytes) -> None:
        super().__init__(message)
        self.data = data


def retry_after(header: str | None) -> float | None:
    """Seconds of a `Retry-After` (RFC 9110, 10.2.3: seconds or a date); None if it is neither."""
    if not header:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None


class Patience(Protocol):
    """Repeats a request until it is answered, or it is time to give up."""

    def call(self, what: str, action: Callable[[], T]) -> T: ...


@dataclass(frozen=True)
class Retry:
    """How often and how long to try again."""

    patience_seconds: float = 300.0
    """After so long without an answer the store counts as unreachable."""
    first_pause_seconds: float = 0.1
    longest_pause_seconds: float = 10.0

    def call(self, what: str, action: Callable[[], T]) -> T:
        """The action's answer; StorageError when patience is at its end."""
        deadline = time.monotonic() + self.patience_seconds
        pause = self.first_pause_seconds
        attempts = 0
        while True:
            try:
                return action()
            except Transient as error:
                attempts += 1
                why = without_credentials(f"{what}: {error}")
                if time.monotonic() + pause > deadline:
                    raise StorageError(
                        f"{why}; gave up after {attempts} attempts in {self.patience_seconds:.0f} s"
                    ) from error
                log.warning("attempt %d: %s", attempts, why)
            time.sleep(_jitter.uniform(pause / 2, pause))
            pause = min(2 * pause, self.longest_pause_seconds)
