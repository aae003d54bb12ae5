"""How Common Crawl is read: from where, as whom, over how many connections.

Files are called by their keys in the bucket (`crawl-data/CC-MAIN-2024-10/…`), which are the same
over HTTPS and S3; `cc:KEY` is what an input is recorded as, so that a run may change over.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from pipeline.storage.credentials import without_credentials
from stages.errors import ConfigError

SCHEME = "cc:"
HTTPS = "https://data.commoncrawl.org"
CONNECTIONS = 10
"""Common Crawl's own rule: so many for everybody who works together."""

LISTINGS = {"warc": "warc", "crawldiagnostics": "non200responses", "robotstxt": "robotstxt"}
"""Subset of a crawl, as the index calls it → the name of the list of its files."""

_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]+(/[^?#]*)?")


@dataclass(frozen=True)
class CommonCrawl:
    """The settings of `[commoncrawl]`, as a worker needs them."""

    source: str = HTTPS
    connections: int = CONNECTIONS
    contact: str = ""
    keep: str | None = None
    n_warcs: int | None = None
    seed: int = 0
    subset: str = "warc"
    is_granted: bool = False
    """Whether somebody else holds a connection for this process."""

    def require(self) -> None:
        """ConfigError if nothing can be read with these settings."""
        shown = without_credentials(self.source)
        if not _is_bucket(self.source):
            raise ConfigError(
                f"`commoncrawl.source` = {shown!r}: expected https://HOST, http://HOST or "
                f"s3://BUCKET, such as {HTTPS} or s3://commoncrawl"
            )
        if self.keep is not None and "://" in self.keep:
            raise ConfigError(
                f"`commoncrawl.keep` = {without_credentials(self.keep)!r}: expected a folder that "
                "all workers can reach as a path"
            )
        if not self.contact.isprintable() or not self.contact.isascii():
            raise ConfigError(
                f"`commoncrawl.contact` = {self.contact!r}: expected plain text, such as an "
                "address of mail"
            )


def _is_bucket(source: str) -> bool:
    if _BUCKET.fullmatch(source):
        return True
    try:
        parts = urlsplit(source)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and plain and has_port
