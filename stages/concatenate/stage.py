"""Joins the living source files of a repository to repository-level training samples.

DeepSeek-Coder-V2 concatenates a repository's files in random order (its author, issue 22 of
DeepSeek-Coder-V2), DeepSeek-Coder in order of dependency; `order` chooses. The random order is
drawn from `seed` and the file's identity, so it does not change when other files are dropped; for
the other the text is read, and one repository after another is ordered (`dependency`). A sample is
cut at file boundaries by a budget of *bytes*: a MiB of source text is about 355,000 tokens.

Markdown and issues are samples of their own. A sample of one document has that document's
identity, a longer one the hash of its documents' identities in order.

A repository lies in one shard whole, so every shard is worked out alone: about 300 bytes per
living document are held, and in order of dependency what it imports.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import xxhash

from schemas.columns import DOC_ID
from schemas.concatenate import CONCATENATE_MEASURES
from schemas.identity import seeded_hash
from stages.concatenate.dependency import dependency_order
from stages.concatenate.imports import NO_IMPORTS, Imports, imports_of
from stages.concatenate.options import ConcatenateOptions
from stages.contract import PARTITION, ROW, SHARD, Batches, Corpus, Options

JOINED_KIND = "source"
READS = (SHARD, ROW, "doc_id", "kind", "repo", "n_bytes")
READS_IMPORTS = (*READS, "path", "text")


@dataclass(frozen=True)
class SourceFile:
    """A living source file: its row in the shard, its identity, its length; its path and imports
    where the order asks for them."""

    row: int
    doc_id: bytes
    n_bytes: int
    path: str = ""
    imports: Imports = NO_IMPORTS


@dataclass(frozen=True)
class AssignSamples:
    """Gives every living document of a shard its sample and its place there."""

    order: str
    max_sample_bytes: int
    seed: int
    schema: ClassVar[pa.Schema] = pa.schema(
        [pa.field(ROW, pa.int64(), nullable=False), *CONCATENATE_MEASURES]
    )

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that the order asks for."""
        return READS_IMPORTS if self.order == "dependency" else READS

    def __call__(self, batches: Batches) -> Batches:
        shard = 0
        repositories: dict[str, list[SourceFile]] = {}
        assigned: list[tuple[int, bytes, int]] = []
        for batch in batches:
            if not batch.num_rows:
                continue
            shard = batch.column(SHARD)[0].as_py()
            columns = (batch.column(name).to_pylist() for name in self.reads[1:])
            for row, doc_id, kind, repo, n_bytes, *named in zip(*columns, strict=True):
                if kind == JOINED_KIND and self.order != "none":
                    files = repositories.setdefault(repo, [])
                    imports = (named[0], imports_of(*named)) if named else ()
                    files.append(SourceFile(row, doc_id, n_bytes, *imports))
                else:
                    assigned.append((row, doc_id, 0))
        for files in repositories.values():
            for sample in self._samples(files):
                sample_id = sample_identity([file.doc_id for file in sample])
                assigned += [
                    (file.row, sample_id, position) for position, file in enumerate(sample)
                ]
        assigned.sort()
        yield pa.RecordBatch.from_arrays(
            [
                pa.array(np.full(len(assigned), shard, np.uint32)),
                pa.array([row for row, _, _ in assigned], pa.int64()),
                pa.array([sample_id for _, sample_id, _ in assigned], DOC_ID),
                pa.array([position for _, _, position in assigned], pa.int32()),
            ],
            schema=pa.schema([pa.field(PARTITION, pa.uint32(), nullable=False), *self.schema]),
        )

    def _samples(self, files: list[SourceFile]) -> Iterator[list[SourceFile]]:
        ordered = sorted(files, key=lambda file: (seeded_hash(self.seed, file.doc_id), file.doc_id))
        if self.order == "dependency":
            paths, imports = [file.path for file in ordered], [file.imports for file in ordered]
            ordered = [ordered[place] for place in dependency_order(paths, imports)]
        sample: list[SourceFile] = []
        n_bytes = 0
        for file in ordered:
            if sample and n_bytes + file.n_bytes > self.max_sample_bytes:
                yield sample
                sample, n_bytes = [], 0
            sample.append(file)
            n_bytes += file.n_bytes
        yield sample


@dataclass(frozen=True)
class AnnotateDocuments:
    """Puts the assignment beside the shard's documents; nothing is dropped."""

    schema: ClassVar[pa.Schema] = CONCATENATE_MEASURES

    def __call__(self, batches: Batches, records: pa.Table) -> Batches:
        records = records.combine_chunks()
        rows = records.column(ROW).to_numpy()
        for batch in batches:
            asked = batch.column(ROW).to_numpy()
            places = np.searchsorted(rows, asked)
            found = places < len(rows)
            found[found] = rows[places[found]] == asked[found]
            taken = records.take(pa.array(places, mask=~found))
            yield pa.RecordBatch.from_arrays(
                [
                    pa.nulls(batch.num_rows, pa.string()),
                    *(taken.column(name).combine_chunks() for name in self.schema.names),
                ],
                schema=pa.schema([pa.field("reason", pa.string()), *self.schema]),
            )


class ConcatenateStage:
    """Writes `sample_id` and `position` beside every living document."""

    name: ClassVar[str] = "concatenate"
    version: ClassVar[int] = 2
    libraries: ClassVar[tuple[str, ...]] = ()
    Options: ClassVar[type[Options]] = ConcatenateOptions

    def __init__(self, options: Any) -> None:
        self._step = AssignSamples(options.order, options.max_sample_bytes, options.seed)

    def run(self, corpus: Corpus) -> None:
        corpus.decide(
            AnnotateDocuments(),
            corpus.shuffle("assign-samples", self._step, reads=self._step.reads),
            reads=(ROW,),
        )


def sample_identity(doc_ids: Sequence[bytes]) -> bytes:
    """The identity of a sample: its only document's, or the hash of its documents' in order."""
    return doc_ids[0] if len(doc_ids) == 1 else xxhash.xxh3_128_digest(b"".join(doc_ids))
