"""The verbs of a corpus over documents in memory, for a loop that is run again and again.

Nothing is durable but what costs most: trainings, remembered on disk by what they learned from, so
that a setting which trains nothing anew is judged in seconds.
"""

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from stages.contract import PARTITION, ROW, SHARD
from stages.kernels.fasttext.scoring import list_buffers
from stages.recall import learn
from stages.recall.classifier import train

ROWS = 2048


@dataclass
class Parts:
    """Batches of several parts."""

    parts: list[list[pa.RecordBatch]]

    @property
    def n_parts(self) -> int:
        """How many there are."""
        return len(self.parts)

    def read(self) -> Iterator[pa.RecordBatch]:
        """All, one after another."""
        for part in self.parts:
            yield from part


@dataclass(frozen=True)
class Bytes:
    """An artefact."""

    data: bytes

    @property
    def content_hash(self) -> str:
        """xxh3_128."""
        return xxhash.xxh3_128_hexdigest(self.data)

    def read(self) -> bytes:
        """The bytes."""
        return self.data


@dataclass
class MemoryCorpus:
    """One shard of living documents, with their tokens."""

    name: str
    documents: pa.Table
    others: dict[str, "MemoryCorpus"] = field(default_factory=dict)
    artefacts: dict[str, Bytes] = field(default_factory=dict)
    kept: dict[str, pa.Table] = field(default_factory=dict)
    decided: pa.Table | None = None
    n_shards: int = 1

    def __post_init__(self) -> None:
        n_rows = len(self.documents)
        places = {SHARD: np.zeros(n_rows, np.int32), ROW: np.arange(n_rows)}
        for name, column in places.items():
            self.documents = self.documents.append_column(name, pa.array(column))

    def n_rows(self) -> int:
        """Documents."""
        return len(self.documents)

    def n_bytes(self) -> int:
        """Bytes of text."""
        return int(pc.sum(pc.binary_length(self.documents["text"])).as_py() or 0)

    def has(self, column: str) -> bool:
        """Whether there is such a column."""
        return column in self.documents.schema.names

    def other(self, name: str) -> "MemoryCorpus":
        """Another corpus."""
        return self.others[name]

    def map_shards(
        self,
        name: str,
        step: Any,
        *,
        reads: Sequence[str] = (),
        source: Parts | None = None,
        everything: bool = False,
        keep_as: str | None = None,
    ) -> Parts:
        """The step over the shard, or over each part."""
        parts = source.parts if source is not None else [self._batches(reads)]
        return self._keep(Parts([list(step(iter(part))) for part in parts]), step, keep_as)

    def shuffle(self, name: str, step: Any, **options: Any) -> pa.Table:
        """What the step sends."""
        schema = step.schema
        if PARTITION not in schema.names:
            schema = schema.append(pa.field(PARTITION, pa.uint32()))
        sent = list(self.map_shards(name, step, **options).read())
        return pa.Table.from_batches(sent) if sent else schema.empty_table()

    def reduce_partitions(
        self,
        name: str,
        step: Any,
        *sources: pa.Table,
        n_partitions: int,
        keep_as: str | None = None,
    ) -> Parts:
        """The step over each partition."""
        rows = pa.concat_tables(sources)
        parts = []
        for number in range(n_partitions):
            chosen = rows.filter(pc.equal(rows[PARTITION], number)).drop_columns([PARTITION])
            parts.append(list(step(iter(chosen.to_batches()))))
        return self._keep(Parts(parts), step, keep_as)

    def artefact(self, path: str, step: Any, *sources: Parts) -> Bytes:
        """What the step makes."""
        self.artefacts[path] = Bytes(step(*(source.read() for source in sources)))
        return self.artefacts[path]

    def artefacts_in(self, folder: str, steps: dict[str, Any], *sources: Parts) -> tuple[Any, ...]:
        """Several."""
        return tuple(self.artefact(f"{folder}/{name}", steps[name], *sources) for name in steps)

    def discard(self, path: str) -> None:
        """No artefact is there."""

    def decide(self, step: Any, records: pa.Table, *, reads: Sequence[str] = ()) -> None:
        """The stage's table."""
        own = records.drop_columns([PARTITION]) if PARTITION in records.schema.names else records
        self.decided = pa.Table.from_batches(step(iter(self._batches(reads)), own), step.schema)

    def _batches(self, reads: Sequence[str]) -> list[pa.RecordBatch]:
        batches: list[pa.RecordBatch] = self.documents.select(list(reads)).to_batches(ROWS)
        return batches

    def _keep(self, made: Parts, step: Any, keep_as: str | None) -> Parts:
        if keep_as is not None:
            self.kept[keep_as] = pa.Table.from_batches(made.read(), step.schema)
        return made


def remember_trainings(folder: Path) -> None:
    """From now on in this process: a training whose documents, recipe and options were met before
    is read from the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    fit = train.fit

    def remembered(
        negatives: pa.Array, positives: pa.Array, recipe: Any, options: Any, full: Any = None
    ) -> Any:
        key = xxhash.xxh3_128(repr((asdict(recipe), options.model_dump(include=USED))).encode())
        for documents in (negatives, positives):
            offsets, tokens = list_buffers(documents)
            key.update(np.ascontiguousarray(tokens[offsets[0] : offsets[-1]]).tobytes())
            key.update(np.diff(offsets).tobytes())
        path = folder / key.hexdigest()
        if not path.exists():
            path.write_bytes(pickle.dumps(fit(negatives, positives, recipe, options, full)))
        return pickle.loads(path.read_bytes())

    train.fit = learn.fit = remembered


USED = {"max_buckets", "seed", "mode"}
"""The options that a training depends on beside its documents."""
