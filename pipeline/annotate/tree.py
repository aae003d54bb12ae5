"""One domain's patterns as a tree, each with what was decided about it."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.annotate.pattern_table import Pattern, PatternTable
from stages.recall.sites.annotations import Annotation
from stages.recall.sites.url_patterns import nearest


@dataclass(frozen=True)
class Node:
    """A pattern in the tree with what was decided about it."""

    pattern: Pattern
    depth: int
    label: str
    decision: Annotation | None
    inherited: bool

    @property
    def state(self) -> str:
        """`accepted`, `rejected` or `open`."""
        if self.decision is None:
            return "open"
        return "accepted" if self.decision.accept else "rejected"


def nodes_of(table: PatternTable, domain: str, decided: Mapping[str, Annotation]) -> list[Node]:
    """The domain's patterns, parents before children; none of a domain without patterns."""
    nodes: list[Node] = []
    above: list[tuple[str, ...]] = []
    for place in table.of_domain(domain):
        pattern = table[place]
        while above and pattern.path[: len(above[-1])] != above[-1]:
            above.pop()
        rest = pattern.path[len(above[-1]) if above else 0 :]
        label = "/".join(rest) + ("/" if len(pattern.path) > 1 else "")
        found = nearest(pattern.text, decided)
        inherited = found is not None and found[0] != pattern.text
        nodes.append(Node(pattern, len(above), label, found[1] if found else None, inherited))
        above.append(pattern.path)
    return nodes
