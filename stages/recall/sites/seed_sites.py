"""Pages of the crawl that are seeds by where they lie.

The papers begin with sites: StackOverflow's questions and PyTorch's documentation for code,
StackExchange's for mathematics (DeepSeek-Coder-V2, arXiv 2406.11931 section 2). `seeds/TARGET.toml`
lists them, a configuration may name others. Of a domain about `per_domain` pages are drawn with
the small recipe, of all sites at most `max_examples`.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stages.contract import Artefact, Batches
from stages.kernels.paths import depth_of, directories, pattern_hashes
from stages.recall.sites.decisions import Accept, SeedLimits, WeighDecisions
from stages.recall.sites.site_lists import SitesOfTargets
from stages.recall.small_table import read_table, table_bytes

SITE_PAGES = pa.schema(
    [
        pa.field("target", pa.string()),
        pa.field("pattern", pa.string()),
        pa.field("domain", pa.string()),
        pa.field("n_pages", pa.int64()),
        pa.field("accepted", pa.bool_()),
    ]
)
KEY = ["target", "pattern", "domain"]


@dataclass(frozen=True)
class CountSitePages:
    """How many pages lie under each site, by their registrable domain."""

    sites: SitesOfTargets

    reads: ClassVar = ("url", "domain")
    schema: ClassVar[pa.Schema] = SITE_PAGES

    def __call__(self, batches: Batches) -> Batches:
        """Read `reads`, yield `schema`: one row for a site and domain of a batch."""
        patterns = sorted({pattern for _, own in self.sites for pattern in own})
        hashes = dict(zip(patterns, pattern_hashes(patterns).tolist(), strict=True))
        for batch in batches:
            levels = directories(batch.column("url").cast(pa.large_string()), depth_of(patterns))[0]
            for target, own in self.sites:
                for pattern in own:
                    under = (levels == np.uint64(hashes[pattern])).any(axis=1)
                    counts = batch.column("domain").filter(pa.array(under)).value_counts()
                    for domain, n_pages in zip(*counts.flatten(), strict=True):
                        row = [target, pattern, domain.as_py(), n_pages.as_py(), True]
                        yield pa.record_batch([[value] for value in row], schema=self.schema)


@dataclass(frozen=True)
class SumSitePages:
    """The counts of all shards, as one artefact (Arrow IPC)."""

    def __call__(self, *sources: Batches) -> bytes:
        """Read the batches of `CountSitePages`."""
        (counts,) = sources
        rows = pa.Table.from_batches(counts, SITE_PAGES)
        sums = (
            rows.group_by(KEY, use_threads=False)
            .aggregate([("n_pages", "sum")])
            .sort_by([(name, "ascending") for name in KEY])
        )
        accepted = pa.array(np.ones(len(sums), bool))
        columns = [*(sums[name] for name in KEY), sums["n_pages_sum"], accepted]
        return table_bytes(pa.table(columns, schema=SITE_PAGES))


@dataclass(frozen=True)
class DrawSites:
    """The share of each site's pages that become seeds, as `GrowSeeds` reads it."""

    counted: Artefact
    limits: SeedLimits

    def __call__(self, *sources: Batches) -> bytes:
        """Read no source, but the counts."""
        counts = iter(read_table(self.counted).to_batches())
        return Accept(self.limits)(WeighDecisions(self.limits)(counts))


def n_site_pages(counted: Artefact) -> int:
    """Pages under all sites."""
    return int(pc.sum(read_table(counted)["n_pages"]).as_py() or 0)
