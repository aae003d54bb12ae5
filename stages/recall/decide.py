"""From scores to verdicts, and to the table of domains.

A page is recalled by each target whose threshold its probability reaches; its `target` is the one
it passes by the most log-odds. Of the rest, a share is kept as natural language: drawn by
identity, so that the draw does not depend on shards or order.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from schemas.recall import NATURAL, recall_measures
from schemas.verdicts import REASONS
from stages.contract import PARTITION, ROW, SHARD, Batches
from stages.recall.examples import drawn_rows
from stages.recall.score import score_schema

Matrix = npt.NDArray[np.float64]
TINY = 1e-300

(NOT_RECALLED,) = REASONS["recall"]


@dataclass(frozen=True)
class ToShards:
    """Send each score to its page's shard."""

    targets: tuple[str, ...]

    schema: ClassVar[pa.Schema]

    def __post_init__(self) -> None:
        fields = [pa.field(PARTITION, pa.uint32()), *score_schema(self.targets)]
        object.__setattr__(self, "schema", pa.schema(fields))

    def __call__(self, batches: Batches) -> Batches:
        """Read scores, yield them with `PARTITION`."""
        for batch in batches:
            shards = batch.column(SHARD).cast(pa.uint32())
            columns = [shards, *(batch.column(name) for name in self.schema.names[1:])]
            yield pa.record_batch(columns, schema=self.schema)


@dataclass(frozen=True)
class RecallPages:
    """The verdict on every page of a shard."""

    targets: tuple[str, ...]
    thresholds: tuple[float, ...]
    natural_share: float
    seed: int
    iteration: int

    reads: ClassVar = (ROW, "doc_id")
    schema: ClassVar[pa.Schema]

    def __post_init__(self) -> None:
        fields = [pa.field("reason", pa.string()), *recall_measures(self.targets)]
        object.__setattr__(self, "schema", pa.schema(fields))

    def __call__(self, batches: Batches, records: pa.Table) -> Batches:
        """Read `reads` of all rows and the shard's scores; yield `schema`. A page without a score
        was dropped before: its measures are null."""
        rows = records[ROW].to_numpy()
        for batch in batches:
            place = pc.index_in(batch.column(ROW), pa.array(rows))
            scored = pc.is_valid(place).to_numpy(zero_copy_only=False)
            columns = [
                records[f"score_{name}"].combine_chunks().take(place) for name in self.targets
            ]
            scores = self._scores(columns, len(batch))
            recalled = scores >= np.array(self.thresholds)[:, None]
            passes = np.logical_or.reduce(recalled, axis=0)
            drawn = drawn_rows(batch.column("doc_id"), self.natural_share, self.seed)
            natural = drawn.to_numpy(zero_copy_only=False) & ~passes & scored
            yield pa.record_batch(
                [
                    _where(scored & ~passes & ~natural, NOT_RECALLED),
                    *columns,
                    self._lists(recalled, scored),
                    self._best(scores, passes, natural),
                    pa.array(np.full(len(batch), self.iteration, np.int32), mask=~passes),
                ],
                schema=self.schema,
            )

    def _scores(self, columns: list[pa.Array], n_rows: int) -> Matrix:
        """[n_targets, n_rows]; -inf where there is no score."""
        scores = [column.fill_null(-np.inf).to_numpy() for column in columns]
        return np.array(scores, np.float64).reshape(len(columns), n_rows)

    def _lists(self, recalled: npt.NDArray[np.bool_], scored: npt.NDArray[np.bool_]) -> pa.Array:
        rows, which = np.nonzero(recalled.T)
        counts = np.bincount(rows, minlength=len(scored))
        offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
        names = pa.array(np.array(self.targets, np.object_)[which], pa.string())
        return pa.ListArray.from_arrays(offsets, names, mask=pa.array(~scored))

    def _best(
        self, scores: Matrix, passes: npt.NDArray[np.bool_], natural: npt.NDArray[np.bool_]
    ) -> pa.Array:
        names = np.array([*self.targets, NATURAL], np.object_)
        best = np.full(scores.shape[1], len(self.targets))
        if self.targets:
            margins = _log_odds(scores) - _log_odds(np.array(self.thresholds))[:, None]
            best = np.where(natural, best, margins.argmax(axis=0))
        return pa.array(names[best], pa.string(), mask=~(passes | natural))


