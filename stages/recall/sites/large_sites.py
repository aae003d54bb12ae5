"""Which sites are too large for one task: domains, and first directories, of over 500,000 pages.

Only a crawl of more pages than that is counted. Cost: 16 bytes a directory and shard of scratch.
"""

from dataclasses import dataclass
from itertools import chain
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.contract import PARTITION, Artefact, Batches
from stages.kernels.paths import directories, string_hashes
from stages.recall.places import WEB, Places
from stages.recall.small_table import read_table, table_bytes

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
class WriteSites:
    """The sites that were kept, as one artefact."""

    def __call__(self, *sources: Batches) -> bytes:
        """Read the batches of `KeepLargeSites`."""
        return table_bytes(pa.Table.from_batches(chain(*sources), SITES))


def read_large_sites(artefact: Artefact | None) -> dict[int, int]:
    """Hash of the site → pages."""
    if artefact is None:
        return {}
    table = read_table(artefact)
    return dict(zip(table["site"].to_pylist(), table["n_pages"].to_pylist(), strict=True))
