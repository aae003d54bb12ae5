"""Which sites are too large for one task: domains, and first directories, of over 500,000 pages.

Only a crawl of more pages than that is counted. Cost: 16 bytes a directory and shard of scratch.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.contract import PARTITION, Artefact, Batches
from stages.kernels.paths import directories, string_hashes
from stages.recall.places import WEB, Places

SPLIT_PAGES = 500_000

SITES = pa.schema([("site", pa.uint64()), ("n_pages", pa.int64())])


@dataclass(frozen=True)
class CountSites:
    """Pages of every domain and of every first directory."""

    n_partitions: int
    places: Places = WEB

    schema: ClassVar[pa.Schema] = pa.schema([pa.field(PARTITION, pa.uint32()), *SITES])

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns of the documents it asks for."""
        return self.places.columns

    def __call__(self, batches: Batches) -> Batches:
        """Read `reads`, yield counts by a hash of the site."""
        for batch in map(self.places.pages, batches):
            folders = directories(batch.column("url").cast(pa.large_string()), 1)[0]
            first = np.where(folders[:, 1] != 0, folders[:, 1], folders[:, 0])
            keys = np.concatenate([string_hashes(batch.column("domain")), first])
            sites, counts = np.unique(keys, return_counts=True)
            partitions = ((sites >> np.uint64(8)) % np.uint64(self.n_partitions)).astype(np.uint32)
            columns = [pa.array(partitions), pa.array(sites), pa.array(counts.astype(np.int64))]
            yield pa.record_batch(columns, schema=self.schema)


@dataclass(frozen=True)
class KeepLargeSites:
    """Those of at least `n_pages`."""

    n_pages: int

    schema: ClassVar[pa.Schema] = SITES

    def __call__(self, batches: Batches) -> Batches:
        """Read counts, yield sums."""
        rows = pa.Table.from_batches(batches, SITES)
        sums = rows.group_by("site", use_threads=False).aggregate([("n_pages", "sum")])
        large = sums.filter(pc.greater_equal(sums["n_pages_sum"], self.n_pages)).sort_by("site")
        columns = [large["site"], large["n_pages_sum"]]
        yield from pa.table(columns, schema=SITES).combine_chunks().to_batches()


@dataclass(frozen=True)
class WriteTable:
    """A small table as one artefact (Arrow IPC)."""

    def __call__(self, *sources: Batches) -> bytes:
        """Read batches of one schema."""
        batches = [batch for source in sources for batch in source]
        sink = pa.BufferOutputStream()
        schema = batches[0].schema if batches else SITES
        with pa.ipc.new_file(sink, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        return bytes(sink.getvalue())


def table_bytes(table: pa.Table) -> bytes:
    """A small table as the bytes of an artefact (Arrow IPC); `read_table` reads it."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def read_table(artefact: Artefact) -> pa.Table:
    """A table written as one artefact."""
    with pa.ipc.open_file(pa.BufferReader(artefact.read())) as reader:
        return reader.read_all()


def read_large_sites(artefact: Artefact | None) -> dict[int, int]:
    """Hash of the site → pages."""
    if artefact is None:
        return {}
    table = read_table(artefact)
    return dict(zip(table["site"].to_pylist(), table["n_pages"].to_pylist(), strict=True))
