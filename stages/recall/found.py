"""What an iteration found, counted: each partition's domains and patterns first, then their sums.

So the task that writes `metrics.json` reads a row for each partition and target, however many
domains and patterns there are.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from stages.contract import Batches


@dataclass(frozen=True)
class SumDomains:
    """A partition's domains: for each target the recalled pages, the domains that are its own, and
    the domain with the most; with target null all pages and domains."""

    targets: tuple[str, ...]

    schema: ClassVar[pa.Schema] = pa.schema(
        [
            pa.field("target", pa.string()),
            pa.field("n_pages", pa.int64()),
            pa.field("n_domains", pa.int64()),
            pa.field("largest", pa.string()),
            pa.field("n_largest", pa.int64()),
        ]
    )

    def __call__(self, batches: Batches) -> Batches:
        """Read the batches of `ListDomains`, yield a row a target."""
        parts = [self._row(target, batch) for batch in batches for target in (None, *self.targets)]
        rows = [sum_domains(target, parts) for target in (None, *self.targets)]
        yield pa.RecordBatch.from_pylist(rows, self.schema)

    def _row(self, target: str | None, batch: pa.RecordBatch) -> dict[str, Any]:
        n_pages = batch.column(f"n_recalled_{target}" if target else "n_pages")
        most = pc.max(n_pages).as_py() or 0
        names = batch.column("domain").filter(pc.equal(n_pages, most))
        return {
            "target": target,
            "n_pages": pc.sum(n_pages).as_py() or 0,
            "n_domains": pc.sum(batch.column(f"is_{target}")).as_py() if target else len(batch),
            "largest": pc.min(names).as_py() if most else None,
            "n_largest": most,
        }


@dataclass(frozen=True)
class SumPatterns:
    """A partition's patterns: how many each target has, accepted and open."""

    schema: ClassVar[pa.Schema] = pa.schema(
        [
            pa.field("target", pa.string()),
            pa.field("n_patterns", pa.int64()),
            pa.field("n_accepted", pa.int64()),
            pa.field("n_open", pa.int64()),
        ]
    )

    def __call__(self, batches: Batches) -> Batches:
        """Read the batches of `ProposePatterns`, yield a row a target."""
        n_of: Counter[tuple[str, bool | None]] = Counter()
        for batch in batches:
            pairs = (batch.column(name).to_pylist() for name in ("target", "accepted"))
            n_of.update(zip(*pairs, strict=True))
        rows = [
            {
                "target": target,
                "n_patterns": sum(n_of[target, answer] for answer in (True, False, None)),
                "n_accepted": n_of[target, True],
                "n_open": n_of[target, None],
            }
            for target in sorted({target for target, _ in n_of})
        ]
        yield pa.RecordBatch.from_pylist(rows, self.schema)


def sum_domains(target: str | None, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One row of `SumDomains` for all of a target's; of several largest domains the first by
    name."""
    own = [row for row in rows if row["target"] == target]
    found = [row for row in own if row["largest"] is not None]
    first = min(found, key=lambda row: (-row["n_largest"], row["largest"]), default=None)
    return {
        "target": target,
        "n_pages": sum(row["n_pages"] for row in own),
        "n_domains": sum(row["n_domains"] for row in own),
        "largest": first["largest"] if first else None,
        "n_largest": first["n_largest"] if first else 0,
    }


def describe_found(
    targets: Iterable[str], domains: Batches, patterns: Batches
) -> tuple[dict[str, Any] | None, dict[str, dict[str, Any]]]:
    """The largest domain, and what each target found, as `metrics.json` has them."""
    of_domains = [row for batch in domains for row in batch.to_pylist()]
    of_patterns = [row for batch in patterns for row in batch.to_pylist()]
    everything = sum_domains(None, of_domains)
    found = {}
    for target in targets:
        summed = sum_domains(target, of_domains)
        own = [row for row in of_patterns if row["target"] == target]
        found[target] = {
            "n_pages": everything["n_pages"],
            "n_recalled": summed["n_pages"],
            "n_domains": summed["n_domains"],
            "largest_domain": _largest(summed),
            "n_patterns": sum(row["n_patterns"] for row in own),
            "n_patterns_accepted": sum(row["n_accepted"] for row in own),
            "n_patterns_open": sum(row["n_open"] for row in own),
        }
    return _largest(everything), found


def _largest(row: Mapping[str, Any]) -> dict[str, Any] | None:
    if row["largest"] is None:
        return None
    return {"domain": row["largest"], "n_pages": row["n_largest"]}
