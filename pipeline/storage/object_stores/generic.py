"""Any other store that fsspec opens (`gs://`, `az://`, `memory://`, …).

fsspec promises no conditional put: a lease is written and read back, a receipt is put plainly. An
upload of several parts is gathered in a file on this machine and sent as one object, which fsspec
cuts as the store wants it.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import fsspec

from pipeline.storage.object_stores.retry import Transient
from pipeline.storage.object_stores.store import ConditionFailed, ObjectInfo, Page
from stages.errors import ConfigError

_MARKS = ("ETag", "etag", "md5Hash", "generation", "mtime", "LastModified", "updated", "created")


@dataclass(frozen=True)
class FsspecStore:
    """One file system of fsspec; keys are paths in it."""

    scheme: str
    conditional: ClassVar[bool] = False

    @property
    def url(self) -> str:
        return f"{self.scheme}:/"

    @property
    def _filesystem(self) -> Any:
        try:
            return fsspec.filesystem(self.scheme, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise ConfigError(f"{self.scheme}:// cannot be opened: {error}") from error

    def head(self, key: str) -> ObjectInfo:
        with _translated():
            facts = self._filesystem.info(key)
        if facts.get("type") == "directory":
            raise FileNotFoundError(key)
        return _info(key, facts)

    def get(self, key: str, start: int, end: int, etag: str | None = None) -> bytes:
        if etag is not None and self.head(key).etag != etag:
            raise ConditionFailed(key)
        with _translated():
            data: bytes = self._filesystem.cat_file(key, start=start, end=end)
        if len(data) != end - start:
            raise Transient(f"{len(data)} bytes came, {end - start} were asked for")
        return data

    def get_all(self, key: str) -> tuple[bytes, ObjectInfo]:
        info = self.head(key)
        with _translated():
            data: bytes = self._filesystem.cat_file(key)
        if len(data) != info.size:
            raise Transient(f"{len(data)} of {info.size} bytes came")
        return data, info

    def put(
        self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None
    ) -> str:
        if if_absent or if_match is not None:
            self._require(key, if_match)
        with _translated():
            self._filesystem.pipe_file(key, data)
        return self.head(key).etag

    def _require(self, key: str, etag: str | None) -> None:
        """A check, then a put: not one step, but all that there is."""
        try:
            found: str | None = self.head(key).etag
        except FileNotFoundError:
            found = None
        if found != etag:
            raise ConditionFailed(key)

    def start_upload(self, key: str) -> str:
        descriptor, path = tempfile.mkstemp(prefix="sluice-upload-")
        os.close(descriptor)
        return path

    def put_part(self, key: str, upload: str, number: int, data: bytes) -> str:
        with open(upload, "ab") as stream:
            stream.write(data)
        return ""

    def complete_upload(self, key: str, upload: str, etags: Sequence[str]) -> None:
        with _translated():
            self._filesystem.put_file(upload, key)
        os.unlink(upload)

    def abort_upload(self, key: str, upload: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(upload)

    def list_page(self, prefix: str, token: str | None, *, recursive: bool) -> Page:
        folder = prefix.rpartition("/")[0]
        try:
            with _translated():
                if recursive:
                    found = self._filesystem.find(folder, detail=True).values()
                else:
                    found = self._filesystem.ls(folder, detail=True, refresh=True)
        except FileNotFoundError:
            return Page(())
        objects = [
            _info(str(facts["name"]).lstrip("/"), facts)
            for facts in found
            if facts.get("type") == "file"
        ]
        return Page(tuple(one for one in objects if one.key.startswith(prefix)))

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            with _translated(), suppress(FileNotFoundError):
                self._filesystem.rm_file(key)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, PermissionError):
        raise
    except OSError as error:
        raise Transient(f"{type(error).__name__}: {error}") from error


def _info(key: str, facts: dict[str, Any]) -> ObjectInfo:
    mark = next((facts[name] for name in _MARKS if facts.get(name) is not None), "")
    if isinstance(mark, datetime):  # a listing may give the same time as a number
        mark = mark.timestamp()
    etag = f"{mark:.6f}" if isinstance(mark, float) else str(mark)
    return ObjectInfo(key, int(facts.get("size") or 0), etag)
