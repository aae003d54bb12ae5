"""The tree of host and directories over the pages of each site, with what was recalled in it.

Every directory is a node, found by the hash of its name; a domain is a node above its hosts. Pages
of a site lie in one partition of the scores, so its tree is counted there. Memory: one partition of
the scores.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.columns import DOC_ID
from stages.contract import PARTITION, Artefact, Batches
from stages.kernels.groups import group, smallest
from stages.kernels.identity import identity_words
from stages.kernels.paths import directories, string_hashes
from stages.recall.classifier.model import load_model
from stages.recall.sites.large_sites import read_large_sites

EXAMPLES = 8
MIN_NODE_PAGES = 2

EXAMPLE = pa.struct(
    [pa.field("doc_id", DOC_ID), pa.field("url", pa.string()), pa.field("score", pa.float64())]
)
NODE = pa.schema(
    [
        pa.field("target", pa.string()),
        pa.field("domain", pa.string()),
        pa.field("pattern", pa.string()),
        pa.field("depth", pa.int32()),
        pa.field("n_pages", pa.int64()),
        pa.field("n_recalled", pa.int64()),
        pa.field("examples", pa.list_(EXAMPLE)),
    ]
)
"""A domain has pattern null and depth -1; a host depth 0."""


@dataclass(frozen=True)
class CountNodes:
    """The tree of each site in one part of the scores: every domain, and every directory with a
    recalled page."""

    targets: tuple[str, ...]
    models: tuple[Artefact, ...]
    depth: int
    n_partitions: int
    large: Artefact | None = None
    """Sites that lie in several parts: their directories count with or without recalled pages."""

    schema: ClassVar[pa.Schema] = pa.schema([pa.field(PARTITION, pa.uint32()), *NODE])

    def __call__(self, batches: Batches) -> Batches:
        """Read scores, yield nodes by a hash of the domain."""
        scores = (f"score_{target}" for target in self.targets)
        pages = _together(batches, ("doc_id", "domain", "url", *scores))
        if not len(pages):
            return
        hashes = directories(pages["url"], self.depth)[0]
        sites = string_hashes(pages["domain"])
        large = np.array(list(read_large_sites(self.large)), np.uint64)
        split = np.isin(sites, large)
        for target, artefact in zip(self.targets, self.models, strict=True):
            threshold = load_model(artefact.read()).decision.threshold
            recalled = pages[f"score_{target}"].to_numpy() >= threshold
            yield from self._level(target, pages, recalled, split, sites, -1)
            for depth, level in enumerate(hashes.T):
                yield from self._level(target, pages, recalled, split, level, depth)

    def _level(
        self,
        target: str,
        pages: pa.RecordBatch,
        recalled: npt.NDArray[np.bool_],
        split: npt.NDArray[np.bool_],
        level: npt.NDArray[np.uint64],
        depth: int,
    ) -> Iterator[pa.RecordBatch]:
        # Pages of one directory have one hash, so a level of the tree is a grouping of hashes;
        # the name of a node is cut out of the URL of the first page in it.
        rows = np.flatnonzero(level)
        node, first = group(level[rows])
        n_pages = np.bincount(node, minlength=len(first))
        n_recalled = np.bincount(node, recalled[rows], minlength=len(first)).astype(np.int64)
        keep = np.ones(len(first), bool)
        if depth >= 0:
            # What lies here is all there is of an ordinary site, so directories that can never be
            # a pattern are dropped. Of a split one, host and first directories are summed later
            # over partitions, and any of them may turn out to be one.
            parted = split[rows[first]]
            keep = (n_recalled > 0) | parted
            keep &= (n_pages >= MIN_NODE_PAGES) | (parted & (depth <= 1))
        if not keep.any():
            return
        at = rows[first[keep]]
        examples = pa.nulls(len(at), pa.list_(EXAMPLE))
        patterns = pa.nulls(len(at), pa.string())
        if depth >= 0:
            urls = pages["url"].take(pa.array(at))
            cuts = directories(urls, self.depth)[1][:, depth].tolist()
            names = [
                url.encode()[:cut].decode() for url, cut in zip(urls.to_pylist(), cuts, strict=True)
            ]
            patterns = pa.array([name.partition("://")[2] for name in names], pa.string())
            examples = self._examples(target, pages, rows, node, keep)
        domains = pages["domain"].take(pa.array(at))
        partitions = (string_hashes(domains) >> np.uint64(8)) % np.uint64(self.n_partitions)
        yield pa.record_batch(
            [
                pa.array(partitions).cast(pa.uint32()),
                pa.array([target] * len(domains), pa.string()),
                domains,
                patterns,
                pa.array(np.full(len(domains), depth, np.int32)),
                pa.array(n_pages[keep].astype(np.int64)),
                pa.array(n_recalled[keep]),
                examples,
            ],
            schema=self.schema,
        )

    def _examples(
        self,
        target: str,
        pages: pa.RecordBatch,
        rows: npt.NDArray[np.int64],
        node: npt.NDArray[np.int32],
        keep: npt.NDArray[np.bool_],
    ) -> pa.Array:
        """Pages of each kept node: those of the smallest doc_id, a draw without regard to
        scores."""
        # Nodes are numbered anew without those dropped; pages of these belong to nobody (-1).
        kept = np.where(keep, np.cumsum(keep) - 1, -1).astype(np.int32)
        groups = np.full(len(pages), -1, np.int32)
        groups[rows] = kept[node]
        # Little-endian words, compared as numbers, rank otherwise than the identity's bytes.
        words = identity_words(pages["doc_id"]).byteswap()
        best = smallest(groups, int(keep.sum()), words, EXAMPLES)
        chosen = pages.take(pa.array(best[best >= 0]))
        values = pa.StructArray.from_arrays(
            [
                chosen["doc_id"],
                chosen["url"],
                chosen[f"score_{target}"],
            ],
            fields=list(EXAMPLE),
        )
        counts = (best >= 0).sum(axis=1)
        offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
        return pa.ListArray.from_arrays(offsets, values)


def _together(batches: Batches, names: Iterable[str]) -> pa.RecordBatch:
    """The columns of all batches as one; a column's parts go as it is made."""
    parts: dict[str, list[pa.Array]] = {name: [] for name in names}
    for batch in batches:
        for name, own in parts.items():
            own.append(batch.column(name))
    columns = {}
    for name in list(parts):
        own = parts.pop(name)
        columns[name] = pa.concat_arrays(own) if own else pa.nulls(0)
        own.clear()
    return pa.RecordBatch.from_pydict(columns)
