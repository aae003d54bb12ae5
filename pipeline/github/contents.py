"""Files by their SHA-1, from the store of Software Heritage: gzip, in the encoding they had.

An object's name is the SHA-1 of the contents; some lists give git's blob hash instead. Whichever it
is, bytes that have neither are not taken.
"""

import hashlib
import zlib
from pathlib import PurePosixPath

from pipeline.github.access import GitHub
from pipeline.github.answers import FORBIDDEN, NOT_FOUND, Unavailable
from pipeline.github.codeload import DAMAGED, TOO_LARGE
from pipeline.storage.object_stores.retry import Transient
from pipeline.storage.object_stores.s3 import S3Store
from pipeline.storage.politeness.gate import open_gate
from pipeline.storage.politeness.http import user_agent
from pipeline.storage.politeness.patience import Politeness

WRONG_HASH = "wrong_hash"
_GZIP = 31


class Contents:
    """Fetches files, at the pace of everybody who does."""

    def __init__(self, github: GitHub, max_bytes: int) -> None:
        service = github.contents_service
        bucket, _, folder = github.contents.removeprefix("s3://").partition("/")
        self._store = S3Store(bucket, user_agent=user_agent(github.contact))
        self._folder = folder
        self._max_bytes = max_bytes
        self._polite = Politeness(open_gate(service), service, github.retry)

    def stop(self, why: str) -> None:
        """Let nobody of this process ask for anything more."""
        self._polite.gate.block(why)

    def fetch(self, blob: str) -> bytes:
        """The contents of this hash (40 hex digits). `Unavailable` says why there are none."""
        key = str(PurePosixPath(self._folder, blob))
        shown = f"{self._store.url}/{key}"

        def get() -> bytes:
            try:
                data, info = self._store.beginning(key, self._max_bytes)
            except FileNotFoundError as error:
                raise Unavailable(NOT_FOUND, f"{shown}: there is no such object") from error
            except PermissionError as error:  # also for what is not there, where nothing is listed
                raise Unavailable(FORBIDDEN, str(error)) from error
            if len(data) < min(info.size, self._max_bytes):
                raise Transient(f"{len(data)} of {info.size} bytes came")
            if info.size > self._max_bytes:
                raise Unavailable(TOO_LARGE, f"{shown}: {info.size:,} bytes as it is stored")
            return data

        content = self._expanded(self._polite.call(shown, get), shown)
        require_hash(content, blob, shown)
        return content

    def _expanded(self, stored: bytes, shown: str) -> bytes:
        decoder = zlib.decompressobj(_GZIP)
        try:
            content = decoder.decompress(stored, self._max_bytes + 1)
        except zlib.error as error:
            raise Unavailable(DAMAGED, f"{shown}: no gzip: {error}") from error
        if len(content) > self._max_bytes:
            raise Unavailable(TOO_LARGE, f"{shown}: more than {self._max_bytes:,} bytes")
        if not decoder.eof:
            raise Unavailable(DAMAGED, f"{shown}: the gzip stream ends too early")
        return content


def require_hash(content: bytes, expected: str, shown: str) -> None:
    """`Unavailable` unless this is the contents' SHA-1, or that of git's blob of them."""
    blob = b"blob %d\0" % len(content)
    found = [
        hashlib.sha1(head + content, usedforsecurity=False).hexdigest() for head in (b"", blob)
    ]
    if expected.lower() not in found:
        raise Unavailable(
            WRONG_HASH, f"{shown}: the SHA-1 is {found[0]} ({found[1]} as a blob), not {expected}"
        )


def as_utf8(content: bytes, encoding: str | None) -> bytes:
    """Text of a known encoding as UTF-8; as it is, where it is not of that encoding."""
    try:
        return content.decode(encoding or "utf-8").encode()
    except (LookupError, UnicodeError, ValueError):
        return content
