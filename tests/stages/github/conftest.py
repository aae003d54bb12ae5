"""Runs the source over bytes or folders and gathers what it says."""

import io
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pytest

from stages.contract import Identity, Input, Quarantined, Skipped
from stages.github.options import GithubOptions
from stages.github.stage import GithubSource

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "github"


class Unseekable(io.RawIOBase):
    """A stream as a network gives it."""

    def __init__(self, data: bytes) -> None:
        self._inner = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._inner.readinto(memoryview(buffer)[:1000])


@dataclass
class Outcome:
    identity: str | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    quarantined: list[Quarantined] = field(default_factory=list)
    raw: list[pa.RecordBatch] = field(default_factory=list)

    @property
    def texts(self) -> dict[str, str]:
        return {row["path"]: row["text"] for row in self.rows}


def gather(source: Input, **options: Any) -> Outcome:
    stage = GithubSource(GithubOptions(**options))
    outcome = Outcome()
    for event in stage.read(source):
        if isinstance(event, Identity):
            outcome.identity = event.value
        elif isinstance(event, Skipped):
            outcome.skipped[event.reason] += event.count
        elif isinstance(event, Quarantined):
            outcome.quarantined.append(event)
        else:
            outcome.raw.append(event)
            assert event.schema == stage.raw_schema
            converted = stage.convert(event)
            assert converted.num_rows == event.num_rows
            for row in converted.to_pylist():
                reason = row.pop("skipped")
                if reason is None:
                    outcome.rows.append(row)
                else:
                    outcome.skipped[reason] += 1
    return outcome


@pytest.fixture
def read_bytes() -> Callable[..., Outcome]:
    """`read_bytes(name, data, seekable=True, metadata={}, **options)` → Outcome."""

    def run(
        name: str,
        data: bytes,
        *,
        seekable: bool = True,
        uri: str = "",
        metadata: dict[str, Any] | None = None,
        **options: Any,
    ) -> Outcome:
        def open_stream() -> BinaryIO:
            return io.BytesIO(data) if seekable else io.BufferedReader(Unseekable(data))

        return gather(Input(name, uri or name, open_stream, metadata=metadata or {}), **options)

    return run


@pytest.fixture
def read_folder() -> Callable[..., Outcome]:
    """`read_folder(name, folder, metadata={}, **options)` → Outcome."""

    def run(
        name: str, folder: Path, *, metadata: dict[str, Any] | None = None, **options: Any
    ) -> Outcome:
        return gather(Input(name, str(folder), folder=folder, metadata=metadata or {}), **options)

    return run


@pytest.fixture
def real_archives() -> list[Path]:
    """The repositories of the shared test data; skips where they are absent."""
    archives = sorted(SHARED.glob("*.tar.gz"))
    if not archives:
        pytest.skip("the shared test data are absent")
    return archives
