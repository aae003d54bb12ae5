"""Codeload: a commit of a repository as `.tar.gz`, taken only whole.

Archives are packed while they are sent, mostly without a length, so an answer that just ends looks
like one that is complete: what comes is expanded as it comes, and only a gzip stream that ends as
it should is kept. Where a connection breaks, the rest is asked for if the server knows ranges and
says which version it sends (a strong ETag, `If-Range`); else the archive is fetched again.

The commit is the comment that `git archive` writes. What codeload leaves out (`export-ignore`) and
fills in (`export-subst`) a clone would have as it is. Cost: a core checks 340 MB/s, expanded.
"""

import http.client
import re
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from pipeline.github.access import GitHub
from pipeline.github.answers import Unavailable, asking
from pipeline.storage.object_stores.retry import Transient
from pipeline.storage.politeness.gate import Connection, Gate, open_gate
from pipeline.storage.politeness.http import PIECE_BYTES, first_byte, user_agent
from pipeline.storage.politeness.patience import Politeness
from pipeline.storage.replace import replacing
from stages.errors import BlockedError
from stages.github.archives.decompression import ByteReader, expand
from stages.github.archives.tar import TarReader
from stages.github.entries import Damaged
from stages.github.metadata import is_repo
from stages.regular_files import open_regular

DEFAULT_BRANCH = "HEAD"
SLOWEST_BYTES_PER_SECOND = 2_000
PATIENT_SECONDS = 60.0
"""An answer may take so long, and a second more for every 2,000 bytes that came."""
MAX_DAMAGED = 3
"""Answers that end as they should and hold no archive; then the server has no better one."""
DAMAGED, TOO_LARGE = "damaged", "too_large"

_GZIP = 31
_STEP_BYTES = 1 << 20
_ADDRESS = re.compile(r"/([^/]+/[^/]+)/(?:legacy\.)?tar\.gz/")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass(frozen=True)
class Archive:
    """An archive that lies in its place."""

    commit: str | None
    etag: str | None
    size: int


class Moved(Exception):  # noqa: N818 - an answer
    """The repository is called otherwise today."""

    def __init__(self, repo: str) -> None:
        super().__init__(repo)
        self.repo = repo


class Codeload:
    """Fetches archives, at the pace of everybody who does."""

    def __init__(self, github: GitHub) -> None:
        self._github = github
        service = github.codeload_service
        self._polite = Politeness(open_gate(service), service, github.retry)
        self._stopped = threading.Event()

    def stop(self, why: str) -> None:
        """Let nobody of this process ask for anything more, nor wait for what comes."""
        self._polite.gate.block(why)
        self._stopped.set()

    def fetch(self, repo: str, ref: str, place: Path, etag: str | None = None) -> Archive:
        """Put the archive of a ref where it belongs. `Unavailable` says why there is none,
        `Unchanged` that it is that of this ETag, `Moved` who to ask for; then what was there
        stays."""
        url = f"{self._github.codeload.rstrip('/')}/{repo}/tar.gz/{quote(ref)}"
        with replacing(place) as stream:
            transfer = _Transfer(self._github, url, stream, etag)

            def go_on(held: Connection) -> None:
                transfer.go_on(self._polite.gate, lambda: self._renew(held))

            self._polite.call_for_long(url, go_on)
            stream.flush()
            commit = commit_of(Path(stream.name))
        return Archive(commit, transfer.etag, transfer.size)

    def _renew(self, held: Connection) -> None:
        if self._stopped.is_set():
            raise BlockedError("another request has failed")
        held.renew()


