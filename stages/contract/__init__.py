"""What a stage is.

Three kinds, all plain objects that know nothing of Ray or storage:

- a `Source` turns inputs (streams, local folders) into documents;
- a `MapStage` looks at one batch of documents and writes a row for each: measures, and, if it is
  a `Filter`, a verdict. The engine hands it living rows alone (those every earlier stage kept) and
  puts nulls beside the others;
- a `CorpusStage` needs the whole corpus at once. It is written against the verbs of `Corpus`.

A batch is one row group of the documents table: at most 16 MiB of text or 2,048 rows, whichever
comes first, and never less than one row.

Names. A stage `rules` of corpus `github` is `github.rules`; a filter has the steps
`github.rules.measure` and `github.rules.decide`.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Protocol, TypeAlias, runtime_checkable

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from stages.contract.steps import (
    ALIVE,
    PARTITION,
    ROW,
    SHARD,
    Artefact,
    ArtefactStep,
    Batches,
    Output,
    Parts,
    RowStep,
    ShardStep,
    Shuffled,
    Step,
)

__all__ = [
    "ALIVE",
    "PARTITION",
    "ROW",
    "SHARD",
    "SKIPPED",
    "Artefact",
    "ArtefactStep",
    "Batches",
    "Corpus",
    "CorpusStage",
    "Filter",
    "HasResources",
    "HasTables",
    "Identity",
    "Input",
    "MapStage",
    "NamesFiles",
    "Options",
    "Output",
    "Parts",
    "Quarantined",
    "RowStep",
    "ShardStep",
    "Shuffled",
    "Skipped",
    "Source",
    "SourceEvent",
    "Step",
]


class Options(BaseModel):
    """Base of every stage's options: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class NamesFiles:
    """Marks an option that may name files: `Annotated[str, NamesFiles()]`, or a tuple of them.
    Such names are relative to the driver's working directory, which is not a worker's. Their last
    part enters fingerprints, wherever they lie, so a stage states their content: as a resource, or
    as a field of the step beside it."""


@dataclass(frozen=True)
class Input:
    """One thing a source reads.

    `name` is the base name (`repo.tar.gz`, `CC-MAIN-….warc.gz`, `installed:numpy`) and may enter
    identities; `uri` is where it lies on this machine or store, for messages only. Either `open`
    returns a fresh binary stream (seekable when the input is a local file) or `folder` is a local
    directory. `metadata` is the input's row of `github.metadata`, or empty.
    """

    name: str
    uri: str
    open: Callable[[], BinaryIO] | None = None
    folder: Path | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Identity:
    """What an input turned out to be (`OWNER/REPO@REVISION`); two inputs must not share one."""

    value: str


@dataclass(frozen=True)
class Skipped:
    """Records passed over on purpose, counted by reason (`binary`, `too_large`, `not_html`, …)."""

    reason: str
    count: int = 1


@dataclass(frozen=True)
class Quarantined:
    """A record that could not be read: where it was, why, and its first bytes."""

    origin: str
    reason: str
    error: str
    offset: int | None = None
    head: bytes = b""


SKIPPED = "skipped"
"""Column that `Source.convert` adds: null for a document, else the reason it is none."""

SourceEvent: TypeAlias = pa.RecordBatch | Identity | Skipped | Quarantined


@runtime_checkable
class HasTables(Protocol):
    """A source or map stage whose output depends on tables of the folder `seeds/`, which hold
    what is known (languages, licences, …): their file names."""

    tables: ClassVar[tuple[str, ...]]


@runtime_checkable
class HasResources(Protocol):
    """A source or map stage that depends on files its options name: name → content hash."""

    def resources(self) -> dict[str, str]: ...


@runtime_checkable
class Source(Protocol):
    """Turns inputs into documents in two steps, so that a record that kills a parser can be
    found by bisection: `read` yields raw records and touches their bytes as little as possible;
    `convert` does the dangerous work, record by record.

    `raw_schema` has at least `origin` (string, hashed into doc_id) and `offset` (int64, may be
    null). `schema` is the documents table. `read` yields raw batches of bounded size (64 records
    or 16 MiB, whichever comes first) and events; it must survive hostile input. `convert` returns
    a batch with the columns of `schema` plus `SKIPPED`, row for row beside `raw`; skipped rows
    may hold nulls.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    libraries: ClassVar[tuple[str, ...]]
    Options: ClassVar[type[Options]]
    raw_schema: ClassVar[pa.Schema]
    schema: ClassVar[pa.Schema]

    def __init__(self, options: Any) -> None: ...

    def read(self, source: Input) -> Iterator[SourceEvent]: ...

    def convert(self, raw: pa.RecordBatch) -> pa.RecordBatch: ...


@runtime_checkable
class MapStage(Protocol):
    """Looks at one batch and returns one row for each of its rows.

    `reads` are the columns `process` asks for (of the documents or of any earlier stage),
    `optional` those of `reads` that `sluice apply` may do without (then the column is absent).
    `schema` holds the measures alone: the engine adds `keep`, `reason`, `doc_id`. `libraries` are
    distributions whose version may change the output. Costly set-up belongs in `__init__`, which
    runs once per worker. `version` rises when the output bytes change.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    libraries: ClassVar[tuple[str, ...]]
    Options: ClassVar[type[Options]]
    reads: ClassVar[tuple[str, ...]]
    optional: ClassVar[tuple[str, ...]]
    schema: pa.Schema

    def __init__(self, options: Any) -> None: ...

    def process(self, batch: pa.RecordBatch) -> pa.RecordBatch: ...


