"""What an object store can do, one request at a time and without patience.

Keys are whole object names within the store. Every method may raise `Transient` (worth another
attempt), FileNotFoundError, PermissionError or StorageError; conditional puts raise
`ConditionFailed`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol


class ConditionFailed(Exception):  # noqa: N818 - an answer, not a fault
    """The object exists already, or is no longer the one that was expected."""


@dataclass(frozen=True)
class ObjectInfo:
    """What a store says of one object."""

    key: str
    size: int
    etag: str
    """Changes whenever the content does."""
    age_seconds: float | None = None
    """Since it was written, by the store's own clock; None if the store does not tell."""


@dataclass(frozen=True)
class Page:
    """One page of a listing; `token` asks for the next."""

    objects: tuple[ObjectInfo, ...]
    token: str | None = None


class Readable(Protocol):
    """What is needed to read a store."""

    @property
    def url(self) -> str:
        """For messages: never holds credentials."""
        ...

    def head(self, key: str) -> ObjectInfo: ...

    def get(self, key: str, start: int, end: int, etag: str | None = None) -> bytes:
        """Exactly the bytes [start, end); ConditionFailed if `etag` is not the object's. May raise
        `BrokenOff` with what came."""
        ...


class ObjectStore(Readable, Protocol):
    """A bucket, or what stands for one. Small and picklable: connections are made where needed."""

    conditional: ClassVar[bool]
    """Whether `if_absent` and `if_match` are honoured by the store itself, in one step."""

    def get_all(self, key: str) -> tuple[bytes, ObjectInfo]:
        """A small object whole, with what the store says of it."""
        ...

    def put(
        self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None
    ) -> str:
        """Write an object in one request; returns its etag."""
        ...

    def start_upload(self, key: str) -> str:
        """Begin an object of several parts; nothing is visible before `complete_upload`."""
        ...

    def put_part(self, key: str, upload: str, number: int, data: bytes) -> str:
        """Parts are numbered from 1; sending one again replaces it. Returns its etag."""
        ...

    def complete_upload(self, key: str, upload: str, etags: Sequence[str]) -> None:
        """FileNotFoundError if there is no such upload (it may have been completed before)."""
        ...

    def abort_upload(self, key: str, upload: str) -> None: ...

    def list_page(self, prefix: str, token: str | None, *, recursive: bool) -> Page:
        """Objects whose key starts with `prefix`; unless `recursive`, none with a `/` after it."""
        ...

    def delete(self, keys: Sequence[str]) -> None:
        """At most 1,000 keys; it is no error if one is not there."""
        ...
