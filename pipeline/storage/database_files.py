"""How DuckDB reads a run, on a disk or on a store: by a file system of fsspec that cannot write.

DuckDB's own rule for what a query may touch (`allowed_directories`) does not tell reading from
writing, and `COPY … TO` hides in a CTE or an EXPLAIN; here there is nothing to write with. Names
are those within the run, so a run folder may be called anything, and a store is read with our
patience (DuckDB's extension for S3 is a download). A scan of 550 MB takes as long as by DuckDB
itself.
"""

import io
import threading
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, BinaryIO, ClassVar

from fsspec.spec import AbstractFileSystem

from pipeline.storage.storage import LocalStorage, Storage

PROTOCOL = "sluicerun"
ROOT = f"{PROTOCOL}://"


def database_path(path: str) -> str:
    """The name of one of the run's objects in a query, once `attach` was called."""
    return f"{ROOT}{path}"


def attach(connection: Any, storage: Storage) -> None:
    """Let a DuckDB connection read the run's objects."""
    connection.register_filesystem(RunFileSystem(storage))


class RunFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """`sluicerun://PATH` is the object of that path in the run."""

    protocol: ClassVar[str] = PROTOCOL
    cachable: ClassVar[bool] = False

    def __init__(self, storage: Storage) -> None:
        super().__init__()
        self._storage = storage

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        name = self._name(path)
        return {"name": name, "size": self._storage.mark(name).size, "type": "file"}

    def exists(self, path: str, **options: Any) -> bool:
        return self._storage.exists(self._name(path))

    def glob(self, path: str, **options: Any) -> list[str]:
        """Queries name every object."""
        return [self._strip_protocol(path)]

    def modified(self, path: str) -> datetime:
        """For DuckDB's cache. On a store an object never changes under its name."""
        if isinstance(self._storage, LocalStorage):
            return datetime.fromtimestamp(self._storage.mark(self._name(path)).modified / 1e9, UTC)
        return datetime.fromtimestamp(0, UTC)

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        if mode != "rb":
            self._refuse(path)
        return SharedFile(self._storage.open_read(self._name(path)))

    def _refuse(self, path: str, *_: Any, **__: Any) -> None:
        raise PermissionError(f"{path}: a run folder is only read here")

    mkdir = makedirs = rm = rmdir = mv = _refuse

    def _name(self, path: str) -> str:
        """The object's path within the run, and never out of it."""
        name: str = self._strip_protocol(path)
        if name.startswith("/") or ".." in PurePosixPath(name).parts:
            raise PermissionError(f"{path}: not within the run folder")
        return name


class SharedFile(io.RawIOBase):
    """DuckDB's threads share an open file, and seek and read it in two calls: each thread has a
    position of its own, and one reads at a time."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._mutex = threading.Lock()
        self._place = threading.local()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        position: int = getattr(self._place, "position", 0)
        return position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence == io.SEEK_CUR:
            offset += self.tell()
        elif whence == io.SEEK_END:
            with self._mutex:
                offset = self._stream.seek(offset, io.SEEK_END)
        self._place.position = offset
        return offset

    def read(self, size: int | None = -1, /) -> bytes:
        with self._mutex:
            self._stream.seek(self.tell())
            data = self._stream.read(-1 if size is None else size)
        self._place.position = self.tell() + len(data)
        return data

    def readinto(self, buffer: Any, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()
