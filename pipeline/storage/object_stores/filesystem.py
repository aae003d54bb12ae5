"""A run folder as a file system of fsspec, for DuckDB: its own extension for S3 is a download, and
would not have our patience. Reads only."""

import io
import threading
from datetime import UTC, datetime
from typing import Any, BinaryIO, ClassVar

from fsspec.spec import AbstractFileSystem

from pipeline.storage.storage import Storage

PROTOCOL = "sluicerun"


class RunFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """`sluicerun://PATH` is the object of that path in the run."""

    protocol: ClassVar[str] = PROTOCOL
    cachable: ClassVar[bool] = False

    def __init__(self, storage: Storage) -> None:
        super().__init__()
        self._storage = storage

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        name = self._strip_protocol(path)
        return {"name": name, "size": self._storage.mark(name).size, "type": "file"}

    def exists(self, path: str, **options: Any) -> bool:
        return self._storage.exists(self._strip_protocol(path))

    def glob(self, path: str, **options: Any) -> list[str]:
        """Queries name every object."""
        return [self._strip_protocol(path)]

    def modified(self, path: str) -> datetime:
        """A run's objects never change under their name."""
        return datetime.fromtimestamp(0, UTC)

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        if mode != "rb":
            raise PermissionError(f"{path}: a run folder is only read here")
        return _SharedFile(self._storage.open_read(self._strip_protocol(path)))


class _SharedFile(io.RawIOBase):
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
