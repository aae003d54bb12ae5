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
from stages.kernels.groups import group, smallest
from stages.kernels.identity import identity_words
from stages.kernels.paths import directories, string_hashes
from stages.recall.classifier.model import load_model
from stages.recall.sites.annotations import Annotations
from stages.recall.sites.large_sites import read_large_sites
from stages.recall.sites.pattern_rules import PatternRules
from stages.recall.sites.url_patterns import ancestors, nearest

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
        rows = np.flatnonzero(level)
        node, first = group(level[rows])
        n_pages = np.bincount(node, minlength=len(first))
        n_recalled = np.bincount(node, recalled[rows], minlength=len(first)).astype(np.int64)
        keep = np.ones(len(first), bool)
        if depth >= 0:
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
        kept = np.where(keep, np.cumsum(keep) - 1, -1).astype(np.int32)
        groups = np.full(len(pages), -1, np.int32)
        groups[rows] = kept[node]
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
        sums = domain_sums(pa.Table.from_batches(batches, NODE))
        columns: dict[str, Any] = {"domain": [], "n_pages": []}
        for target in self.targets:
            own = sums.filter(pc.equal(sums["target"], target))
            n_pages, n_recalled = own["n_pages"].to_numpy(), own["n_recalled"].to_numpy()
            columns |= {
                "domain": own["domain"],
                "n_pages": own["n_pages"],
                f"n_recalled_{target}": own["n_recalled"],
                f"share_{target}": n_recalled / n_pages,
                f"is_{target}": self.rules.are_domains(n_pages, n_recalled),
            }
        yield from pa.table(columns, self.schema).combine_chunks().to_batches()


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
        sums = domain_sums(nodes)
        counts = (sums[name].to_numpy() for name in ("n_pages", "n_recalled"))
        found = sums.filter(pa.array(self.rules.are_domains(*counts)))
        chosen = set(zip(found["target"].to_pylist(), found["domain"].to_pylist(), strict=True))
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
                _, *above = ancestors(pattern)
                whole_parent = bool(above) and sizes.get(above[0]) == n_pages
                if n_pages < self.rules.pattern_pages or not node["n_recalled"]:
                    continue
                if whole_parent and pattern not in decisions:
                    continue
                node["hit_rate"] = node["n_recalled"] / n_pages
                decided = nearest(pattern, decisions)
                node["accepted"] = decided[1] if decided else None
                node["decided_by"] = PERSON
                if decided is None:
                    by_rule = self.rules.by_rule
                    node["decided_by"] = RULE if by_rule else None
                    if by_rule:
                        node["accepted"] = node["hit_rate"] > self.rules.pattern_share
                yield node


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


def domain_sums(nodes: pa.Table) -> pa.Table:
    """`target`, `domain`, `n_pages`, `n_recalled` of every domain, by name; a large domain's parts
    are summed."""
    domains = nodes.filter(pc.is_null(nodes["pattern"]))
    sums = domains.group_by(["target", "domain"], use_threads=False).aggregate(
        [("n_pages", "sum"), ("n_recalled", "sum")]
    )
    named = sums.rename_columns(["target", "domain", "n_pages", "n_recalled"])
    return named.sort_by("domain")


def _merged(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """One node for each target and pattern: a large site's come from several partitions."""
    for _, same in groupby(rows, key=itemgetter("target", "pattern")):
        parts = list(same)
        node = parts[0]
        node["n_pages"] = sum(part["n_pages"] for part in parts)
        node["n_recalled"] = sum(part["n_recalled"] for part in parts)
        examples = [one for part in parts for one in part["examples"]]
        node["examples"] = sorted(examples, key=itemgetter("doc_id"))[:EXAMPLES]
        yield node
