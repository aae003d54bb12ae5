"""Domains and URL patterns that an iteration found (DeepSeekMath, arXiv 2402.03300 section 2.1).

Every directory is a node of a prefix tree over host and path. A domain of which over a tenth was
recalled is a target's domain; within those, each directory with enough pages is a pattern, with its
hit rate and example pages, unless all pages of its parent lie in it. A person's decision holds for
all patterns below it; without one, unattended, a pattern is accepted when over 0.9 of its pages
were recalled (over a half, blogs with some mathematics in them gave a seventh of the seeds added).

Memory: first a partition of the scores (pages of a site lie together, so that its tree is counted
there), then the nodes with a recalled page of the domains in a partition, about 1.5 kB each.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.columns import DOC_ID
from stages.contract import PARTITION, Artefact, Batches
from stages.kernels.paths import directories, string_hashes
from stages.recall.annotations import Annotations, ancestors
from stages.recall.model import load_model
from stages.recall.rules import PatternRules
from stages.recall.score import score_schema
from stages.recall.sites import read_large_sites

EXAMPLES = 8
MIN_NODE_PAGES = 2
RULE, PERSON = "rule", "person"

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
        pages = pa.Table.from_batches(batches, score_schema(self.targets)).combine_chunks()
        if not len(pages):
            return
        urls = pages["url"].combine_chunks().cast(pa.large_string())
        hashes, ends = directories(urls, self.depth)
        sites = string_hashes(pages["domain"].combine_chunks())
        large = np.array(list(read_large_sites(self.large)), np.uint64)
        split = np.isin(sites, large)
        for target, artefact in zip(self.targets, self.models, strict=True):
            threshold = load_model(artefact.read()).decision.threshold
            recalled = pages[f"score_{target}"].to_numpy() >= threshold
            yield from self._level(target, pages, recalled, split, sites, None, -1)
            for depth, (level, end) in enumerate(zip(hashes.T, ends.T, strict=True)):
                yield from self._level(target, pages, recalled, split, level, end, depth)

    def _level(
        self,
        target: str,
        pages: pa.Table,
        recalled: npt.NDArray[np.bool_],
        split: npt.NDArray[np.bool_],
        level: npt.NDArray[np.uint64],
        ends: npt.NDArray[np.int32] | None,
        depth: int,
    ) -> Iterator[pa.RecordBatch]:
        rows = np.flatnonzero(level)
        _, first, node = np.unique(level[rows], return_index=True, return_inverse=True)
        n_pages = np.bincount(node, minlength=len(first))
        n_recalled = np.bincount(node, recalled[rows], minlength=len(first)).astype(np.int64)
        keep = np.ones(len(first), bool)
        if ends is not None:
            parted = split[rows[first]]
            keep = (n_recalled > 0) | parted
            keep &= (n_pages >= MIN_NODE_PAGES) | (parted & (depth <= 1))
        if not keep.any():
            return
        examples = pa.nulls(int(keep.sum()), pa.list_(EXAMPLE))
        patterns = pa.nulls(len(examples), pa.string())
        if ends is not None:
            at = rows[first[keep]]
            urls = pages["url"].take(pa.array(at)).to_pylist()
            cuts = ends[at].tolist()
            names = [url.encode()[:cut].decode() for url, cut in zip(urls, cuts, strict=True)]
            patterns = pa.array([name.partition("://")[2] for name in names], pa.string())
            examples = self._examples(target, pages, rows, node, keep)
        domains = pages["domain"].take(pa.array(rows[first[keep]])).combine_chunks()
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
        pages: pa.Table,
        rows: npt.NDArray[np.int64],
        node: npt.NDArray[np.int64],
        keep: npt.NDArray[np.bool_],
    ) -> pa.Array:
        """Pages of each kept node: those of the smallest doc_id, a draw without regard to
        scores."""
        rows, node = rows[keep[node]], node[keep[node]]
        identities = pages["doc_id"].combine_chunks().take(pa.array(rows))
        by_id = pc.sort_indices(identities.cast(pa.binary())).to_numpy()
        order = by_id[np.argsort(node[by_id], kind="stable")]
        starts = np.flatnonzero(np.diff(node[order], prepend=-1))
        rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
        order = order[rank < EXAMPLES]
        chosen = pages.take(pa.array(rows[order]))
        values = pa.StructArray.from_arrays(
            [
                chosen["doc_id"].combine_chunks(),
                chosen["url"].combine_chunks(),
                chosen[f"score_{target}"].combine_chunks(),
            ],
            fields=list(EXAMPLE),
        )
        counts = np.bincount(node[order], minlength=len(keep))[keep]
        offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
        return pa.ListArray.from_arrays(offsets, values)


@dataclass(frozen=True)
class ListDomains:
    """Pages and recalled pages of every registrable domain, in the order of names."""

    targets: tuple[str, ...]
    rules: PatternRules

    schema: ClassVar[pa.Schema]

    def __post_init__(self) -> None:
        fields = [pa.field("domain", pa.string()), pa.field("n_pages", pa.int64())]
        for target in self.targets:
            fields += [
                pa.field(f"n_recalled_{target}", pa.int64()),
                pa.field(f"share_{target}", pa.float64()),
                pa.field(f"is_{target}", pa.bool_()),
            ]
        object.__setattr__(self, "schema", pa.schema(fields))

    def __call__(self, batches: Batches) -> Batches:
        """Read nodes, yield `schema`."""
        counts = domain_counts(pa.Table.from_batches(batches, NODE))
        names = sorted({domain for _, domain in counts})
        rows = []
        for name in names:
            row: dict[str, Any] = {"domain": name}
            for target in self.targets:
                n_pages, n_recalled = counts[target, name]
                row["n_pages"] = n_pages
                row[f"n_recalled_{target}"] = n_recalled
                row[f"share_{target}"] = n_recalled / n_pages
                row[f"is_{target}"] = self.rules.is_domain(n_pages, n_recalled)
            rows.append(row)
        yield from pa.Table.from_pylist(rows, self.schema).to_batches()


@dataclass(frozen=True)
class ProposePatterns:
    """The patterns of the targets' domains, with what was decided about them."""

    rules: PatternRules
    annotations: Annotations

    schema: ClassVar[pa.Schema] = pa.schema(
        [
            pa.field("target", pa.string()),
            pa.field("pattern", pa.string()),
            pa.field("domain", pa.string()),
            pa.field("n_pages", pa.int64()),
            pa.field("n_recalled", pa.int64()),
            pa.field("hit_rate", pa.float64()),
            pa.field("depth", pa.int32()),
            pa.field("accepted", pa.bool_()),
            pa.field("decided_by", pa.string()),
            pa.field("examples", pa.list_(EXAMPLE)),
        ]
    )

    def __call__(self, batches: Batches) -> Batches:
        """Read nodes, yield `schema`."""
        nodes = pa.Table.from_batches(batches, NODE)
        counts = domain_counts(nodes)
        chosen = {key for key, pair in counts.items() if self.rules.is_domain(*pair)}
        keys = zip(nodes["target"].to_pylist(), nodes["domain"].to_pylist(), strict=True)
        wanted = pa.array([key in chosen for key in keys], pa.bool_())
        nodes = nodes.filter(pc.and_(wanted, pc.is_valid(nodes["pattern"])))
        order = [("target", "ascending"), ("pattern", "ascending")]
        proposed = list(self._proposed(_merged(nodes.sort_by(order).to_pylist())))
        yield from pa.Table.from_pylist(proposed, self.schema).to_batches(max_chunksize=4096)

    def _proposed(self, nodes: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for target, patterns in groupby(nodes, key=itemgetter("target")):
            decisions = self.annotations.of(target)
            sizes: dict[str, int] = {}
            for node in patterns:
                pattern, n_pages = node["pattern"], node["n_pages"]
                sizes[pattern] = n_pages
                above = ancestors(pattern)
                next(above)
                whole_parent = sizes.get(next(above, "")) == n_pages
                if n_pages < self.rules.pattern_pages or not node["n_recalled"]:
                    continue
                if whole_parent and pattern not in decisions:
                    continue
                node["hit_rate"] = node["n_recalled"] / n_pages
                answers = (decisions[one] for one in ancestors(pattern) if one in decisions)
                node["accepted"], node["decided_by"] = next(answers, None), PERSON
                if node["accepted"] is None:
                    by_rule = self.rules.by_rule
                    node["decided_by"] = RULE if by_rule else None
                    if by_rule:
                        node["accepted"] = node["hit_rate"] > self.rules.pattern_share
                yield node


def domain_counts(nodes: pa.Table) -> dict[tuple[str, str], tuple[int, int]]:
    """(target, domain) → pages, recalled pages; a large domain's parts are summed."""
    domains = nodes.filter(pc.is_null(nodes["pattern"]))
    sums = domains.group_by(["target", "domain"], use_threads=False).aggregate(
        [("n_pages", "sum"), ("n_recalled", "sum")]
    )
    names = zip(sums["target"].to_pylist(), sums["domain"].to_pylist(), strict=True)
    pairs = zip(sums["n_pages_sum"].to_pylist(), sums["n_recalled_sum"].to_pylist(), strict=True)
    return dict(zip(names, pairs, strict=True))


def _merged(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """One node for each target and pattern: a large site's come from several partitions."""
    for _, group in groupby(rows, key=itemgetter("target", "pattern")):
        parts = list(group)
        node = parts[0]
        node["n_pages"] = sum(part["n_pages"] for part in parts)
        node["n_recalled"] = sum(part["n_recalled"] for part in parts)
        examples = [one for part in parts for one in part["examples"]]
        node["examples"] = sorted(examples, key=itemgetter("doc_id"))[:EXAMPLES]
        yield node
