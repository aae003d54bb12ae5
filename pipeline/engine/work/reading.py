"""A source's `read`, guarded: whatever it raises while it reads an input, and an input on which it
hangs or dies, costs the rest of that input and nothing else.

In this process a hang ends the worker, as it does for a batch (`guard`); sent again with
`isolate`, the task has its inputs read in a child, which hands over event after event.
"""

import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Protocol

from pipeline.engine.work.blame import describe, is_ours_while_reading
from pipeline.engine.work.child import Child, ChildFailed, serve
from pipeline.engine.work.hashed_input import HashedInput, ReadingClock
from pipeline.engine.work.patience import PATIENCE, Patience
from pipeline.engine.work.task import Limits, StageRef
from pipeline.storage.commoncrawl.gate import granted
from pipeline.storage.intake.inputs import InputSpec, content_digest, folder_digest
from pipeline.storage.politeness.gate import Connection
from schemas.quarantine import ERROR, TIMEOUT, UNREADABLE
from stages.contract import SourceEvent
from stages.errors import BlockedError, StageError

EVENT, ENDED, FAILED = b"v", b"d", b"x"


class ReadFailed(Exception):  # noqa: N818 - says what happened
    """The rest of an input cannot be read: why, and how far it was read."""

    def __init__(self, reason: str, error: str, offset: int | None) -> None:
        super().__init__(error)
        self.reason = reason
        self.error = error
        self.offset = offset


class Reader(Protocol):
    """Reads the inputs of a task."""

    def events(self, spec: InputSpec) -> Iterator[SourceEvent]:
        """What the source makes of the input; ReadFailed where that ends."""
        ...

    @property
    def digest(self) -> str:
        """The content's hash of the input whose events have ended; `UNREADABLE` without one."""
        ...

    def close(self) -> None: ...


def open_reader(stage: StageRef, limits: Limits, patience: Patience, *, isolate: bool) -> Reader:
    """A reader in this process, or in one of its own."""
    if isolate:
        return _IsolatedReader(stage, limits, patience)
    return _DirectReader(stage.load(), limits.record_seconds)


class _DirectReader:
    def __init__(self, source: Any, seconds: float) -> None:
        self._source = source
        self._seconds = seconds
        self.digest = UNREADABLE
        self.position: int | None = None

    def events(self, spec: InputSpec) -> Iterator[SourceEvent]:
        clock = ReadingClock(self._seconds)
        hashed = HashedInput(spec, clock)
        self.digest, self.position = UNREADABLE, None
        try:
            error: Exception | None = None
            folder = ""
            try:
                folder = folder_digest(spec) if spec.folder is not None else ""
                yield from self._events(hashed, clock)
            except BlockedError:
                raise  # not even the rest of the input is asked for
            except Exception as raised:  # noqa: BLE001 - told apart below
                error = raised
            error = hashed.failure or error
            if error is None or not _is_unreadable(error, hashed):
                try:
                    self.digest = folder or hashed.digest()
                except OSError as raised:
                    error = raised
            if error is not None:
                self._raise_ours(spec, error)
                reason = UNREADABLE if self.digest == UNREADABLE else ERROR
                offset = None if spec.folder is not None else hashed.position
                raise ReadFailed(reason, describe(error), offset) from error
        finally:
            hashed.close()

    def _events(self, hashed: HashedInput, clock: ReadingClock) -> Iterator[SourceEvent]:
        with clock.running():
            events = iter(self._source.read(hashed.input()))
        while True:
            with clock.running():
                event = next(events, None)
            if event is None:
                return
            self.position = hashed.position
            yield event

    def _raise_ours(self, spec: InputSpec, error: Exception) -> None:
        if isinstance(error, MemoryError | OSError) and is_ours_while_reading(error):
            raise error
        if is_ours_while_reading(error):
            name = f"{type(self._source).__name__}.read"
            raise StageError(f"{name}, reading {spec.name}: {describe(error)}") from error

    def close(self) -> None:
        return None


def _is_unreadable(error: Exception, hashed: HashedInput) -> bool:
    """Whether the bytes could not be had; else it is what they say."""
    return error is hashed.failure or (isinstance(error, OSError) and error.errno is not None)


class _IsolatedReader:
    def __init__(self, stage: StageRef, limits: Limits, patience: Patience) -> None:
        self._child = Child("pipeline.engine.work.reading", pickle.dumps(stage))
        self._limits = limits
        self._patience = patience
        self.digest = UNREADABLE

    def events(self, spec: InputSpec) -> Iterator[SourceEvent]:
        with granted(spec.crawl) as (crawl, connection):
            yield from self._events(replace(spec, crawl=crawl), connection)

    def _events(self, spec: InputSpec, connection: Connection) -> Iterator[SourceEvent]:
        self.digest = UNREADABLE
        position: int | None = None
        seconds = self._patience.limit(self._limits.record_seconds * PATIENCE)
        try:
            self._child.ask(pickle.dumps((spec, seconds)))
            while True:
                status, body = self._child.answer()
                connection.renew()
                content = pickle.loads(body)
                if status == EVENT:
                    position, event = content
                    yield event
                    continue
                self.digest = content[0]
                if status == FAILED:
                    raise ReadFailed(*content[1:])
                return
        except ChildFailed as error:
            if error.reason == TIMEOUT:
                self._patience.lose(seconds)
            self.digest = content_digest(spec)
            raise ReadFailed(error.reason, str(error), position) from None

    def close(self) -> None:
        self._child.close()


def _answers(greeting: bytes) -> Callable[[bytes], Iterator[tuple[bytes, bytes]]]:
    reference: StageRef = pickle.loads(greeting)
    source = reference.load()

    def answer(request: bytes) -> Iterator[tuple[bytes, bytes]]:
        spec, seconds = pickle.loads(request)
        reader = _DirectReader(source, seconds)
        try:
            for event in reader.events(spec):
                yield EVENT, pickle.dumps((reader.position, event))
        except ReadFailed as failure:
            facts = (reader.digest, failure.reason, failure.error, failure.offset)
            yield FAILED, pickle.dumps(facts)
        else:
            yield ENDED, pickle.dumps((reader.digest,))

    return answer


if __name__ == "__main__":
    serve(_answers)
