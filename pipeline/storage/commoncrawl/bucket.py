"""The bucket: files as streams, small ranges, with the patience that Common Crawl asks for.

What an answer means:

- 503, 429, `SlowDown`: everybody waits (`pace`), then this request is made again;
- 403: Common Crawl has blocked this address, or the credentials may not read: `BlockedError`, and
  the run ends;
- a connection that broke: what came is kept, and the next request asks for what follows. That is
  the last member boundary or a place behind it, so nothing is fetched twice;
- anything else that may pass is tried again for five minutes.

Cost: a core takes 250 MB/s, so 4 core-seconds a WARC; a worker holds up to 100 MB more.
"""

import io
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import BinaryIO, NoReturn, Protocol, TypeVar, cast

from pipeline.storage.commoncrawl.access import CommonCrawl
from pipeline.storage.commoncrawl.gate import Gate, open_gate
from pipeline.storage.commoncrawl.website import Website
from pipeline.storage.credentials import without_credentials
from pipeline.storage.object_stores.retry import BrokenOff, Retry, SlowDown, Transient
from pipeline.storage.object_stores.s3 import S3Store
from pipeline.storage.object_stores.store import ObjectInfo, Readable
from pipeline.storage.object_stores.streams import ObjectReader
from stages.errors import BlockedError, StorageError

log = logging.getLogger("sluice")

WINDOW_BYTES = 32 << 20
"""What one request asks for: 30 of them for a WARC."""
REFUSED_SECONDS = 3600.0
"""A server that asks for patience longer than this ends the run."""

_jitter = random.Random()
T = TypeVar("T")


class Source(Readable, Protocol):
    """Where the bucket's objects are read from."""

    def beginning(self, key: str, size: int) -> tuple[bytes, ObjectInfo]: ...


@dataclass(frozen=True)
class Politeness:
    """Makes a request when it is its turn, as often as that is worth while."""

    gate: Gate
    retry: Retry = field(default_factory=Retry)
    refused_seconds: float = REFUSED_SECONDS

    def call(self, what: str, action: Callable[[], T]) -> T:
        """The action's answer; BlockedError if we are not wanted, StorageError when patience is
        at its end. Waiting for a turn costs no patience."""
        lost, pause, refused = 0.0, self.retry.first_pause_seconds, None
        while True:
            with self.gate.connection():
                began = time.monotonic()
                try:
                    return action()
                except PermissionError as error:
                    self._block(error)
                except SlowDown as error:
                    self.gate.slow_down(error.seconds)
                    refused = refused or began
                    self._require(began - refused <= self.refused_seconds, what, error)
                    continue
                except Transient as error:
                    lost += time.monotonic() - began + pause
                    self._require(lost <= self.retry.patience_seconds, what, error)
            time.sleep(_jitter.uniform(pause / 2, pause))
            pause = min(2 * pause, self.retry.longest_pause_seconds)

    def _require(self, holds: bool, what: str, error: Transient) -> None:
        """Log why a request is made again, or give up."""
        why = without_credentials(f"{what}: {error}")
        if holds:
            log.warning("again: %s", why)
        elif isinstance(error, SlowDown):
            raise BlockedError(
                f"{why}; the server has asked for patience for {self.refused_seconds / 60:.0f} "
                "minutes. The same command goes on where it stopped"
            ) from error
        else:
            raise StorageError(f"{why}; gave up") from error

    def _block(self, error: PermissionError) -> NoReturn:
        why = (
            f"{without_credentials(str(error))}: Common Crawl has blocked this address (or, on S3, "
            "these credentials may not read its bucket). Nothing more is asked for. Wait a day, "
            "use fewer connections (commoncrawl.connections), then give the same command again: "
            "it goes on where it stopped"
        )
        self.gate.block(why)
        raise BlockedError(why) from error


class Bucket:
    """The files of Common Crawl, by their keys."""

    def __init__(self, crawl: CommonCrawl) -> None:
        crawl.require()
        self._source, self._prefix = _source(crawl)
        self._polite = Politeness(open_gate(crawl))

    def stop(self, why: str) -> None:
        """Let nobody of this process ask for anything more."""
        self._polite.gate.block(why)

    def url(self, key: str) -> str:
        """Where a file lies, for people."""
        return f"{self._source.url}/{self._prefix}{key}"

    def open(self, key: str, read_ahead: int = WINDOW_BYTES) -> BinaryIO:
        """A file from its beginning, fetched as it is read; seekable. FileNotFoundError if there
        is none. A connection is held while bytes arrive, not while they are worked on."""
        key = self._prefix + key
        opening = self._polite.call(
            f"{self._source.url}/{key}", lambda: self._source.beginning(key, read_ahead)
        )
        reader = ObjectReader(
            self._source, key, self._polite, opening=opening, read_ahead=read_ahead
        )
        return cast(BinaryIO, io.BufferedReader(reader))

    def read(self, key: str, start: int, end: int) -> bytes:
        """The bytes [start, end) of a file, in one request unless it breaks off."""
        key = self._prefix + key
        data = bytearray()

        def get() -> None:
            nonlocal data
            try:
                data += self._source.get(key, start + len(data), end)
            except BrokenOff as error:
                data += error.data
                raise

        while len(data) < end - start:
            self._polite.call(f"{self._source.url}/{key}", get)
        return bytes(data)


def _source(crawl: CommonCrawl) -> tuple[Source, str]:
    contact = f" ({crawl.contact})" if crawl.contact else ""
    user_agent = f"sluice/{_version()}{contact}"
    source = crawl.source.rstrip("/")
    if source.startswith("s3://"):
        bucket, _, prefix = source.removeprefix("s3://").partition("/")
        return S3Store(bucket, user_agent=user_agent), f"{prefix}/" if prefix else ""
    return Website(source, user_agent), ""


def _version() -> str:
    """On a cluster our modules may be there without their distribution."""
    try:
        return version("sluice")
    except PackageNotFoundError:
        return "0"
