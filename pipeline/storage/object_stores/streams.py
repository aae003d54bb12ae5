"""An object as a stream: read by ranges, written in parts.

A reader holds one window of at most 8 MiB: a request that follows the last one grows it, a
request elsewhere fetches no more than it asks for. A writer holds one part of 16 MiB and sends it
when it is full; nothing is visible before `finish`.
"""

import io
from typing import Any

from pipeline.storage.object_stores.retry import BrokenOff, Patience, Retry
from pipeline.storage.object_stores.store import (
    ConditionFailed,
    ObjectInfo,
    ObjectStore,
    Readable,
)
from stages.errors import StorageError

READ_AHEAD_BYTES = 8 << 20
SMALLEST_READ_BYTES = 64 << 10
PART_BYTES = 16 << 20


class ObjectReader(io.RawIOBase):
    """A read-only, seekable stream over one version of an object. `opening` is what is known of it
    already: what the store says, and its first bytes."""

    def __init__(
        self,
        store: Readable,
        key: str,
        retry: Patience,
        *,
        opening: tuple[bytes, ObjectInfo] | None = None,
        read_ahead: int = READ_AHEAD_BYTES,
    ) -> None:
        self._store = store
        self._key = key
        self._retry = retry
        self._name = f"{store.url}/{key}"
        first, self.info = opening or (b"", retry.call(self._name, lambda: store.head(key)))
        self._position = 0
        self._window = memoryview(first)
        self._window_start = 0
        self._read_ahead = read_ahead

    @property
    def size(self) -> int:
        """Bytes of the object."""
        return self.info.size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError("seek before the start")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readall(self) -> bytes:
        return self.read(-1)

    def read(self, size: int | None = -1, /) -> bytes:
        """As many bytes as asked for, fewer only at the object's end."""
        left = max(0, self.size - self._position)
        wanted = left if size is None or size < 0 else min(size, left)
        if not wanted:
            return b""
        offset = self._position - self._window_start
        if not 0 <= offset <= len(self._window) - wanted:
            self._fetch(wanted)
            offset = self._position - self._window_start
        self._position += wanted
        return bytes(self._window[offset : offset + wanted])

    def _fetch(self, wanted: int) -> None:
        """Have a window that begins at or before the position and holds what is wanted."""
        start = self._position
        window_end = self._window_start + len(self._window)
        follows = self._window_start <= start <= window_end and window_end > 0
        head = self._window[start - self._window_start :] if follows else memoryview(b"")
        missing = wanted - len(head)
        ahead = self._read_ahead if follows or start == 0 else SMALLEST_READ_BYTES
        first = start + len(head)
        end = min(self.size, first + max(missing, ahead))
        data = bytearray(head)
        while len(data) < end - start:
            self._retry.call(self._name, lambda: self._get_more(data, start, end))
        self._window = memoryview(data).toreadonly()
        self._window_start = start

    def _get_more(self, data: bytearray, start: int, end: int) -> None:
        """Add to the bytes from `start` what is missing up to `end`. What came of an answer that
        broke off is kept, and the next attempt asks for what follows."""
        try:
            data += self._store.get(self._key, start + len(data), end, self.info.etag)
        except BrokenOff as error:
            data += error.data
            if len(data) < end - start:
                raise
        except ConditionFailed as error:
            raise OSError(f"{self._name} changed while it was read") from error


class ObjectWriter(io.RawIOBase):
    """A write-only stream; `finish` makes the object, `abort` leaves none."""

    def __init__(self, store: ObjectStore, key: str, retry: Retry) -> None:
        self._store = store
        self._key = key
        self._retry = retry
        self._name = f"{store.url}/{key}"
        self._buffer = bytearray()
        self._upload: str | None = None
        self._etags: list[str] = []
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        view = memoryview(data).cast("B")
        self._buffer += view
        self.size += view.nbytes
        while len(self._buffer) >= PART_BYTES:
            self._send(bytes(self._buffer[:PART_BYTES]))
            del self._buffer[:PART_BYTES]
        return view.nbytes

    def _send(self, part: bytes) -> None:
        store, key = self._store, self._key
        if self._upload is None:
            self._upload = self._retry.call(self._name, lambda: store.start_upload(key))
        upload, number = self._upload, len(self._etags) + 1
        etag = self._retry.call(self._name, lambda: store.put_part(key, upload, number, part))
        self._etags.append(etag)

    def finish(self) -> None:
        """Send the rest; the object is there and durable when this returns."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        if self._upload is None:
            self._retry.call(self._name, lambda: self._store.put(self._key, rest))
            return
        if rest:
            self._send(rest)
        self._retry.call(self._name, self._complete)

    def _complete(self) -> None:
        assert self._upload is not None
        try:
            self._store.complete_upload(self._key, self._upload, self._etags)
        except FileNotFoundError:
            # An earlier attempt may have been done although its answer was lost.
            if self._store.head(self._key).size != self.size:
                raise StorageError(f"{self._name}: the upload was lost; run again") from None

    def abort(self) -> None:
        """Forget what was sent."""
        self._buffer.clear()
        if self._upload is not None:
            self._store.abort_upload(self._key, self._upload)
