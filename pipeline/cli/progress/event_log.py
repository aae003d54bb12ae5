"""What happened, one JSON object a line: in `RUN/log.jsonl`, and for `--progress json`.

Every event has `time` (seconds since 1970) and `event`, and by that:

    stages          stages: the names to come, in order
    prepared        what, seconds
    stage           stage, number, of, workers: it has something to do and begins
    step            step, tasks, stale: so many of its tasks will run
    task            step, key, rows, bytes (written), text_bytes (read), seconds, cpu_seconds,
                    peak_bytes, quarantined (reason → records)
    step_ended      step, seconds
    stage_ended     stage, as_before; if that is false, documents, kept, text_bytes, quarantined,
                    seconds
    working         step, what: how far tasks are that take long, such as trainings
    standing_still  step, what
    flagged         flag
    failed          error
"""

import contextlib
import json
import time
from pathlib import Path
from typing import IO, Self

from pipeline.storage.credentials import without_credentials
from pipeline.storage.location import is_remote
from stages.errors import StorageError

NAME = "log.jsonl"


class EventLog:
    """Appends to the run's log, if the run lies on a disk (nothing can be appended to an object),
    and writes to `stream`, if there is one."""

    def __init__(self, run: Path, stream: IO[str] | None = None) -> None:
        self._path = None if is_remote(run) else run / NAME
        self._file: IO[str] | None = None
        self._stream = stream

    def __enter__(self) -> Self:
        if self._path is None:
            return self
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._path.exists() and not self._path.is_file():
                raise StorageError(f"the run's log cannot be written: {self._path} is no file")
            self._file = self._path.open("a", encoding="utf-8")
        except OSError as error:
            raise StorageError(f"the run's log cannot be written: {error}") from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()

    def write(self, event: str, **facts: object) -> None:
        """Say what happened."""
        content = {"time": round(time.time(), 3), "event": event, **without_credentials(facts)}
        line = json.dumps(content) + "\n"
        for stream in (self._file, self._stream):
            if stream is not None:
                stream.write(line)
                stream.flush()
