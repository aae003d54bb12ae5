"""A run folder as a file system of fsspec, for DuckDB: its own extension for S3 is a download, and
would not have our patience. Reads only."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from fsspec.spec import AbstractFileSystem

from pipeline.storage import Storage

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
        return self._storage.open_read(self._strip_protocol(path))
