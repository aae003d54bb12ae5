"""The corpus verbs in memory, and a corpus of given texts that went through dedup."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from schemas.dedup import DEDUP_DECISIONS
from schemas.identity import doc_id
from stages.contract import (
    ALIVE,
    PARTITION,
    ROW,
    SHARD,
    Output,
    Parts,
    RowStep,
    ShardStep,
    Shuffled,
    Step,
)
from stages.dedup.limits import Limits
from stages.dedup.measure import DedupMeasure
from stages.dedup.options import DedupOptions
from stages.dedup.stage import DedupStage

DOCUMENTS = pa.schema(
    [
        pa.field("doc_id", pa.binary(16)),
        pa.field("text", pa.large_string()),
        pa.field("n_bytes", pa.int64()),
        pa.field("license", pa.string()),
        pa.field("stars", pa.int64()),
        pa.field("repo_created_at", pa.timestamp("us", "UTC")),
        pa.field("url", pa.string()),
        pa.field("crawled_at", pa.timestamp("us", "UTC")),
        pa.field("uri", pa.string()),
        pa.field("kind", pa.string()),
        pa.field("repo", pa.string()),
        pa.field("revision", pa.string()),
        pa.field("path", pa.string()),
        pa.field("language", pa.string()),
        pa.field("domain", pa.string()),
        pa.field(ALIVE, pa.bool_()),
    ]
)


@dataclass
class MemoryParts:
    """Parts of batches that fit their schema."""

    schema: pa.Schema
    parts: list[list[pa.RecordBatch]]

    @property
    def n_parts(self) -> int:
        return len(self.parts)

    def read(self) -> Iterator[pa.RecordBatch]:
        for part in self.parts:
            yield from part


@dataclass
class MemoryShuffled:
    """Partition → batches, in the order of parts."""

    partitions: dict[int, list[pa.RecordBatch]]

    def sizes(self) -> dict[int, tuple[int, int]]:
        return {
            number: (sum(b.num_rows for b in batches), sum(b.nbytes for b in batches))
            for number, batches in sorted(self.partitions.items())
        }


def _conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    arrays = [batch.column(name) for name in schema.names]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


@dataclass
class MemoryCorpus:
    """`stages.contract.Corpus` without durability; counts the calls of each step."""

    name: str
    shards: list[list[pa.RecordBatch]]
    kept: dict[str, MemoryParts] = field(default_factory=dict)
    decided: list[pa.Table] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    before: dict[str, "MemoryCorpus"] = field(default_factory=dict)
    texts_read: int = 0
    """Rows whose text a step over shards was given."""

    def earlier(self) -> Mapping[str, "MemoryCorpus"]:
        return self.before

    def content(self, columns: Sequence[str]) -> str:
        return ",".join(columns)

    @property
    def n_shards(self) -> int:
        return len(self.shards)

    def n_rows(self) -> int:
        return sum(batch.num_rows for shard in self.shards for batch in shard)

    def has(self, column: str) -> bool:
        return column in DOCUMENTS.names

    def n_bytes(self) -> int:
        return sum(int(batch["n_bytes"].to_numpy().sum()) for s in self.shards for batch in s)

    def _rows(
        self, number: int, reads: Sequence[str], everything: bool
    ) -> Iterator[pa.RecordBatch]:
        row = 0
        for batch in self.shards[number]:
            n = batch.num_rows
            whole = batch.append_column(SHARD, pa.array(np.full(n, number, np.int32)))
            whole = whole.append_column(ROW, pa.array(np.arange(row, row + n)))
            row += n
            chosen = whole.select(reads)
            chosen = chosen if everything else chosen.filter(whole[ALIVE])
            self.texts_read += chosen.num_rows * ("text" in reads)
            yield chosen

    def _inputs(
        self, reads: Sequence[str], source: Parts | None, everything: bool
    ) -> list[Iterator[pa.RecordBatch]]:
        if isinstance(source, MemoryParts):
            return [iter(part) for part in source.parts]
        return [self._rows(number, reads, everything) for number in range(self.n_shards)]

    def _call(self, step: Step, batches: Iterator[pa.RecordBatch]) -> list[pa.RecordBatch]:
        name = type(step).__name__
        self.calls[name] = self.calls.get(name, 0) + 1
        return [batch for batch in step(batches) if batch.num_rows]

    def map_shards(
        self,
        name: str,
        step: Step,
        *,
        reads: Sequence[str] = (),
        source: Parts | None = None,
        everything: bool = False,
        keep_as: str | None = None,
    ) -> MemoryParts:
        parts = [
            [_conform(batch, step.schema) for batch in self._call(step, batches)]
            for batches in self._inputs(reads, source, everything)
        ]
        result = MemoryParts(step.schema, parts)
        if keep_as is not None:
            self.kept[keep_as] = result
        return result

    def shuffle(
        self,
        name: str,
        step: Step,
        *,
        reads: Sequence[str] = (),
        source: Parts | None = None,
        everything: bool = False,
    ) -> MemoryShuffled:
        partitions: dict[int, list[pa.RecordBatch]] = {}
        for batches in self._inputs(reads, source, everything):
            for batch in self._call(step, batches):
                assert batch[PARTITION].type == pa.uint32()
                numbers = batch[PARTITION].to_numpy()
                for number in np.unique(numbers).tolist():
                    rows = batch.filter(pa.array(numbers == number))
                    partitions.setdefault(number, []).append(_conform(rows, step.schema))
        return MemoryShuffled(partitions)

    def reduce_partitions(
        self,
        name: str,
        step: Step,
        *sources: Shuffled,
        n_partitions: int,
        keep_as: str | None = None,
    ) -> MemoryParts:
        parts = []
        for number in range(n_partitions):
            batches = [b for s in sources for b in s.partitions.get(number, [])]  # type: ignore[attr-defined]
            parts.append(
                [_conform(batch, step.schema) for batch in self._call(step, iter(batches))]
            )
        assert all(
            number < n_partitions
            for source in sources
            for number in source.partitions  # type: ignore[attr-defined]
        )
        result = MemoryParts(step.schema, parts)
        if keep_as is not None:
            self.kept[keep_as] = result
        return result

    def pick_rows(
        self,
        name: str,
        step: RowStep,
        records: Shuffled,
        *,
        reads: Sequence[str],
        shards: Collection[int] | None = None,
    ) -> MemoryParts:
        assert isinstance(records, MemoryShuffled)
        parts = []
        for number, batches in sorted(records.partitions.items()):
            asked = pa.Table.from_batches(batches)
            wanted = np.unique(step.rows(asked))
            rows = pa.Table.from_batches(self._rows(number, [*reads, ALIVE], True)).take(wanted)
            assert all(rows[ALIVE].to_pylist())
            if "text" in reads:
                self.texts_read += len(wanted) - self.shards_rows(number)
            found = step(iter(rows.select(reads).to_batches()), asked)
            parts.append([_conform(batch, step.schema) for batch in found])
        return MemoryParts(step.schema, parts)

    def shards_rows(self, number: int) -> int:
        return sum(batch.num_rows for batch in self.shards[number])

    def write(self, step: Step, source: Shuffled, outputs: Sequence[Output]) -> None:
        raise NotImplementedError

    def decide(self, step: ShardStep, records: Shuffled, *, reads: Sequence[str] = ()) -> None:
        assert isinstance(records, MemoryShuffled)
        for number in range(self.n_shards):
            batches = records.partitions.get(number, [])
            schema = batches[0].schema if batches else _schema_of(records)
            table = pa.Table.from_batches(batches, schema)
            answers = list(step(self._rows(number, reads, True), table))
            decided = pa.Table.from_batches(answers, step.schema)
            assert decided.num_rows == sum(batch.num_rows for batch in self.shards[number])
            self.decided.append(decided)


def _schema_of(records: MemoryShuffled) -> pa.Schema:
    for batches in records.partitions.values():
        return batches[0].schema
    from stages.dedup.arrays import DROPS

    return DROPS


def _shards(
    documents: Sequence[dict[str, Any]], measure: DedupMeasure, shard_rows: int, batch_rows: int
) -> list[list[pa.RecordBatch]]:
    """Documents with their measures."""
    rows = [
        {
            ALIVE: True,
            "url": f"https://example.org/{document['name']}",
            "uri": document["name"],
            "kind": "source",
            **document,
            "doc_id": doc_id(document["name"]),
            "n_bytes": len(document["text"].encode()),
        }
        for document in documents
    ]
    shards = []
    for start in range(0, len(rows), shard_rows):
        shard = pa.Table.from_pylist(rows[start : start + shard_rows], schema=DOCUMENTS)
        batches = []
        for batch in shard.to_batches(max_chunksize=batch_rows):
            measures = measure.process(batch)
            columns = [*batch.columns, *measures.columns]
            schema = pa.schema([*batch.schema, *measures.schema])
            batches.append(pa.RecordBatch.from_arrays(columns, schema=schema))
        shards.append(batches)
    return shards


@dataclass
class Outcome:
    """What dedup said of each document, by name."""

    corpus: MemoryCorpus
    verdicts: dict[str, dict[str, Any]]

    def kept(self) -> set[str]:
        return {name for name, row in self.verdicts.items() if row["reason"] is None}


@pytest.fixture(scope="session")
def deduplicate() -> Callable[..., Outcome]:
    """Measure and judge documents given as dictionaries with `name`, `text` and what else
    matters; a document's identity is the hash of its name."""

    def run(
        documents: Sequence[dict[str, Any]],
        *,
        corpus: str = "github",
        shard_rows: int = 100,
        batch_rows: int = 7,
        limits: Limits | None = None,
        against: Mapping[str, Sequence[dict[str, Any]]] | None = None,
        **options: Any,
    ) -> Outcome:
        chosen = DedupOptions(**options)
        groups = [documents, *(against or {}).values()]
        names = {doc_id(one["name"]): one["name"] for group in groups for one in group}
        memory, *others = (
            MemoryCorpus(corpus, _shards(group, DedupMeasure(chosen), shard_rows, batch_rows))
            for group in groups
        )
        memory.before = dict(zip(against or {}, others, strict=True))
        DedupStage(chosen, limits).run(memory)
        decided = pa.concat_tables(memory.decided)
        verdicts = {}
        for document, row in zip(documents, decided.to_pylist(), strict=True):
            for column in ("duplicate_of", "cluster"):
                row[column] = names.get(row[column])
            verdicts[document["name"]] = row
        assert set(DEDUP_DECISIONS.names) | {"reason"} == set(decided.schema.names)
        return Outcome(memory, verdicts)

    return run
