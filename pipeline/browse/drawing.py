"""A random draw of the documents that filters choose, the same for the same seed.

Receipts say how many documents of each verdict and language every shard has. Shards are drawn in
proportion to that, without replacement (Efraimidis and Spirakis 2006), and of each as many of its
documents, so that all of the corpus have the same chance; by a domain or a measure, which receipts
do not count, nearly. The narrow columns of at most `MAX_SHARDS` shards are read, `MAX_GROUPS` row
groups of each, until there are `ENOUGH` documents: the cost depends on the shards' size, not on the
run's.
"""

import math
import random
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.browse.filters import Filters
from pipeline.browse.judged_tables import JudgedTable, JudgedTables
from pipeline.inspection.single_rows import file_of
from pipeline.storage.tables import TableRead, read_group

ENOUGH = 400
WHOLE = 2_000
"""So few documents in so few shards are drawn all."""
MAX_SHARDS = 24
MAX_GROUPS = 128
N_CACHED = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """A document that was drawn, and the verdict on it."""

    shard: int
    row: int
    doc_id: bytes
    uri: str
    keep: bool
    reason: str | None


@dataclass(frozen=True)
class Draw:
    """Documents in a random order."""

    entries: tuple[Entry, ...]
    n_shards: int
    """Shards that were read."""
    n_candidates: int
    """Shards that have such documents, as far as receipts tell."""
    is_whole: bool
    """Whether these are all documents that there are."""


class Drawing:
    """Draws from one run; the last draws are kept."""

    def __init__(self, tables: JudgedTables) -> None:
        self._tables = tables
        self._draws: OrderedDict[tuple[Filters, int], Draw] = OrderedDict()

    def draw(self, filters: Filters, seed: int) -> Draw:
        """The draw of this seed."""
        key = (filters, seed)
        if key not in self._draws:
            self._draws[key] = self._drawn(filters, seed)
            if len(self._draws) > N_CACHED:
                self._draws.popitem(last=False)
        self._draws.move_to_end(key)
        return self._draws[key]

    def _drawn(self, filters: Filters, seed: int) -> Draw:
        table = self._tables[filters.stage]
        chance = random.Random(seed)
        counts = table.counts_by_shard(filters)
        order = sorted(
            counts, key=lambda shard: math.log(1.0 - chance.random()) / counts[shard], reverse=True
        )
        total = sum(counts.values())
        each = math.ceil(ENOUGH / max(min(len(order), MAX_SHARDS), 1))
        enough = ENOUGH
        if total <= WHOLE and len(order) <= MAX_SHARDS:
            each = enough = total + 1
        entries: list[Entry] = []
        is_whole, n_read = True, 0
        for shard in order:
            if len(entries) >= enough or n_read >= MAX_SHARDS:
                is_whole = False
                break
            found, all_read = self._of_shard(table, filters, shard, chance)
            n_read += 1
            is_whole &= all_read and len(found) <= each
            entries += found if len(found) <= each else chance.sample(found, each)
        chance.shuffle(entries)
        return Draw(tuple(entries), n_read, len(order), is_whole)

    def _of_shard(
        self, table: JudgedTable, filters: Filters, shard: int, chance: random.Random
    ) -> tuple[list[Entry], bool]:
        """The shard's documents that the filters choose, and whether all of it was read."""
        reads = list(self._reads(table, filters, shard))
        found: list[Entry] = []
        with ExitStack() as stack:
            streams = [
                stack.enter_context(table.view.storage.open_read(read.path)) for read in reads
            ]
            files = [stack.enter_context(pq.ParquetFile(stream)) for stream in streams]
            sizes = [
                files[0].metadata.row_group(group).num_rows
                for group in range(files[0].num_row_groups)
            ]
            starts = [sum(sizes[:group]) for group in range(len(sizes))]
            groups = range(len(sizes))
            chosen = sorted(chance.sample(groups, min(len(sizes), MAX_GROUPS)))
            for group in chosen:
                rows = read_group(files, reads, group)
                places = pa.array(range(starts[group], starts[group] + rows.num_rows))
                rows = rows.append_column("row", places).filter(filters.mask(rows))
                found += _entries(shard, rows)
        return found, len(chosen) == len(sizes)

    def _reads(self, table: JudgedTable, filters: Filters, shard: int) -> Iterator[TableRead]:
        """What is read of a shard: the stage's own table first."""
        wanted: dict[str, list[tuple[str, str]]] = {table.name: [("keep", "keep")]}
        wanted[table.name] += [("reason", "reason"), ("doc_id", "doc_id")]
        wanted.setdefault(table.documents.name, []).append(("uri", "uri"))
        if filters.language and table.language_source is not None:
            source, columns = table.language_source
            wanted.setdefault(source, []).extend(columns)
        if filters.domain:
            wanted.setdefault(table.documents.name, []).append((table.place_column, "place"))
        if filters.has_band and filters.measure in table.measures:
            source, column = table.measures[filters.measure]
            wanted.setdefault(source, []).append((column, "measure"))
        for name, columns in wanted.items():
            file = file_of(table.siblings[name], shard)
            if file is not None:
                yield TableRead(file, tuple(columns))


def _entries(shard: int, rows: pa.RecordBatch) -> Iterator[Entry]:
    names = ("row", "doc_id", "uri", "keep")
    columns = [rows.column(name).to_pylist() for name in names]
    reasons = rows.column("reason").cast(pa.string()).to_pylist()
    for row, doc_id, uri, keep, reason in zip(*columns, reasons, strict=True):
        yield Entry(shard, row, doc_id, uri, keep, reason)
