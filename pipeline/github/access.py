"""How GitHub is asked: where, as whom, and at what pace.

Its API allows 60 requests an hour without a token and 5,000 with one, and (its secondary limits)
100 at once and 900 a minute, of all that share a token or an address. Codeload, which makes the
archives, states no limit and answers 429 where it has one. Both are services of their own here:
archives are fetched while the API's hour is over.

Source: docs.github.com, "Rate limits for the REST API".
"""

import os
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pipeline.storage.credentials import without_credentials
from pipeline.storage.object_stores.retry import Retry
from pipeline.storage.politeness.service import Service
from stages.errors import ConfigError

API = "https://api.github.com"
CODELOAD = "https://codeload.github.com"
CONTENTS = "s3://softwareheritage/content"
CONNECTIONS = 10
TOKENS = ("GITHUB_TOKEN", "GH_TOKEN")
"""Where a token may be, in the environment."""
REQUESTS_PER_HOUR = {True: 5_000, False: 60}
"""Of the API, with a token and without."""

LONGEST_PAUSE_SECONDS = 3_700.0
"""The API's hour, and a little."""

_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]+(/[^?#]*)?")
_BLOCKED = (
    "the server accepts no request of ours. Look at the token (GITHUB_TOKEN), then give the same "
    "command again: it goes on where it stopped"
)
_RULES = {
    "connections": CONNECTIONS,
    "pause_seconds": 60.0,
    "pause_growth": 2.0,
    "longest_pause_seconds": LONGEST_PAUSE_SECONDS,
    "refused_seconds": 4 * 3600.0,
}
"""A refusal without a time costs a minute, then two, and so on."""


@dataclass(frozen=True)
class GitHub:
    """Addresses and limits of a crawl."""

    api: str = API
    codeload: str = CODELOAD
    contents: str = CONTENTS
    """A folder of a store whose objects are files, called by their SHA-1."""
    connections: int = CONNECTIONS
    contact: str = ""
    max_bytes: int = 2 << 30
    """Of one archive, as it is stored."""
    max_expanded_bytes: int = 16 << 30
    token: str = field(default="", repr=False)
    retry: Retry = field(default_factory=Retry)

    def require(self) -> None:
        """ConfigError if nothing can be asked with these settings."""
        for option, url in (("--api", self.api), ("--codeload", self.codeload)):
            if not _is_address(url):
                raise ConfigError(
                    f"{option} {without_credentials(url)!r}: expected https://HOST or http://HOST, "
                    "such as " + (API if option == "--api" else CODELOAD)
                )
        if not _BUCKET.fullmatch(self.contents):
            raise ConfigError(
                f"--contents {without_credentials(self.contents)!r}: expected s3://BUCKET/FOLDER, "
                f"such as {CONTENTS}"
            )
        for option, text in (("--contact", self.contact), (" or ".join(TOKENS), self.token)):
            if not (text.isprintable() and text.isascii()):
                raise ConfigError(f"{option}: expected plain text of ASCII")

    @property
    def api_service(self) -> Service:
        """Everybody who asks this API."""
        return self._service("github-api", apart_seconds=60 / 900)

    @property
    def codeload_service(self) -> Service:
        """Everybody who fetches archives."""
        return self._service("github-codeload")

    @property
    def contents_service(self) -> Service:
        """Everybody who fetches single files."""
        return Service("softwareheritage", self.connections, _BLOCKED)

    def _service(self, name: str, apart_seconds: float = 0.0) -> Service:
        rules = _RULES | {"connections": self.connections}
        return Service(name, blocked=_BLOCKED, apart_seconds=apart_seconds, **rules)  # type: ignore[arg-type]


def token_of_the_environment() -> str:
    """The token to ask with; empty if there is none."""
    return next((value for name in TOKENS if (value := os.environ.get(name, "").strip())), "")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and plain and has_port
