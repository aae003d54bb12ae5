"""Where a run folder lies: the one interface through which the engine reads and writes it.

A worker writes an object under a staged name, which carries the driver's generation and the
attempt, so a worker that outlives its driver can never touch what a later driver committed. On a
local disk a commit is: write under a hidden name, fsync, rename, fsync of the folder (`settle`,
once for many). On a store (`object_stores`) nothing is renamed: the staged name is the object's
name, and it counts once a receipt names it. Paths are relative to the run folder, with `/`.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, cast

import pyarrow as pa

from pipeline.storage.replace import TEMPORARY_SUFFIX, fsync_folder, replacing


@dataclass(frozen=True)
class Mark:
    """What a listing says of an object: if it is unchanged, so is the content."""

    size: int
    modified: int
    """Nanoseconds since the epoch on a local disk; a number made of the etag on a store."""


@dataclass(frozen=True)
class Committed:
    """An object that is in its place: its name in its folder, and what a listing says of it."""

    name: str
    mark: Mark


class Storage(Protocol):
    """A run folder. Instances travel to workers, so they must be small and picklable."""

    @property
    def url(self) -> str:
        """Where the run folder lies, for messages."""
        ...

    @property
    def is_temporary(self) -> bool:
        """Whether the run is deleted when its driver ends: then tables are not compressed, and
        nothing is made to survive a crash of the machine."""
        ...

    def open_read(self, path: str) -> BinaryIO: ...

    def read_bytes(self, path: str) -> bytes: ...

    def exists(self, path: str) -> bool: ...

    def list(self, folder: str) -> dict[str, Mark]:
        """Name → mark of the files directly in `folder`; empty if there is no such folder."""
        ...

    def walk(self) -> Iterator[tuple[str, Mark]]:
        """Path and mark of every file of the run, in no order."""
        ...

    def mark(self, path: str) -> Mark: ...

    def write(self, path: str, data: bytes) -> None:
        """Replace a small file atomically and durably."""
        ...

    def create(self, path: str, data: bytes) -> None:
        """As `write`, for a file that is not there yet; where the store can tell, StorageError
        if another driver made one meanwhile."""
        ...

    def stage(self, path: str, generation: int, attempt: int) -> str:
        """Where one attempt at the object `path` is written: a path that no other attempt has."""
        ...

    def is_staged(self, name: str) -> bool:
        """Whether a file of this name counts only if a receipt names it."""
        ...

    @contextmanager
    def open_write(self, path: str) -> Iterator[BinaryIO]:
        """Write a staged object; it is durable when the block ends without an error."""
        ...

    def commit(self, staged: str, path: str) -> Committed:
        """Make a durable staged object that of `path`; `settle` makes that last. The name it
        got, which a receipt must give, need not be that of `path`."""
        ...

    def settle(self, folder: str) -> None:
        """Make all commits in the folder survive a crash of the machine: one call for many."""
        ...

    def delete(self, path: str) -> None:
        """Remove a file; it is no error if there is none."""
        ...

    def delete_folder(self, folder: str) -> None: ...


@dataclass(frozen=True)
class LocalStorage:
    """A run folder on a local (or POSIX network) disk."""

    root: Path
    is_temporary: bool = False

    @property
    def url(self) -> str:
        return str(self.root)

    def _path(self, path: str) -> Path:
        return self.root / path

    def open_read(self, path: str) -> BinaryIO:
        if self.is_temporary:  # plain tables: their batches are views of the pages in memory
            return cast(BinaryIO, pa.memory_map(str(self._path(path))))
        return self._path(path).open("rb")

    def read_bytes(self, path: str) -> bytes:
        return self._path(path).read_bytes()

    def exists(self, path: str) -> bool:
        return self._path(path).exists()

    def list(self, folder: str) -> dict[str, Mark]:
        try:
            with os.scandir(self._path(folder)) as entries:
                return {
                    entry.name: Mark(entry.stat().st_size, entry.stat().st_mtime_ns)
                    for entry in entries
                    if entry.is_file()
                }
        except FileNotFoundError:
            return {}

    def walk(self) -> Iterator[tuple[str, Mark]]:
        for folder, _, names in os.walk(self.root):
            for name in names:
                path = Path(folder, name).relative_to(self.root).as_posix()
                try:
                    mark = self.mark(path)
                except FileNotFoundError:  # a run at work renames its files
                    continue
                yield path, mark

    def mark(self, path: str) -> Mark:
        status = self._path(path).stat()
        return Mark(status.st_size, status.st_mtime_ns)

    def write(self, path: str, data: bytes) -> None:
        with replacing(self._path(path), durable=not self.is_temporary) as stream:
            stream.write(data)

    def create(self, path: str, data: bytes) -> None:
        self.write(path, data)

    def stage(self, path: str, generation: int, attempt: int) -> str:
        folder, _, name = path.rpartition("/")
        return f"{folder}/.{name}.g{generation}a{attempt}{TEMPORARY_SUFFIX}"

    def is_staged(self, name: str) -> bool:
        return name.endswith(TEMPORARY_SUFFIX)

    @contextmanager
    def open_write(self, path: str) -> Iterator[BinaryIO]:
        target = self._path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with target.open("wb") as stream:
                yield stream
                stream.flush()
                if not self.is_temporary:
                    os.fsync(stream.fileno())
        except BaseException:
            target.unlink(missing_ok=True)  # on a full disk the driver needs its room
            raise

    def commit(self, staged: str, path: str) -> Committed:
        target = self._path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        self._path(staged).replace(target)
        return Committed(target.name, self.mark(path))

    def settle(self, folder: str) -> None:
        if not self.is_temporary:
            fsync_folder(self._path(folder))

    def delete(self, path: str) -> None:
        self._path(path).unlink(missing_ok=True)

    def delete_folder(self, folder: str) -> None:
        shutil.rmtree(self._path(folder), ignore_errors=True)
