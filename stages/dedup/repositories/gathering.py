"""Files → repositories, which the rest of dedup takes for documents.

DeepSeek-Coder removes near-duplicates "at the repository level": it concatenates a repository's
files and compares the result, so that no repository loses a file of its structure (arXiv
2401.14196, section 2.3). Here the living files are joined by line ends in order of their paths. A
repository has the number and the doc_id of its first file, the most stars, the earliest creation
and a licence if any file has one.

Cost: two copies of the living texts in scratch, 80 MB/s. The process that joins a partition (128
MiB) has at most 0.6 GB, or 1.0 GB if it is one repository; of a larger one, some five times its
text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.dedup import DEDUP_MEASURES
from stages.contract import ROW, SHARD, Batches, Corpus, Parts
from stages.dedup.arrays import (
    DOC_ID,
    DOCUMENT,
    ROW_BITS,
    ROW_MASK,
    document_numbers,
    emit,
    gather,
    numbers,
    partitions_for,
)
from stages.dedup.measure import DedupMeasure
from stages.dedup.options import DedupOptions
from stages.dedup.repositories.names import NAMED_BY, repository_names, spread

PIECE_BYTES = 1 << 24
"""Text in a batch of repositories, or one repository if that is longer."""

FILES = pa.schema(
    [
        pa.field("repository", pa.binary(16)),
        DOCUMENT,
        DOC_ID,
        pa.field("path", pa.string()),
        pa.field("license", pa.string()),
        pa.field("stars", pa.int64()),
        pa.field("repo_created_at", pa.timestamp("us", "UTC")),
        pa.field("n_bytes", pa.int64()),
        pa.field("text", pa.large_string()),
    ]
)
FACTS = pa.schema(
    [FILES.field(name) for name in ("license", "stars", "repo_created_at", "n_bytes")]
)
"""What decides which of two repositories is preferred, doc_id apart."""

_OWN = ("doc_id", "path", *FACTS.names)

REPOSITORIES = pa.schema(
    [
        pa.field(SHARD, pa.int32()),
        pa.field(ROW, pa.int64()),
        *(FILES.field(name) for name in (*_OWN, "text") if name != "path"),
        *DEDUP_MEASURES,
    ]
)
"""What the steps over shards read of a document, of a repository."""


def gather_repositories(corpus: Corpus, options: DedupOptions, text_bytes: int) -> Parts:
    """Every repository of the corpus that has a living file."""
    n_partitions = partitions_for(corpus.n_bytes(), text_bytes)
    step = SendFiles(n_partitions)
    files = corpus.shuffle("send-files", step, reads=step.reads)
    return corpus.reduce_partitions(
        "join-files", JoinFiles(options.ngram, options.cjk), files, n_partitions=n_partitions
    )


@dataclass(frozen=True)
class SendFiles:
    """Shards → their files with their texts, by repository."""

    n_partitions: int

    schema: ClassVar[pa.Schema] = FILES
    reads: ClassVar[tuple[str, ...]] = tuple(dict.fromkeys((SHARD, ROW, *NAMED_BY, *_OWN, "text")))

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            if batch.num_rows == 0:
                continue
            names = repository_names(batch)
            shards, rows = (numbers(batch, name).astype(np.int64) for name in (SHARD, ROW))
            columns = {name: batch[name] for name in _OWN} | {
                "repository": names,
                "document": document_numbers(shards, rows),
                "text": batch["text"].cast(pa.large_string()),
            }
            partition = spread(
                pa.record_batch({"repository": names}), "repository", self.n_partitions
            )
            yield from emit(FILES, columns | {"partition": partition})


@dataclass(frozen=True)
class JoinFiles:
    """One partition of files → its repositories, measured as documents are."""

    ngram: int
    cjk: bool

    schema: ClassVar[pa.Schema] = REPOSITORIES

    def __call__(self, batches: Batches) -> Batches:
        files = gather(batches, FILES)
        if files.num_rows == 0:
            return
        files = in_order(files)
        measure = DedupMeasure(DedupOptions(ngram=self.ngram, cjk=self.cjk))
        for piece in _pieces(files):
            joined = _joined(piece)
            measures = measure.process(joined)
            columns = {name: joined[name] for name in joined.schema.names}
            columns |= {name: measures[name] for name in measures.schema.names}
            yield from emit(REPOSITORIES, columns)


def in_order(files: pa.Table) -> pa.Table:
    """By repository, path and doc_id: the order in which the files of one are joined."""
    order = [("repository", "ascending"), ("path", "ascending"), ("doc_id", "ascending")]
    sorted_files: pa.Table = files.sort_by(order).combine_chunks()
    return sorted_files


def starts_of(files: pa.Table) -> list[int]:
    """Where each repository of files in order begins, and where the last one ends."""
    names = files["repository"].combine_chunks()
    if len(names) == 0:
        return [0]
    begins = pc.not_equal(names[1:], names[:-1]).to_numpy(zero_copy_only=False)
    return [0, *(np.flatnonzero(begins) + 1).tolist(), len(names)]


def _pieces(files: pa.Table) -> Iterator[pa.Table]:
    """Whole repositories, of about `PIECE_BYTES` together."""
    ends = np.cumsum(np.r_[0, numbers(files, "n_bytes")])
    begin = 0
    for start, end in pairwise(starts_of(files)):
        if start > begin and ends[end] - ends[begin] > PIECE_BYTES:
            yield files.slice(begin, start - begin)
            begin = start
    yield files.slice(begin)


def facts_of(files: pa.Table) -> dict[str, Any]:
    """`FACTS` of the repository that has these files."""
    licenses = files["license"].drop_null()
    licenses = licenses.filter(pc.not_equal(licenses, ""))
    return {
        "license": licenses[0].as_py() if len(licenses) else None,
        "stars": pc.max(files["stars"]).as_py(),
        "repo_created_at": pc.min(files["repo_created_at"]).as_py(),
        "n_bytes": pc.sum(files["n_bytes"]).as_py(),
    }


def _joined(files: pa.Table) -> pa.RecordBatch:
    """A row a repository, without its measures."""
    starts = starts_of(files)
    first = files.take(pa.array(starts[:-1]))
    documents = numbers(first, "document")
    facts = [facts_of(files.slice(start, end - start)) for start, end in pairwise(starts)]
    texts = pa.ListArray.from_arrays(pa.array(starts, pa.int32()), files["text"].combine_chunks())
    columns = {
        SHARD: pa.array(documents >> ROW_BITS, pa.int32()),
        ROW: pa.array(documents & ROW_MASK),
        "doc_id": first["doc_id"].combine_chunks(),
        "text": pc.binary_join(texts, pa.scalar("\n", pa.large_string())),
        **{field.name: pa.array([one[field.name] for one in facts], field.type) for field in FACTS},
    }
    fields = [field for field in REPOSITORIES if field.name not in DEDUP_MEASURES.names]
    return pa.record_batch([columns[field.name] for field in fields], schema=pa.schema(fields))
