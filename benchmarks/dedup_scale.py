"""The part of dedup that grows with a corpus, on signatures whose clusters are known.

    nice python benchmarks/dedup_scale.py [--documents 1000000] [--earlier 0.8] [--folder /tmp]

Half of the documents are alone; the others are in clusters of 2 to 100,000, of whose bands half
agree with a neighbour's. A share of all may be those of an earlier run. The engine's own verbs
spread their bands, link, contract and arrange them in one process; then every cluster that has a
document of this run must be one component. Printed: CPU seconds of the process and the kernel and
scratch, by step, and the peak of memory (before the clusters are checked).
"""

import argparse
import os
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from pipeline.engine.corpus import EngineCorpus
from pipeline.engine.executor import LocalExecutor, Resources
from pipeline.engine.lineage import Table, Tables
from pipeline.engine.runner import Monitor, Runner
from pipeline.engine.work.task import Limits as Patience
from pipeline.storage.receipts import Receipt
from pipeline.storage.storage import LocalStorage
from pipeline.storage.tables import write_parquet
from schemas.columns import DOC_ID, column
from stages.contract import SHARD, Batches
from stages.dedup.arrange import find_components
from stages.dedup.arrays import ROW_BITS, ROW_MASK, RUN_BITS, SHARD_MASK, emit, partitions_for
from stages.dedup.limits import Limits
from stages.dedup.links import LinkBuckets, SpreadBands
from stages.dedup.options import DedupOptions
from stages.dedup.stage import DedupStage
from stages.dedup.twins import MEMBERS

N_BANDS = 25
SHARD_DOCUMENTS = 1 << 16
AGREEING = 0.5
SIZES = (2, 3, 10, 100, 1_000, 10_000, 100_000)
"""Of the clusters; each size has the same share of the documents."""

ONE_ROW = pa.schema([column("doc_id", DOC_ID, "of nobody"), column("n_bytes", pa.int64(), "none")])


def cluster_of(documents: np.ndarray[Any, Any], n_documents: int) -> np.ndarray[Any, Any]:
    """Each document's cluster, by its number: a number of its own if it is alone."""
    share = n_documents // (2 * len(SIZES))
    region = documents // max(share, 1)
    sizes = np.array([*SIZES, 1])[np.minimum(region, len(SIZES))]
    return documents // sizes + (np.minimum(region, len(SIZES)) << 50)


