"""The fate of repositories → that of their files.

All files of a dropped repository are dropped with it, for its reason and with its similarity. Each
is the duplicate of the kept repository's file of the same path; of its first file where there is
none.

Cost: 350 bytes a living file in scratch, and 160 a dropped one; a task holds one partition, at most
0.4 GB.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from stages.contract import ROW, SHARD, Batches, Corpus, Parts
from stages.dedup.arrays import (
    DOC_ID,
    DOCUMENT,
    DROPS,
    Int64,
    digest_array,
    digests,
    document_numbers,
    emit,
    gather,
    numbers,
    partitions_for,
)
from stages.dedup.repositories.gathering import in_order, starts_of
from stages.dedup.repositories.names import NAMED_BY, repository_names, spread
from stages.kernels.routes import ByHash, Route

LISTED = pa.schema(
    [
        pa.field("repository", pa.binary(16)),
        DOCUMENT,
        DOC_ID,
        pa.field("path", pa.string()),
    ]
)
ANSWERS = pa.schema(
    [
        pa.field("first", pa.int64()),  # number of the repository's first file …
        pa.field("first_id", pa.binary(16)),  # … and its doc_id; of a dropped file its twin's
        DOCUMENT,
        DOC_ID,
        pa.field("path", pa.binary(16)),  # its hash; null in a repository's own fate
        *list(DROPS)[2:],
    ]
)


def answer_files(corpus: Corpus, drops: Parts, file_rows: int) -> Parts:
    """Dropped repositories (`DROPS`) → their files, the same."""
    n_partitions = partitions_for(corpus.n_rows(), file_rows)
    step = ListFiles(n_partitions)
    listed = corpus.shuffle("list-files", step, reads=step.reads)
    files = corpus.reduce_partitions("find-first", FindFirst(), listed, n_partitions=n_partitions)
    fates = corpus.map_shards("tell-fates", TellFates(), source=drops)
    by_first = Route(ANSWERS, ByHash(("first",), n_partitions))
    dropped = corpus.reduce_partitions(
        "drop-files",
        DropFiles(),
        corpus.shuffle("route-files", by_first, source=files),
        corpus.shuffle("route-fates", by_first, source=fates),
        n_partitions=n_partitions,
    )
    to_twin = ToTwin(n_partitions)
    return corpus.reduce_partitions(
        "match-paths",
        MatchPaths(),
        corpus.shuffle("offer-files", to_twin, source=files),
        corpus.shuffle("seek-files", to_twin, source=dropped),
        n_partitions=n_partitions,
    )


@dataclass(frozen=True)
class ListFiles:
    """Shards → their files by repository, without texts."""

    n_partitions: int

    schema: ClassVar[pa.Schema] = LISTED
    reads: ClassVar[tuple[str, ...]] = (SHARD, ROW, *NAMED_BY, "doc_id", "path")

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            shards, rows = (numbers(batch, name).astype(np.int64) for name in (SHARD, ROW))
            columns = {
                "repository": repository_names(batch),
                "document": document_numbers(shards, rows),
                "doc_id": batch["doc_id"],
                "path": batch["path"],
            }
            named = pa.record_batch({"repository": columns["repository"]})
            partition = spread(named, "repository", self.n_partitions)
            yield from emit(LISTED, columns | {"partition": partition})


@dataclass(frozen=True)
class FindFirst:
    """One partition of files → the same, each with the first of its repository."""

    schema: ClassVar[pa.Schema] = ANSWERS

    def __call__(self, batches: Batches) -> Batches:
        files = in_order(gather(batches, LISTED))
        starts = np.array(starts_of(files))
        first = np.repeat(starts[:-1], np.diff(starts))
        paths = [xxhash.xxh3_128_digest(path.encode()) for path in files["path"].to_pylist()]
        columns = {field.name: pa.nulls(files.num_rows, field.type) for field in ANSWERS}
        yield from emit(
            ANSWERS,
            columns
            | {
                "first": numbers(files, "document")[first],
                "first_id": digest_array(digests(files, "doc_id")[first]),
                "document": files["document"],
                "doc_id": files["doc_id"],
                "path": pa.array(paths, pa.binary(16)),
            },
        )


@dataclass(frozen=True)
class TellFates:
    """Dropped repositories → the same, by the number of their first file."""

    schema: ClassVar[pa.Schema] = ANSWERS

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            columns = {field.name: pa.nulls(batch.num_rows, field.type) for field in ANSWERS}
            columns |= {name: batch[name] for name in DROPS.names[2:]}
            yield from emit(ANSWERS, columns | {"first": batch["document"]})


@dataclass(frozen=True)
class DropFiles:
    """One partition of files and of dropped repositories → the files of these, each with its
    repository's fate."""

    schema: ClassVar[pa.Schema] = ANSWERS

    def __call__(self, batches: Batches) -> Batches:
        table = gather(batches, ANSWERS)
        is_fate = table["path"].is_null()
        fates = table.filter(is_fate).sort_by("first").combine_chunks()
        files = table.filter(pc.invert(is_fate)).combine_chunks()
        place, found = _places(numbers(fates, "first"), numbers(files, "first"))
        files = files.filter(pa.array(found))
        fate = fates.take(pa.array(place[found]))
        columns = {name: files[name] for name in ANSWERS.names}
        columns |= {name: fate[name] for name in DROPS.names[2:]}
        yield from emit(ANSWERS, columns | {"first_id": fate["duplicate_of"]})


@dataclass(frozen=True)
class ToTwin:
    """Files → the same, by the repository that they belong to or, if dropped, repeat."""

    n_partitions: int

    schema: ClassVar[pa.Schema] = ANSWERS

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            columns = {name: batch[name] for name in ANSWERS.names}
            partition = spread(batch, "first_id", self.n_partitions)
            yield from emit(ANSWERS, columns | {"partition": partition})


@dataclass(frozen=True)
class MatchPaths:
    """One partition of files and of dropped ones → the dropped ones, each the duplicate of the
    kept file of its path."""

    schema: ClassVar[pa.Schema] = DROPS

    def __call__(self, batches: Batches) -> Batches:
        table = gather(batches, ANSWERS)
        is_dropped = table["reason"].is_valid()
        dropped = table.filter(is_dropped).combine_chunks()
        offered = table.filter(pc.invert(is_dropped)).combine_chunks()
        keys = _keys(offered)
        order = np.lexsort((digests(offered, "doc_id"), keys))
        place, found = _places(keys[order], _keys(dropped))
        own = digests(offered, "doc_id")[order][place[found]]
        twins = digests(dropped, "duplicate_of").copy()
        twins[found] = own
        columns = {name: dropped[name] for name in DROPS.names if name != "root"}
        yield from emit(
            DROPS, columns | {"root": dropped["document"], "duplicate_of": digest_array(twins)}
        )


def _keys(files: pa.Table) -> npt.NDArray[np.bytes_]:
    """The repository and the path of each as one S32."""
    pair = np.stack([digests(files, "first_id"), digests(files, "path")], axis=1)
    return np.ascontiguousarray(pair).view("S32").reshape(-1)


def _places(
    ascending: npt.NDArray[np.generic], sought: npt.NDArray[np.generic]
) -> tuple[Int64, npt.NDArray[np.bool_]]:
    """For each value sought the first place where it is, and whether it is anywhere."""
    place = np.searchsorted(ascending, sought)
    found = place < len(ascending)
    found[found] = ascending[place[found]] == sought[found]
    return place, found
