"""Domains and URL patterns that an iteration found (DeepSeekMath, arXiv 2402.03300 section 2.1).

A domain of which over a tenth was recalled is a target's domain; within those, each directory with
enough pages is a pattern, with its hit rate and example pages, unless all pages of its parent lie
in it. A person's decision holds for all patterns below it; without one, unattended, a pattern is
accepted when over 0.9 of its pages were recalled (over a half, blogs with some mathematics in them
gave a seventh of the seeds added).

Memory: the nodes with a recalled page of the domains in a partition, about 1.5 kB each.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from stages.contract import Batches
from stages.recall.sites.annotations import Annotations
from stages.recall.sites.nodes import EXAMPLE, EXAMPLES, NODE
from stages.recall.sites.pattern_rules import PatternRules
from stages.recall.sites.url_patterns import ancestors, nearest

RULE, PERSON = "rule", "person"


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
            leaves_rest = self.annotations.leaves_rest(target)
            sizes: dict[str, int] = {}
            for node in patterns:
                # Sorted by name, a directory comes after all above it: their sizes are known.
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
                    by_rule = self.rules.by_rule or leaves_rest
                    node["decided_by"] = RULE if by_rule else None
                    if by_rule:
                        node["accepted"] = node["hit_rate"] > self.rules.pattern_share
                yield node


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
