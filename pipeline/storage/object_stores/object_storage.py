"""A run folder on an object store.

An object is written once, under a name with the driver's generation and the attempt
(`00000.g3a0.parquet`), and counts when a receipt names it; so nothing is renamed, and a straggler
of a dead driver writes beside what counts, never over it. Every request has patience (`Retry`), a
listing costs one request per 1,000 names, a read that is too short is read again.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO, ClassVar, TypeVar, cast

import xxhash

from pipeline.storage.object_stores.retry import Retry, Transient
from pipeline.storage.object_stores.store import ConditionFailed, ObjectInfo, ObjectStore
from pipeline.storage.object_stores.streams import ObjectReader, ObjectWriter
from pipeline.storage.storage import Committed, Mark
from stages.errors import StorageError

DELETED_AT_ONCE = 1000
"""Keys in one request, S3's limit."""

_STAGED = re.compile(r".+\.g\d+a\d+\.[^.]+")
T = TypeVar("T")


@dataclass(frozen=True)
class ObjectStorage:
    """A run folder: the objects of `store` whose keys start with `prefix/`."""

    store: ObjectStore
    prefix: str
    retry: Retry = field(default_factory=Retry)
    is_temporary: ClassVar[bool] = False

    @property
    def url(self) -> str:
        return f"{self.store.url}/{self.prefix}"

    def key(self, path: str) -> str:
        """The object's name in the store."""
        return f"{self.prefix}/{path}" if self.prefix else path

    def call(self, path: str, action: Callable[[], T]) -> T:
        """A request with patience; a refused one is a StorageError."""
        what = f"{self.url}/{path}"
        try:
            return self.retry.call(what, action)
        except PermissionError as error:
            raise StorageError(f"{what}: the store refuses access ({error})") from error

    def before_change(self) -> None:
        """Called before anything of the run that counts is changed."""

    def open_read(self, path: str) -> BinaryIO:
        key = self.key(path)
        return cast(BinaryIO, self.call(path, lambda: ObjectReader(self.store, key, self.retry)))

    def read_bytes(self, path: str) -> bytes:
        key = self.key(path)
        return self.call(path, lambda: self.store.get_all(key))[0]

    def exists(self, path: str) -> bool:
        try:
            self.mark(path)
        except FileNotFoundError:
            return False
        return True

    def list(self, folder: str) -> dict[str, Mark]:
        prefix = f"{self.key(folder)}/" if folder else self._root
        found = self._list(prefix, recursive=False)
        return {name: _mark(one) for one in found if (name := one.key.removeprefix(prefix))}

    def walk(self) -> Iterator[tuple[str, Mark]]:
        for one in self._list(self._root, recursive=True):
            if path := one.key.removeprefix(self._root):
                yield path, _mark(one)

    @property
    def _root(self) -> str:
        return f"{self.prefix}/" if self.prefix else ""

    def _list(self, prefix: str, *, recursive: bool) -> Iterator[ObjectInfo]:
        token: str | None = None
        while True:
            page = self.call(
                prefix,
                lambda token=token: self.store.list_page(  # type: ignore[misc]
                    prefix, token, recursive=recursive
                ),
            )
            yield from page.objects
            token = page.token
            if token is None:
                return

    def mark(self, path: str) -> Mark:
        return _mark(self.call(path, lambda: self.store.head(self.key(path))))

    def write(self, path: str, data: bytes) -> None:
        self.before_change()
        self.call(path, lambda: self.store.put(self.key(path), data))

    def create(self, path: str, data: bytes) -> None:
        self.before_change()
        try:
            self.call(path, lambda: self.store.put(self.key(path), data, if_absent=True))
        except ConditionFailed as error:
            # The first attempt may have been done although its answer was lost.
            if self.read_bytes(path) != data:
                raise StorageError(
                    f"{self.url}/{path} is there already: another driver has this run"
                ) from error

    def stage(self, path: str, generation: int, attempt: int) -> str:
        stem, _, extension = path.rpartition(".")
        return f"{stem}.g{generation}a{attempt}.{extension}"

    def is_staged(self, name: str) -> bool:
        return _STAGED.fullmatch(name) is not None

    @contextmanager
    def open_write(self, path: str) -> Iterator[BinaryIO]:
        writer = ObjectWriter(self.store, self.key(path), self.retry)
        try:
            yield cast(BinaryIO, writer)
            self.call(path, writer.finish)
        except BaseException:
            self._abort(writer)
            raise

    def _abort(self, writer: ObjectWriter) -> None:
        """Without patience: what stays behind is invisible, and the store's own rules remove it."""
        try:
            writer.abort()
        except (Transient, OSError, StorageError):
            return

    def commit(self, staged: str, path: str) -> Committed:
        self.before_change()
        return Committed(staged.rpartition("/")[2], self.mark(staged))

    def settle(self, folder: str) -> None:
        """A store answers when an object is durable."""

    def delete(self, path: str) -> None:
        self.before_change()
        self.call(path, lambda: self.store.delete([self.key(path)]))

    def delete_folder(self, folder: str) -> None:
        self.before_change()
        keys = [one.key for one in self._list(f"{self.key(folder)}/", recursive=True)]
        for start in range(0, len(keys), DELETED_AT_ONCE):
            part = keys[start : start + DELETED_AT_ONCE]
            self.call(folder, lambda part=part: self.store.delete(part))  # type: ignore[misc]


def _mark(info: ObjectInfo) -> Mark:
    return Mark(info.size, xxhash.xxh3_64_intdigest(info.etag.strip('"').encode()) >> 1)
