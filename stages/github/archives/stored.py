"""The bytes of an archive as they are stored, fetched once although they are looked at twice.

Who a repository is must be known before its first file is handed on, and only its last byte tells
(see `survey`). So the first look keeps what it reads: in memory up to `KEPT_BYTES`, which nearly
every repository of GitHub fits in. A longer stream that cannot seek goes on in an unnamed temporary
file; one that can is read again from where it lies, because a copy of a dump's largest archives is
more than a worker's disk may hold. That is the one case in which bytes are fetched twice.
"""

import io
import tempfile
from typing import IO, BinaryIO

import xxhash

from stages.errors import StageError
from stages.github.entries import Damaged

KEPT_BYTES = 1 << 26
CHUNK_BYTES = 1 << 20


class StoredBytes:
    """A stream that is read forward once, then as a file from its start (`again`)."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._hash = xxhash.xxh3_128()
        self._kept: IO[bytes] | None = io.BytesIO()
        self._size = 0
        self._in_memory = True

    def __enter__(self) -> "StoredBytes":
        return self

    def __exit__(self, *_: object) -> None:
        if self._kept is not None:
            self._kept.close()

    def read(self, size: int = -1) -> bytes:
        """The next bytes of the first look."""
        data = self._stream.read(size)
        self._hash.update(data)
        self._size += len(data)
        self._keep(data)
        return data

    def finish(self) -> str:
        """Read to the end; the xxh3_128 of the whole, 32 hex digits."""
        while self.read(CHUNK_BYTES):
            pass
        return self._hash.hexdigest()

    def again(self) -> IO[bytes]:
        """The whole from its start, seekable; call it when the first look is finished."""
        if self._kept is None:
            self._stream.seek(0)
            return self._stream
        self._kept.seek(0)
        return self._kept

    def _keep(self, data: bytes) -> None:
        if self._in_memory and self._size > KEPT_BYTES:
            self._leave_memory()
        if self._kept is None:
            return
        if not self._in_memory and self._size > self._limit:
            raise Damaged(
                "limit",
                f"a stream of more than {self._limit} bytes (max_archive_bytes)",
                offset=self._limit,
            )
        try:
            self._kept.write(data)
        except OSError as error:
            raise no_room(error) from error

    def _leave_memory(self) -> None:
        """Go on in a file, or keep nothing of a stream that can be read again."""
        assert isinstance(self._kept, io.BytesIO)
        self._in_memory = False
        memory, self._kept = self._kept, None
        if not self._stream.seekable():
            try:
                self._kept = tempfile.TemporaryFile()  # noqa: SIM115 - closed with this object
                self._kept.write(memory.getbuffer())
            except OSError as error:
                raise no_room(error) from error


def no_room(error: OSError) -> StageError:
    """Nothing that is wrong with the input: a temporary file cannot be written."""
    return StageError(
        f"an archive cannot be kept in {tempfile.gettempdir()}: "
        f"{error.strerror}; make room there or name another folder in TMPDIR, and run again"
    )