class _Transfer:
    """An archive that comes, over as many connections as it takes."""

    def __init__(self, github: GitHub, url: str, stream: BinaryIO, known: str | None) -> None:
        self.url = url
        self.etag: str | None = None
        self.size = 0
        self._github = github
        self._stream = stream
        self._known = known
        self._check = _Check(github.max_expanded_bytes)
        self._n_damaged = 0

    def go_on(self, gate: Gate, renew: Callable[[], None]) -> None:
        """Ask for what is missing, and take it. `Transient` if it breaks off again."""
        with asking(self.url, self._headers(), gate, moving=self._follow) as answer:
            if not (answer.status == 206 and self.size and first_byte(answer) == self.size):
                self._begin(answer)
            self._take(answer, renew)
        if not self._check.is_whole:
            self._reject("the archive ends before its end")

    def _follow(self, url: str) -> None:
        """Anywhere, but to no repository of another name: who asks decides about that."""
        there, here = _slug(url), _slug(self.url)
        if there is not None and here is not None and there.lower() != here.lower():
            raise Moved(there)

    def _headers(self) -> dict[str, str]:
        headers = {
            "User-Agent": user_agent(self._github.contact),
            "Accept-Encoding": "identity",
        }
        if self.size and self.etag and not self.etag.startswith("W/"):
            return {**headers, "Range": f"bytes={self.size}-", "If-Range": self.etag}
        return {**headers, "If-None-Match": self._known} if self._known else headers

    def _begin(self, answer: Any) -> None:
        """Another version, or a server without ranges: from the first byte on."""
        if answer.status != 200:
            raise Transient(f"{self.url}: another range came than was asked for")
        self._stream.seek(0)
        self._stream.truncate()
        self._check = _Check(self._github.max_expanded_bytes)
        self.size = 0
        self.etag = answer.headers.get("ETag")
        self.url = answer.url

    def _take(self, answer: Any, renew: Callable[[], None]) -> None:
        has_end = answer.chunked or answer.length is not None
        why = ""
        deadline = time.monotonic() + PATIENT_SECONDS
        while not why and (piece := self._next(answer)):
            if isinstance(piece, str):
                why = piece
                break
            self.size += len(piece)
            if self.size > self._github.max_bytes:
                limit = f"{self.url}: more than {self._github.max_bytes:,} bytes"
                raise Unavailable(TOO_LARGE, limit)
            self._add(piece)
            renew()
            if time.monotonic() > deadline + self.size / SLOWEST_BYTES_PER_SECOND:
                why = "too slow"
        if answer.length or not has_end:
            why = why or "the connection was closed"
        if why and not self._check.is_whole:
            raise Transient(f"{why}; {self.size:,} bytes came")

    @staticmethod
    def _next(answer: Any) -> bytes | str:
        """The next bytes, or why none came."""
        try:
            piece: bytes = answer.read1(PIECE_BYTES)
        except (http.client.HTTPException, OSError) as error:
            return f"{type(error).__name__}: {error}"
        return piece

    def _add(self, piece: bytes) -> None:
        self._stream.write(piece)
        try:
            self._check.add(piece)
        except zlib.error as error:
            self._reject(f"no gzip: {error}")

    def _reject(self, why: str) -> None:
        """Nothing of it is of use."""
        self._n_damaged += 1
        self.size = 0
        if self._n_damaged >= MAX_DAMAGED:
            raise Unavailable(DAMAGED, f"{self.url}: {why}, {MAX_DAMAGED} times")
        raise Transient(f"{self.url}: {why}")


class _Check:
    """Whether bytes are one whole gzip file; nothing of what they expand to is kept."""

    def __init__(self, max_bytes: int) -> None:
        self._decoder = zlib.decompressobj(_GZIP)
        self._left = max_bytes

    @property
    def is_whole(self) -> bool:
        return self._decoder.eof

    def add(self, data: bytes) -> None:
        """`zlib.error` if they are none."""
        while data and not self._decoder.eof:
            self._left -= len(self._decoder.decompress(data, _STEP_BYTES))
            data = self._decoder.unconsumed_tail
            if self._left < 0:
                raise Unavailable(TOO_LARGE, "the archive expands to more than is allowed")


def commit_of(place: Path) -> str | None:
    """The commit that an archive says it is of."""
    with open_regular(place) as stream, suppress(Damaged):
        reader = TarReader(ByteReader(expand(stream, stream.read(1 << 9)), 1 << 24), 16)
        next(iter(reader), None)
        if reader.comment is not None and _COMMIT.fullmatch(reader.comment):
            return reader.comment
    return None


def _slug(url: str) -> str | None:
    """OWNER/REPO of the address that an archive came from."""
    match = _ADDRESS.search(url)
    return match[1] if match and is_repo(match[1]) else None
