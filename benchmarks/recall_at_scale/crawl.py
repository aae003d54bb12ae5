"""A crawl of any size whose pages have an address and no text, and of which everything is known.

Sizes of domains are skewed as those of the web are: every domain has a page, most of the others
lie in few. The first has the share LARGEST of all pages. Every tenth domain holds hits, in one of
its four folders. So the domains, the target's domains, the accepted patterns and the recalled pages
are known by counting.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.columns import DOC_ID
from stages.recall.classifier.evidence import MARKUP
from stages.recall.options import RecallOptions

SHARD_PAGES = 50_000
"""Pages of a shard: those of a WARC file or two."""
FOLDERS = 4

Numbers = npt.NDArray[np.int64]
DOCUMENTS = pa.schema(
    [
        pa.field("doc_id", DOC_ID),
        pa.field("domain", pa.string()),
        pa.field("url", pa.string()),
        pa.field("text", pa.large_string()),
        *(pa.field(name, pa.int32()) for name in MARKUP),
    ]
)


@dataclass(frozen=True)
class Crawl:
    """Which page lies where."""

    n_pages: int
    n_domains: int
    largest: float

    @property
    def n_shards(self) -> int:
        return -(-self.n_pages // SHARD_PAGES)

    def pages(self, shard: int) -> Numbers:
        """The numbers of a shard's pages."""
        return np.arange(shard * SHARD_PAGES, min((shard + 1) * SHARD_PAGES, self.n_pages))

    def places(self, pages: Numbers) -> tuple[Numbers, Numbers]:
        """Each page's domain and folder. The first pages are one of each domain; of the rest the
        first domain has its share, and the density of the others falls with the number's power of
        two thirds."""
        one, other = _uniform(pages, 1), _uniform(pages, 2)
        drawn = 1 + ((self.n_domains - 1) * other**3).astype(np.int64)
        domain = np.where(one < self.largest, 0, drawn)
        domain = np.where(pages < self.n_domains, pages, domain)
        return domain, (_uniform(pages, 3) * FOLDERS).astype(np.int64)

    def documents(self, pages: Numbers) -> pa.RecordBatch:
        """Their identities and addresses, of about 60 bytes."""
        domain, folder = self.places(pages)
        names = pc.binary_join_element_wise("site-", _text(domain), ".org", "")
        urls = pc.binary_join_element_wise(
            "https://www.",
            names,
            "/d",
            _text(folder),
            "/reference/2024/page-",
            _text(pages),
            ".html",
            "",
        )
        identity = np.ascontiguousarray(np.stack([_mixed(pages, 4), pages.view(np.uint64)], axis=1))
        doc_ids = pa.FixedSizeBinaryArray.from_buffers(
            DOC_ID, len(pages), [None, pa.py_buffer(identity)]
        )
        nothing = (pa.nulls(len(pages), column.type) for column in list(DOCUMENTS)[3:])
        return pa.record_batch([doc_ids, names, urls, *nothing], schema=DOCUMENTS)

    def expected(self, options: RecallOptions) -> dict[str, int]:
        """What the run must find, counted per domain and folder."""
        counts = np.zeros((self.n_domains, FOLDERS), np.int64)
        for shard in range(self.n_shards):
            domain, folder = self.places(self.pages(shard))
            np.add.at(counts, (domain, folder), 1)
        n_pages = counts.sum(axis=1)
        n_hits = np.where(np.arange(self.n_domains) % 10 == 0, counts[:, 0], 0)
        is_target = n_hits > options.domain_share * n_pages
        enough = is_target & (n_pages >= options.pattern_pages)
        host = enough & (n_hits > options.pattern_share * n_pages)
        folder = is_target & (n_hits >= options.pattern_pages) & (n_hits < n_pages)
        return {
            "pages": int(n_pages.sum()),
            "recalled": int(n_hits.sum()),
            "domains": int(np.count_nonzero(n_pages)),
            "target_domains": int(is_target.sum()),
            "patterns": int(enough.sum() + folder.sum()),
            "accepted": int(host.sum() + folder.sum()),
        }


def _mixed(numbers: Numbers, salt: int) -> npt.NDArray[np.uint64]:
    """SplitMix64 of each number."""
    value = (numbers.astype(np.uint64) << np.uint64(3)) + np.uint64(salt)
    value *= np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def _uniform(numbers: Numbers, salt: int) -> npt.NDArray[np.float64]:
    """A number from 0 to below 1 for each, the same every time."""
    return (_mixed(numbers, salt) >> np.uint64(11)).astype(np.float64) / 2.0**53


def _text(numbers: Numbers) -> pa.Array:
    return pa.array(numbers).cast(pa.string())