@runtime_checkable
class Filter(MapStage, Protocol):
    """A map stage that also judges, from its measures and a few narrow columns, never from text.

    `measured_with` names the options that `process` depends on; changing any other repeats
    `decide` alone. `decide` receives the measures plus the columns `decides_on` and returns a
    string array with a reason for each row to drop and null for each row to keep.
    """

    measured_with: ClassVar[frozenset[str]]
    decides_on: ClassVar[tuple[str, ...]]

    def decide(self, measures: pa.RecordBatch) -> pa.Array: ...


class Corpus(Protocol):
    """The engine's verbs, for one corpus of one run. Each is durable and resumable: a task whose
    fingerprint (step, fields, inputs' content) has a receipt does not run again.

    `name` says where the rows of a step lie while the stage runs: no two steps of one stage that
    differ may share one. What is before a last `/` (`iteration-2/`) sets rounds apart and is not
    shown."""

    name: str
    n_shards: int
    """One more than the last shard's number; some between may be missing."""

    def n_rows(self) -> int:
        """Documents in the corpus."""

    def n_bytes(self) -> int:
        """Bytes of text in the corpus."""

    def has(self, column: str) -> bool:
        """Whether a step over shards may read the column."""

    def map_shards(
        self,
        name: str,
        step: Step,
        *,
        reads: Sequence[str] = (),
        source: Parts | None = None,
        everything: bool = False,
        keep_as: str | None = None,
    ) -> Parts:
        """Call `step` on the living rows (all rows if `everything`) of every shard, or on every
        part of `source`. `keep_as` names a folder beside the stage's shards where the result
        stays as Parquet; without it the result is scratch."""
        ...

    def shuffle(
        self,
        name: str,
        step: Step,
        *,
        reads: Sequence[str] = (),
        source: Parts | None = None,
        everything: bool = False,
    ) -> Shuffled:
        """As `map_shards`; the step's batches carry `PARTITION`. Rows of one partition keep their
        order: by shard (or part), then as yielded."""
        ...

    def reduce_partitions(
        self,
        name: str,
        step: Step,
        *sources: Shuffled,
        n_partitions: int,
        keep_as: str | None = None,
    ) -> Parts:
        """Call `step` once per partition 0 … n_partitions - 1, also where it has no rows. With
        several sources (of one schema) their rows follow one another."""
        ...

    def pick_rows(
        self,
        name: str,
        step: RowStep,
        records: Shuffled,
        *,
        reads: Sequence[str],
        shards: Collection[int] | None = None,
    ) -> Parts:
        """Call `step` once per shard (or for each of `shards`) with the living rows that it chooses
        from the records shuffled to it (partition = shard number). Row groups without one are not
        read."""
        ...

    def write(self, step: Step, source: Shuffled, outputs: Sequence[Output]) -> None:
        """Call `step` once per output and commit its batches as that file of the run folder,
        one row group a batch. Files of an earlier layout are removed."""
        ...

    def decide(self, step: ShardStep, records: Shuffled, *, reads: Sequence[str] = ()) -> None:
        """Write the stage's table for every shard from the records shuffled to it
        (partition = shard number). The engine adds `keep` and `reason` as for a filter."""
        ...

    def artefact(self, path: str, step: ArtefactStep, *sources: Parts) -> Artefact:
        """A file beside the stage's shards, made now unless it is current: made again only when
        the step's fields or a source change."""
        ...

    def artefacts_in(
        self, folder: str, steps: Mapping[str, ArtefactStep], *sources: Parts
    ) -> tuple[Artefact, ...]:
        """Several at the same time, each by its name in the folder."""
        ...

    def discard(self, path: str) -> None:
        """Remove an artefact that an earlier run had and this one does not, if it is there."""
        ...

    def other(self, name: str) -> "Corpus":
        """Another corpus of the run, with the rows its last stage keeps."""
        ...

    def earlier(self) -> Mapping[str, "Corpus"]:
        """This corpus in the earlier runs that the stage's options name, by these names and in
        their order, with the rows that this stage kept there. What is made of them is written
        in this run."""
        ...

    def content(self, columns: Sequence[str]) -> str:
        """One hash of these columns of all rows, and of the latest verdict."""
        ...


@runtime_checkable
class CorpusStage(Protocol):
    """A stage that needs everything at once. `run` only says what to compute, in terms of the
    verbs; nothing that is current runs again."""

    name: ClassVar[str]
    version: ClassVar[int]
    libraries: ClassVar[tuple[str, ...]]
    Options: ClassVar[type[Options]]

    def __init__(self, options: Any) -> None: ...

    def run(self, corpus: Corpus) -> None: ...
