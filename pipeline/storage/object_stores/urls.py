"""Inputs behind any URL that fsspec opens (`https://`, `ftp://`, `hf://`, `zip://x::https://…`).

What a file system of fsspec raises is its own affair: here it is an OSError, whose text holds no
credentials.
"""

import glob
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import fsspec

from pipeline.storage.credentials import public_url, without_credentials


@dataclass(frozen=True)
class Found:
    """A file behind a URL. `mark` changes when the file does, or says why it cannot be read."""

    url: str
    name: str
    size: int
    mark: str


def open_url(url: str) -> BinaryIO:
    """A stream over the file; OSError if it cannot be read."""
    with _as_os_errors():
        return cast(BinaryIO, io.BufferedReader(_Stream(fsspec.open(url, "rb").open())))


def find_urls(pattern: str) -> Iterator[Found]:
    """The file that the URL names, or those that it matches (`*`, `[…]`; also `?`, which in the
    place of a query is none), in order of name."""
    has_magic = glob.has_magic(public_url(pattern))
    first, chain, rest = pattern.partition("::")
    with _as_os_errors():
        filesystem, path = fsspec.core.url_to_fs(pattern)
        paths = sorted(filesystem.glob(path)) if has_magic else [path]
    # A file system may leave out what its URLs begin with: the scheme, the host, its archive.
    before = first.removesuffix(path) if first.endswith(path) else ""
    for one in paths:
        url = f"{before}{one}{chain}{rest}" if has_magic else pattern
        name = re.split("[?#]", one)[0].rpartition("/")[2]
        try:
            with _as_os_errors():
                facts = filesystem.info(one)
        except OSError as error:
            yield Found(url, name, 0, f"unreadable: {error}")
            continue
        marks = (facts.get(key) for key in ("ETag", "etag", "LastModified", "Last-Modified"))
        yield Found(url, name, int(facts.get("size") or 0), str(next(filter(None, marks), "")))


class _Stream(io.RawIOBase):
    """A file of fsspec, whose errors are OSErrors."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(self._stream.seekable())

    def readinto(self, buffer: Any, /) -> int:
        with _as_os_errors():
            data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        with _as_os_errors():
            return int(self._stream.seek(offset, whence))

    def tell(self) -> int:
        return int(self._stream.tell())

    def close(self) -> None:
        self._stream.close()
        super().close()


@contextmanager
def _as_os_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise OSError(without_credentials(f"{type(error).__name__}: {error}")) from error
