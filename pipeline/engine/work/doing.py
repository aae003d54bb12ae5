"""What a task does that takes long, such as a training, and how far it is.

A worker may be on another machine and a driver that waits for it hears nothing, so the worker notes
what its step tells in a small file of the run folder, at most once a second, and whoever shows the
run's progress has it read. A task of less than a second notes nothing.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from pipeline.engine.work.task import Context, Task
from pipeline.storage.storage import Storage
from stages.contract.telling import heard_by
from stages.errors import StorageError

FOLDER = "scratch/doing"
NOTE_SECONDS = 1.0


@dataclass(frozen=True)
class Doing:
    """A task for who waits: `iteration 2, code`, and what it begins with."""

    name: str
    what: str


def note_of(task: Task) -> str:
    """The path of a task's note."""
    return f"{FOLDER}/{task.step}-{task.key}"


@contextmanager
def noted(context: Context) -> Iterator[None]:
    """While open, what is told is noted, now and then. A note that cannot be written is none."""
    last = time.monotonic()

    def note(what: str) -> None:
        nonlocal last
        if time.monotonic() - last >= NOTE_SECONDS:
            with suppress(OSError, StorageError):
                context.storage.write(note_of(context.task), what.encode())
            last = time.monotonic()

    with heard_by(note):
        yield


class Notes:
    """What the tasks of a step do, from the notes of those that run; read once a second at most."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._tasks: dict[str, Doing] = {}
        self._read = -NOTE_SECONDS
        self._said = ""

    def begin(self, task: Task, doing: Doing) -> None:
        """A task is sent out."""
        self._storage.delete(note_of(task))  # a killed run's
        self._tasks[note_of(task)] = doing
        self._read = -NOTE_SECONDS

    def end(self, task: Task) -> None:
        """It is done."""
        if self._tasks.pop(note_of(task), None) is not None:
            self._storage.delete(note_of(task))

    def close(self) -> None:
        """Leave none behind."""
        for path in self._tasks:
            self._storage.delete(path)

    def __call__(self) -> str:
        """All in one line; to be asked from any thread."""
        now = time.monotonic()
        if now - self._read >= NOTE_SECONDS:
            self._read = now
            running = list(self._tasks.items())
            self._said = "; ".join(f"{one.name}: {self._last(path, one)}" for path, one in running)
        return self._said

    def _last(self, path: str, doing: Doing) -> str:
        with suppress(OSError, StorageError):
            return self._storage.read_bytes(path).decode("utf-8", "replace")
        return doing.what
