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
from typing import BinaryIO, Protocol, cast

from pipeline.storage.commoncrawl.access import CommonCrawl
from pipeline.storage.commoncrawl.gate import gate_of, service_of
from pipeline.storage.commoncrawl.website import Website
from pipeline.storage.object_stores.retry import BrokenOff
from pipeline.storage.object_stores.s3 import S3Store
from pipeline.storage.object_stores.store import ObjectInfo, Readable
from pipeline.storage.object_stores.streams import ObjectReader
from pipeline.storage.politeness.http import user_agent
from pipeline.storage.politeness.patience import Politeness

WINDOW_BYTES = 32 << 20
"""What one request asks for: 30 of them for a WARC."""


class Source(Readable, Protocol):
    """Where the bucket's objects are read from."""

    def beginning(self, key: str, size: int) -> tuple[bytes, ObjectInfo]: ...


class Bucket:
    """The files of Common Crawl, by their keys."""

    def __init__(self, crawl: CommonCrawl) -> None:
        crawl.require()
        self._source, self._prefix = _source(crawl)
        self._polite = Politeness(gate_of(crawl), service_of(crawl))

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
    agent = user_agent(crawl.contact)
    source = crawl.source.rstrip("/")
    if source.startswith("s3://"):
        bucket, _, prefix = source.removeprefix("s3://").partition("/")
        return S3Store(bucket, user_agent=agent), f"{prefix}/" if prefix else ""
    return Website(source, agent), ""
