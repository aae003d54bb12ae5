"""What someone should look at before trusting what dedup dropped.

A source (the registered domain of pages, the repository of files) or a language that lost nearly
all of its documents, and a kept document that very many repeat: often a page of consent or of an
error, a template, or a crawl that is in the run twice. Sources and languages are written down with
the least doc_ids of what they lost. Where repositories are compared, one that goes whole is no
alarm.

Cost: 100 bytes of scratch for each value in a batch, and for each kept document that a batch of
dropped ones repeats; a reducer holds those of 524,288 documents, or of one value.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from schemas.alarms import (
    ALARMS,
    CLUSTER,
    FLAGGED_DOCUMENTS,
    FLAGGED_SHARE,
    LARGE_CLUSTER,
    N_SAMPLES,
)
from stages.contract import Batches, Corpus, Parts, Shuffled
from stages.dedup.arrays import (
    ROW_MASK,
    Digests,
    Int64,
    digest_array,
    digests,
    emit,
    gather,
    numbers,
    partitions_for,
)
from stages.kernels.routes import scatter

SOURCES = ("repo", "domain")
LANGUAGES = ("language", "natural_language")


def find_alarms(
    corpus: Corpus, unit: str, drops: Parts, by_shard: Shuffled, group_rows: int
) -> None:
    """From dropped documents (`DROPS`), and the same by their shards, the folder `alarms`."""
    columns = tuple(
        name
        for name in (*SOURCES, *LANGUAGES)
        if corpus.has(name) and not (name in SOURCES and unit == "repository")
    )
    n_partitions = partitions_for(corpus.n_rows(), group_rows)
    losses = corpus.pick_rows(
        "name-dropped", NameDropped(columns), by_shard, reads=(*columns, "doc_id")
    )
    corpus.reduce_partitions(
        "find-alarms",
        FindAlarms(FLAGGED_DOCUMENTS, FLAGGED_SHARE, LARGE_CLUSTER),
        corpus.shuffle("count-values", CountValues(columns, n_partitions), reads=columns),
        corpus.shuffle("route-losses", ToGroups(n_partitions), source=losses),
        corpus.shuffle("count-repeats", CountRepeats(n_partitions), source=drops),
        n_partitions=n_partitions,
        keep_as="alarms",
    )


@dataclass(frozen=True)
class CountValues:
    """Shards → how many living documents of a batch have each value of the columns."""

    columns: tuple[str, ...]
    n_partitions: int

    schema: ClassVar[pa.Schema] = ALARMS

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            for name in self.columns:
                values, n, _ = _grouped(batch[name])
                yield from _routed(_rows(name, values, n), self.n_partitions)


@dataclass(frozen=True)
class NameDropped:
    """The dropped rows of one shard → how many of them have each value of the columns."""

    columns: tuple[str, ...]

    schema: ClassVar[pa.Schema] = ALARMS

    def rows(self, records: pa.Table) -> Int64:
        """Which these are."""
        rows: Int64 = numbers(records, "document") & ROW_MASK
        return rows

    def __call__(self, batches: Batches, records: pa.Table) -> Batches:
        for batch in batches:
            for name in self.columns:
                values, n, samples = _grouped(batch[name], digests(batch, "doc_id"))
                yield from emit(ALARMS, _rows(name, values, 0 * n, n, samples))


@dataclass(frozen=True)
class ToGroups:
    """Counts → the same, routed by what they count."""

    n_partitions: int

    schema: ClassVar[pa.Schema] = ALARMS

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            yield from _routed({name: batch[name] for name in ALARMS.names}, self.n_partitions)


@dataclass(frozen=True)
class CountRepeats:
    """Dropped documents → how many of a batch repeat each kept one."""

    n_partitions: int

    schema: ClassVar[pa.Schema] = ALARMS

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            # The dropped ones have no doc_id here: whoever shows a cluster looks its members up.
            kept, n, _ = _grouped(batch["duplicate_of"])
            values = pa.array([doc_id.hex() for doc_id in kept.to_pylist()], pa.string())
            yield from _routed(_rows(CLUSTER, values, n, n), self.n_partitions)


@dataclass(frozen=True)
class FindAlarms:
    """All counts of some values → those that give alarm."""

    least: int
    share: float
    cluster: int

    schema: ClassVar[pa.Schema] = ALARMS

    def __call__(self, batches: Batches) -> Batches:
        table = gather(batches, ALARMS)
        named = pc.binary_join_element_wise(table["kind"], table["value"], "\t")
        encoded = named.combine_chunks().dictionary_encode()
        group, n_groups = encoded.indices.to_numpy(), len(encoded.dictionary)
        documents, dropped = (
            np.bincount(group, numbers(table, name), n_groups).astype(np.int64)
            for name in ("documents", "dropped")
        )
        is_cluster = pc.starts_with(encoded.dictionary, f"{CLUSTER}\t").to_numpy(False)
        mostly = (documents >= self.least) & (dropped > self.share * documents)
        flagged = np.where(is_cluster, documents > self.cluster, mostly)
        rows = np.flatnonzero(flagged[group])
        samples: dict[int, list[bytes]] = {
            number: [] for number in np.flatnonzero(flagged).tolist()
        }
        for number, given in zip(
            group[rows].tolist(), table["samples"].take(pa.array(rows)).to_pylist(), strict=True
        ):
            samples[number] += given
        found = sorted((encoded.dictionary[number].as_py(), number) for number in samples)
        if found:
            names, order = zip(*found, strict=True)
            parts = [name.split("\t", 1) for name in names]
            columns = {
                "kind": [kind for kind, _ in parts],
                "value": [value for _, value in parts],
                "documents": documents[list(order)],
                "dropped": dropped[list(order)],
                "samples": [sorted(samples[number])[:N_SAMPLES] for number in order],
            }
            yield from emit(ALARMS, columns)


def _grouped(
    values: pa.Array, doc_ids: Digests | None = None
) -> tuple[pa.Array, Int64, pa.Array | None]:
    """The values that are not null, how often each is there, and the least doc_ids with it."""
    known = values.is_valid()
    encoded = values.filter(known).dictionary_encode()
    group = encoded.indices.to_numpy()
    n = np.bincount(group, minlength=len(encoded.dictionary))
    if doc_ids is None:
        return encoded.dictionary, n, None
    own = doc_ids[known.to_numpy(zero_copy_only=False)]
    order = np.lexsort((own, group))
    starts = np.cumsum(n) - n
    chosen = order[np.arange(len(order)) - np.repeat(starts, n) < N_SAMPLES]
    ends = np.cumsum(np.r_[0, np.minimum(n, N_SAMPLES)]).astype(np.int32)
    samples = pa.ListArray.from_arrays(pa.array(ends), digest_array(own[chosen]))
    return encoded.dictionary, n, samples


def _rows(
    kind: str,
    values: pa.Array,
    documents: Int64,
    dropped: Int64 | None = None,
    samples: pa.Array | None = None,
) -> dict[str, Any]:
    """Columns of ALARMS."""
    nothing: Sequence[Any] = [[]] * len(values)
    return {
        "kind": pa.array([kind] * len(values), pa.string()),
        "value": values.cast(pa.string()),
        "documents": documents,
        "dropped": 0 * documents if dropped is None else dropped,
        "samples": pa.array(nothing, ALARMS.field("samples").type) if samples is None else samples,
    }


def _routed(columns: dict[str, Any], n_partitions: int) -> Batches:
    pairs = zip(columns["kind"].to_pylist(), columns["value"].to_pylist(), strict=True)
    keys = [xxhash.xxh3_64_intdigest(f"{kind}\t{value}".encode()) for kind, value in pairs]
    partition = scatter(np.array(keys, np.uint64), n_partitions)
    yield from emit(ALARMS, columns | {"partition": partition})
