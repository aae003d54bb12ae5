"""An input whose stored bytes are hashed as they pass: what a source reads is not read again.

Sources open an input once or several times, seek in it, and close it before its end. Here each
byte enters the hash the first time it passes in order; what is left at the end is read from the
stream that the source closed last, which therefore stays open. Cost: a source that reads its input
from front to end reads it once, and so does the hash.
"""

import errno
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, BinaryIO

import xxhash

from pipeline.engine.work.blame import describe
from pipeline.engine.work.task import READING_BYTES_PER_SECOND
from pipeline.engine.work.watchdog import unwind, wind
from pipeline.storage.intake.inputs import InputSpec, is_url, open_input, printable
from stages.contract import Input
from stages.errors import BlockedError

DRAIN_BYTES = 1 << 20
LARGE_BYTES = 1 << 16
"""A read of so much may be waiting for a disk; smaller ones are not worth stopping the clock."""


class ReadingClock:
    """The watchdog over a source that reads: so many seconds of its own work until something comes
    of it. Waiting for bytes is not its work, and each MB that arrives gives it another second."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._left = 0.0
        self._since: float | None = None
        self._arrived = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """The source works."""
        self._left, self._arrived = self._seconds, 0
        self._start()
        try:
            yield
        finally:
            self._since = None
            unwind()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """The source waits for bytes."""
        if self._since is None:
            yield
            return
        unwind()
        self._left -= time.monotonic() - self._since
        try:
            yield
        finally:
            self._start()

    def arrived(self, n_bytes: int) -> None:
        """So many bytes were taken in."""
        self._arrived += n_bytes
        if self._since is not None and self._arrived >= LARGE_BYTES:
            self._left -= time.monotonic() - self._since
            self._start()

    def _start(self) -> None:
        self._left += self._arrived / READING_BYTES_PER_SECOND
        self._arrived = 0
        self._since = time.monotonic()
        wind(self._left)


class HashedInput:
    """One input, as a source sees it, and its hash."""

    def __init__(self, spec: InputSpec, clock: ReadingClock) -> None:
        self._spec = spec
        self._clock = clock
        self._state = xxhash.xxh3_128()
        self._hashed = 0
        self._parked: tuple[BinaryIO, int] | None = None
        self.position = 0
        """How far the source has come."""
        self.failure: OSError | None = None
        """Why the bytes themselves could not be had."""

    def input(self) -> Input:
        """What the source is given."""
        return Input(
            name=self._spec.name,
            uri=printable(self._spec.uri),
            open=None if self._spec.folder is not None else self.open,
            folder=self._spec.folder,
            metadata=dict(self._spec.metadata),
        )

    def open(self) -> BinaryIO:
        """A stream over the input's bytes."""
        with self._clock.waiting(), self._noting_failure():
            stream = open_input(self._spec)
        return _PassingStream(self, stream)  # type: ignore[return-value]

    def digest(self) -> str:
        """xxh3_128 of the whole input: what was read, and the rest; OSError without it."""
        with self._noting_failure():
            self._hash_the_rest()
        return self._state.hexdigest()

    def _hash_the_rest(self) -> None:
        stream, position = self._parked or (open_input(self._spec), 0)
        if position > self._hashed and not stream.seekable():
            stream, position = open_input(self._spec), 0
        self.park(stream, position)
        if position > self._hashed:
            position = stream.seek(self._hashed)
        while data := stream.read(DRAIN_BYTES):
            self._hash(position, data)
            position += len(data)

    def close(self) -> None:
        """Let go of the input."""
        if self._parked is not None:
            self._parked[0].close()
            self._parked = None

    def take(self, stream: BinaryIO, position: int, size: int) -> bytes:
        """Read for the source."""
        waits = not 0 <= size < LARGE_BYTES or is_url(self._spec.uri)
        with self._clock.waiting() if waits else nullcontext(), self._noting_failure():
            data = stream.read(size)
        self._hash(position, data)
        self.position = position + len(data)
        self._clock.arrived(len(data))
        return data

    def park(self, stream: BinaryIO, position: int) -> None:
        """The source is done with a stream, at this place."""
        if self._parked is not None and self._parked[0] is not stream:
            self._parked[0].close()
        self._parked = stream, position

    @contextmanager
    def _noting_failure(self) -> Iterator[None]:
        """An error of the disk or the network, whichever library tells of it, is an OSError, and
        is remembered: the source may take it for damage of the input."""
        try:
            yield
        except (MemoryError, ValueError, OverflowError, BlockedError):
            raise
        except OSError as error:
            self.failure = error
            raise
        except Exception as error:
            self.failure = OSError(errno.EIO, describe(error))
            raise self.failure from error

    def _hash(self, position: int, data: bytes) -> None:
        fresh = position + len(data) - self._hashed
        if 0 < fresh <= len(data):
            self._state.update(memoryview(data)[len(data) - fresh :])
            self._hashed += fresh


class _PassingStream(io.RawIOBase):
    """A stream of the input. What passes is hashed; closed, it is parked."""

    def __init__(self, owner: HashedInput, stream: BinaryIO) -> None:
        self._owner = owner
        self._stream = stream
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._stream.seekable()

    def read(self, size: int | None = -1, /) -> bytes:
        data = self._owner.take(self._stream, self._position, -1 if size is None else size)
        self._position += len(data)
        return data

    def readall(self) -> bytes:
        return self.read(-1)

    def readinto(self, buffer: Any, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._position = self._stream.seek(offset, whence)
        return self._position

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        if not self.closed:
            self._owner.park(self._stream, self._position)
        super().close()