def words(*keys: Any) -> Any:
    """A hash of integers (SplitMix64)."""
    state: Any = np.uint64(0)
    for key in keys:
        state = (state + np.asarray(key).astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state = state ^ (state >> np.uint64(31))
    return state


def runs_of(documents: np.ndarray[Any, Any], earlier: float) -> np.ndarray[Any, Any]:
    """1 for a document of the earlier run, else 0."""
    return (words(documents, 5) % np.uint64(1000) < np.uint64(1000 * earlier)).astype(np.int64)


@dataclass(frozen=True)
class Synthesise:
    """A shard's number → its members. Documents are dealt over the shards."""

    n_documents: int
    n_shards: int
    earlier: float

    schema: ClassVar[pa.Schema] = MEMBERS

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            shard = batch[SHARD][0].as_py()
            mine = np.arange(shard, self.n_documents, self.n_shards)
            for start in range(0, len(mine), 1 << 14):
                yield from self._members(shard, start, mine[start : start + (1 << 14)])

    def _members(self, shard: int, start: int, one: np.ndarray[Any, Any]) -> Batches:
        band = np.arange(N_BANDS)[None, :]
        own = words(one[:, None], band, 1)
        agrees = words(one[:, None], band, 2) % np.uint64(1000) < np.uint64(1000 * AGREEING)
        agrees[:, 0] = True
        cluster = cluster_of(one, self.n_documents)
        bands = np.where(agrees, words(cluster[:, None], band, 3), own)
        number = (shard << ROW_BITS) + start + np.arange(len(one))
        number += runs_of(one, self.earlier) << RUN_BITS
        identity = pa.nulls(len(one), pa.binary(16))
        ends = np.arange(len(one) + 1, dtype=np.int32) * N_BANDS
        yield from emit(
            MEMBERS,
            {
                "document": number,
                "doc_id": identity,
                "rank_high": one.astype(np.uint64),
                "rank_low": one.astype(np.uint64),
                "url_hash": identity,
                "text_hash": identity,
                "n_shingles": 900 + words(one, 4).astype(np.int64) % 50,
                "bands": pa.ListArray.from_arrays(pa.array(ends), pa.array(bands.reshape(-1))),
                "reason": pa.nulls(len(one), pa.string()),
                "survivor": number,
                "survivor_id": identity,
            },
        )


class Synthetic(EngineCorpus):
    """A corpus that says it has the documents that a step makes."""

    n_documents: int = 0

    def n_rows(self) -> int:
        return self.n_documents


class CpuByStep(Monitor):
    """The driver's part of a step included; one process does both."""

    def __init__(self) -> None:
        self.user: Counter[str] = Counter()
        self.system: Counter[str] = Counter()

    def step_started(self, step: str, n_tasks: int, n_stale: int) -> None:
        self._before = os.times()

    def step_ended(self, step: str) -> None:
        now = os.times()
        name = step.rpartition(".")[2]
        self.user[name] += now.user - self._before.user
        self.system[name] += now.system - self._before.system


def corpus_in(folder: Path, runner: Runner, n_documents: int, n_shards: int) -> Synthetic:
    """One row a shard, for the step that makes its members."""
    storage = runner.storage
    receipts = {}
    for number in range(n_shards):
        key = f"{number:05d}"
        with write_parquet(storage, f"input/documents/{key}.parquet", ONE_ROW) as (table, written):
            row = [pa.array([bytes(16)], DOC_ID), pa.array([0], pa.int64())]
            table.write(pa.record_batch(row, schema=ONE_ROW))
        receipts[key] = Receipt(
            step="input.documents",
            key=key,
            object=f"{key}.parquet",
            components={},
            rows=written.rows,
            size=written.size,
            modified=0,
            xxh3=written.xxh3,
            columns=written.columns,
            summary={},
        )
    tables = Tables("input")
    tables.add(Table("input.documents", "input/documents", ONE_ROW, receipts))
    stage = DedupStage(DedupOptions())
    corpus = Synthetic(
        runner, {"input": tables}, "input", stage, "dedup", "dedup", "input/dedup", Resources()
    )
    corpus.n_documents = n_documents
    return corpus


def check(arranged: Any, n_documents: int, n_shards: int, earlier: float) -> int:
    """Every cluster with a document of this run is one component and nobody else is in it; how many
    documents there are."""
    label: dict[int, int] = {}
    n_linked = 0
    for batch in arranged.read():
        number, component = (batch[name].to_numpy() for name in ("document", "component"))
        known = (number & ROW_MASK) * n_shards + (number >> ROW_BITS & SHARD_MASK)
        clusters = cluster_of(known, n_documents)
        pairs = np.unique(np.stack([clusters, component]), axis=1)
        for cluster, root in pairs.T.tolist():
            assert label.setdefault(cluster, root) == root, (cluster, root)
        n_linked += len(number)
    assert len(set(label.values())) == len(label)
    everyone = np.arange(n_documents)
    _, place = np.unique(cluster_of(everyone, n_documents), return_inverse=True)
    sizes = np.bincount(place)
    n_own = np.bincount(place, 1 - runs_of(everyone, earlier))
    expected = sizes[(sizes > 1) & (n_own > 0)].sum()
    assert n_linked == expected, (n_linked, expected)
    return n_linked


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--earlier", type=float, default=0.0)
    parser.add_argument("--folder", type=Path, default=None)
    given = parser.parse_args(arguments)
    n_shards = -(-given.documents // SHARD_DOCUMENTS)
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        storage = LocalStorage(Path(name).resolve())
        with LocalExecutor(storage, 1) as executor:
            cpu = CpuByStep()
            runner = Runner(storage, executor, cpu, 1, Patience(1e6), 0.0)
            corpus = corpus_in(Path(name), runner, given.documents, n_shards)
            members = corpus.map_shards(
                "synthesise",
                Synthesise(given.documents, n_shards, given.earlier),
                reads=(SHARD,),
            )
            members.made()
            start, began = time.process_time(), time.time()
            limits = Limits()
            n_partitions = partitions_for(given.documents * N_BANDS, limits.band_rows)
            spread = SpreadBands(n_partitions, near=True, by_url=False)
            link = LinkBuckets(0.85)
            arranged = find_components(corpus, members, given.documents, spread, link, limits)
            arranged.made()
            seconds, wall = time.process_time() - start, time.time() - began
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            n_linked = check(arranged, given.documents, n_shards, given.earlier)
        folders: dict[str, int] = {}
        for path in (Path(name) / "scratch").rglob("*.arrow"):
            step = path.parent.name
            folders[step] = folders.get(step, 0) + path.stat().st_size
    print(f"{given.documents:,} documents, {n_linked:,} of them in clusters")
    print(f"  {seconds:.0f} s of CPU ({seconds / given.documents * 1e6:.1f} µs a document)")
    print(f"  {wall:.0f} s, peak {peak:,.0f} MB")
    print(f"  {'a document':16} {'user µs':>8} {'system µs':>10} {'bytes':>8}")
    for step, user in cpu.user.items():
        each = (1e6 * user, 1e6 * cpu.system[step], folders.get(step, 0))
        user_each, system_each, size = (value / given.documents for value in each)
        print(f"  {step:16} {user_each:8.2f} {system_each:10.2f} {size:8.1f}")


if __name__ == "__main__":
    main()
