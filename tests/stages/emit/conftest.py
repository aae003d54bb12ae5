from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from schemas.documents import GITHUB_DOCUMENTS, WEB_DOCUMENTS
from schemas.identity import doc_id
from stages.contract import PARTITION, Output
from stages.emit.options import EmitOptions
from stages.emit.stage import EmitStage


class MemoryShuffled:
    def __init__(self, batches: list[pa.RecordBatch]) -> None:
        self.table = pa.Table.from_batches(batches) if batches else None

    def sizes(self) -> dict[int, tuple[int, int]]:
        if self.table is None:
            return {}
        counted = self.table.group_by(PARTITION).aggregate([([], "count_all"), ("n_tokens", "sum")])
        return {
            row[PARTITION]: (row["count_all"], row["n_tokens_sum"] * 4)
            for row in counted.to_pylist()
        }


class MemoryCorpus:
    """Documents in memory, shard by shard, in batches of `batch_rows`."""

    def __init__(self, name: str, shards: Sequence[pa.Table], batch_rows: int = 3) -> None:
        self.name = name
        self.n_shards = len(shards)
        self.shards = shards
        self.batch_rows = batch_rows
        self.files: dict[str, list[pa.RecordBatch]] = {}

    def shuffle(self, name: str, step: Any, *, reads: Sequence[str], **_: Any) -> MemoryShuffled:
        batches: list[pa.RecordBatch] = []
        for shard in self.shards:
            mine = shard.select(list(reads)).to_batches(max_chunksize=self.batch_rows)
            batches += step(iter(mine))
        for batch in batches:
            assert batch.drop_columns([PARTITION]).schema == step.schema
        return MemoryShuffled(batches)

    def write(self, step: Any, source: MemoryShuffled, outputs: Sequence[Output]) -> None:
        for output in outputs:
            self.files[output.path] = list(step(self.read(source, output.partitions)))

    def read(self, source: MemoryShuffled, partitions: Sequence[int]) -> Iterator[pa.RecordBatch]:
        assert source.table is not None
        column = source.table[PARTITION].to_numpy()
        wanted = np.flatnonzero(np.isin(column, partitions))
        in_order = wanted[np.argsort(column[wanted], kind="stable")]
        rows = source.table.take(pa.array(in_order)).drop_columns([PARTITION])
        yield from rows.to_batches(max_chunksize=self.batch_rows)

    def rows(self, shard_set: str) -> list[dict[str, Any]]:
        """The samples of a set in the order of its files."""
        return [
            row
            for path in sorted(self.files)
            if path.startswith(f"shards/{shard_set}/")
            for batch in self.files[path]
            for row in batch.to_pylist()
        ]


def documents(schema: pa.Schema, rows: Sequence[dict[str, Any]], extra: dict[str, Any]) -> pa.Table:
    """A documents table from the columns that matter to a test; the rest is null or zero."""
    filled = []
    for number, row in enumerate(rows):
        uri = row.get("uri", f"origin/{number}")
        filled.append(
            {
                "doc_id": doc_id(uri),
                "uri": uri,
                "n_bytes": len(row["text"].encode()),
                "repo": "owner/repo",
                "path": f"file{number}.py",
                "revision": "0" * 40,
                "domain": "example.org",
                **row,
            }
        )
    nullable = pa.schema([field.with_nullable(True) for field in schema])
    fields = [*nullable, *(pa.field(name, kind) for name, kind in extra.items())]
    return pa.Table.from_pylist(filled, pa.schema(fields))


@pytest.fixture(scope="session")
def github() -> Callable[..., pa.Table]:
    return lambda rows, **extra: documents(GITHUB_DOCUMENTS, rows, extra)


@pytest.fixture(scope="session")
def web() -> Callable[..., pa.Table]:
    return lambda rows, **extra: documents(WEB_DOCUMENTS, rows, extra)


@pytest.fixture(scope="session")
def emit() -> Callable[..., MemoryCorpus]:
    """Run emit on shards of documents; whatever optional column they have is announced."""

    def run(name: str, *shards: pa.Table, batch_rows: int = 3, **options: Any) -> MemoryCorpus:
        corpus = MemoryCorpus(name, shards, batch_rows)
        columns = tuple(shards[0].schema.names)
        EmitStage(EmitOptions(columns=columns, **options)).run(corpus)  # type: ignore[arg-type]
        return corpus

    return run
