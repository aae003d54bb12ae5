"""Files on their way from a reader to `convert`: what is known of each, and batches of them.

A batch holds 64 files or 16 MiB, everything that a row brings counted: its path stands in the
origin, too.
"""

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from schemas.documents import GITHUB_DOCUMENTS
from stages.contract import Quarantined

BATCH_FILES = 64
BATCH_BYTES = 16 << 20

_KEPT = ("repo", "revision", "repo_created_at", "stars", "license", "is_vendor")
_FACTS = (*_KEPT, "precedence")

RAW_SCHEMA = pa.schema(
    [
        pa.field("origin", pa.string(), nullable=False),
        pa.field("offset", pa.int64()),
        pa.field("payload", pa.large_binary(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        *(GITHUB_DOCUMENTS.field(name).remove_metadata() for name in _KEPT),
        pa.field("precedence", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the documents of a file's repository say of it, and what is known of the file alone."""

    repo: str
    revision: str
    repo_created_at: datetime.datetime | None
    stars: int | None
    license: str | None
    is_vendor: bool | None = None
    precedence: str | None = None
    """What a licence stated of this file is to a tag in it (`licensing/stated.py`)."""

    @property
    def n_bytes(self) -> int:
        """What a row of these facts weighs, its numbers apart."""
        return len(self.repo) + len(self.revision) + len(self.license or "")


@dataclass(frozen=True, slots=True)
class RawFile:
    """One file with its bytes. `offset` is where it lies in its input, if that can be said."""

    origin: str
    path: str
    offset: int | None
    payload: bytes
    facts: Facts

    @property
    def n_bytes(self) -> int:
        """All that the file's row brings."""
        return len(self.payload) + len(self.origin) + len(self.path) + self.facts.n_bytes


class _Batch:
    """Gathers files into one record batch."""

    def __init__(self) -> None:
        self._files: list[RawFile] = []
        self._n_bytes = 0

    def __len__(self) -> int:
        return len(self._files)

    def is_full_for(self, file: RawFile) -> bool:
        """Whether the batch must be taken before this file is added."""
        n_files = len(self._files)
        return n_files > 0 and (
            n_files == BATCH_FILES or self._n_bytes + file.n_bytes > BATCH_BYTES
        )

    def add(self, file: RawFile) -> None:
        """One more file."""
        self._files.append(file)
        self._n_bytes += file.n_bytes

    def take(self) -> pa.RecordBatch:
        """What was gathered; the batch is empty after it."""
        files, self._files, self._n_bytes = self._files, [], 0
        columns = {
            name: [getattr(file, name) for file in files]
            for name in ("origin", "offset", "payload", "path")
        } | {name: [getattr(file.facts, name) for file in files] for name in _FACTS}
        return pa.record_batch(
            [pa.array(columns[field.name], field.type) for field in RAW_SCHEMA],
            schema=RAW_SCHEMA,
        )


def in_batches(items: Iterable[RawFile | Quarantined]) -> Iterator[pa.RecordBatch | Quarantined]:
    """Files as record batches; what could not be read passes through where it stands."""
    batch = _Batch()
    for item in items:
        if isinstance(item, Quarantined):
            yield item
            continue
        if batch.is_full_for(item):
            yield batch.take()
        batch.add(item)
    if batch:
        yield batch.take()