@dataclass(frozen=True)
class CountDomains:
    """Pages and recalled pages of every registrable domain in one part of the scores."""

    targets: tuple[str, ...]
    thresholds: tuple[float, ...]
    n_partitions: int

    schema: ClassVar[pa.Schema]

    def __post_init__(self) -> None:
        fields = [pa.field(PARTITION, pa.uint32()), *_domain_counts(self.targets)]
        object.__setattr__(self, "schema", pa.schema(fields))

    def __call__(self, batches: Batches) -> Batches:
        """Read scores, yield counts partitioned by a hash of the domain."""
        for batch in batches:
            passes = [
                pc.greater_equal(batch.column(f"score_{name}"), threshold).cast(pa.int64())
                for name, threshold in zip(self.targets, self.thresholds, strict=True)
            ]
            ones = pa.array(np.ones(len(batch), np.int64))
            table = pa.table([batch.column("domain"), ones, *passes], schema=self._counted())
            counts = _sum_by_domain(table)
            partitions = [
                xxhash.xxh3_64_intdigest(domain.encode()) % self.n_partitions
                for domain in counts["domain"].to_pylist()
            ]
            counts = counts.add_column(0, self.schema.field(0), pa.array(partitions, pa.uint32()))
            yield from counts.combine_chunks().to_batches()

    def _counted(self) -> pa.Schema:
        return _domain_counts(self.targets)


@dataclass(frozen=True)
class SumDomains:
    """The table of domains: pages, recalled pages, and their share, in the order of names."""

    targets: tuple[str, ...]

    schema: ClassVar[pa.Schema]

    def __post_init__(self) -> None:
        shares = [pa.field(f"share_{name}", pa.float64()) for name in self.targets]
        object.__setattr__(self, "schema", pa.schema([*_domain_counts(self.targets), *shares]))

    def __call__(self, batches: Batches) -> Batches:
        """Read counts, yield `schema`."""
        names = _domain_counts(self.targets).names
        parts = [batch.select(names) for batch in batches]
        table = _sum_by_domain(pa.Table.from_batches(parts, _domain_counts(self.targets)))
        table = table.sort_by("domain")
        n_pages = table["n_pages"].cast(pa.float64())
        columns = [
            *table.columns,
            *(pc.divide(table[f"n_{name}"].cast(pa.float64()), n_pages) for name in self.targets),
        ]
        yield from pa.table(columns, schema=self.schema).combine_chunks().to_batches()


def _domain_counts(targets: tuple[str, ...]) -> pa.Schema:
    counts = [pa.field(f"n_{name}", pa.int64()) for name in targets]
    return pa.schema([pa.field("domain", pa.string()), pa.field("n_pages", pa.int64()), *counts])


def _sum_by_domain(table: pa.Table) -> pa.Table:
    """Sums of every column but `domain`, which comes first again."""
    names = table.schema.names[1:]
    sums = table.group_by("domain", use_threads=False).aggregate([(name, "sum") for name in names])
    return sums.select(["domain", *(f"{name}_sum" for name in names)]).rename_columns(
        table.schema.names
    )


def _where(rows: npt.NDArray[np.bool_], value: str) -> pa.Array:
    return pa.array(np.full(len(rows), value, np.object_), pa.string(), mask=~rows)


def _log_odds(probability: Matrix) -> Matrix:
    return np.asarray(
        np.log(np.maximum(probability, TINY)) - np.log(np.maximum(1 - probability, TINY))
    )
