"""What became of each repository that was asked for: lines of `ledger.jsonl`, the last counts; and
of each discussion: `discussions.jsonl`.

A line is written when the repository is done, so an interrupted crawl goes on where it stopped;
half a line, which a dying process leaves, is cut off. Memory: the lines, 0.5 kB a repository.
"""

import datetime
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

from stages.errors import StorageError

NAME, DISCUSSIONS = "ledger.jsonl", "discussions.jsonl"
HAD, FAILED = "had", "failed"


@dataclass(frozen=True)
class Entry:
    """One repository or discussion as it was asked for. `outcome` is `had`, or the reason why it is
    not here; `archive` is the base name of the file that it is in, `repo` what the repository is
    called today."""

    asked: str
    outcome: str
    error: str | None = None
    repo: str | None = None
    id: int | None = None
    created_at: str | None = None
    stars: int | None = None
    license: str | None = None
    api_etag: str | None = None
    archive: str | None = None
    revision: str | None = None
    etag: str | None = None
    size: int | None = None
    at: str | None = None

    @property
    def is_moved(self) -> bool:
        """Whether it is called otherwise than it was asked for."""
        return self.repo is not None and self.repo.lower() != self.asked.lower()


_FIELDS = frozenset(field.name for field in fields(Entry))


class Ledger:
    """The entries of a folder, by name without regard to case. Threads may add."""

    def __init__(self, folder: Path, name: str = NAME, *, read_only: bool = False) -> None:
        self._path = folder / name
        self._lines: dict[str, bytes] = {}
        self._mutex = threading.Lock()
        self._stream: BinaryIO | None = None
        end = self._load() if self._path.exists() else 0
        if not read_only:
            self._stream = self._path.open("ab")
            self._stream.truncate(end)

    def close(self) -> None:
        if self._stream is not None:
            os.fsync(self._stream.fileno())
            self._stream.close()

    def get(self, repo: str) -> Entry | None:
        """What became of it, if it is known."""
        line = self._lines.get(repo.lower())
        return None if line is None else _entry(json.loads(line))

    def add(self, entry: Entry) -> None:
        """Write down what became of a repository, unless that is known."""
        known = self.get(entry.asked)
        if known is not None and _without_time(known) == _without_time(entry):
            return
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        row = {name: value for name, value in asdict(entry).items() if value is not None}
        line = json.dumps(row | {"at": now}).encode()
        assert self._stream is not None
        with self._mutex:
            self._stream.write(line + b"\n")
            self._stream.flush()
            self._lines[entry.asked.lower()] = line

    def __iter__(self) -> Iterator[Entry]:
        """All entries, in the order in which repositories were first met."""
        for line in list(self._lines.values()):
            yield _entry(json.loads(line))

    def _load(self) -> int:
        """Read the lines; where the last whole one ends."""
        end = 0
        with self._path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if not line.endswith(b"\n"):
                    break
                try:
                    asked = _entry(json.loads(line)).asked.lower()
                except (ValueError, TypeError, AttributeError, RecursionError) as error:
                    raise StorageError(
                        f"{self._path}, line {number} is damaged ({error}); remove the line: what "
                        "it is about is asked for again"
                    ) from error
                self._lines[asked] = line.rstrip(b"\n")
                end += len(line)
        return end


def _entry(row: dict[str, Any]) -> Entry:
    return Entry(**{name: value for name, value in row.items() if name in _FIELDS})


def _without_time(entry: Entry) -> dict[str, Any]:
    return asdict(entry) | {"at": None}
