"""What is counted when a shard commits: a fixed cube and histograms, by schema alone.

The cube is keep/reason × language (or natural language) × licence, with documents, bytes and
tokens; it counts the rows that reached the stage. Histograms cover the columns that a schema
tags. No stage contains counting code.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.columns import histogram_edges

CUBE_KEYS = ("reason", "language", "license")
CUBE_VALUES = ("documents", "bytes", "tokens")


class Counter:
    """Counts the batches of one table."""

    def __init__(self, schema: pa.Schema) -> None:
        self._edges = {
            field.name: edges for field in schema if (edges := histogram_edges(field)) is not None
        }
        self._histograms = {
            name: np.zeros(len(edges) + 1, np.int64) for name, edges in self._edges.items()
        }
        self._cube: dict[tuple[Any, ...], list[int]] = {}

    def update(self, batch: pa.RecordBatch, facts: pa.RecordBatch | None = None) -> None:
        """Count a batch. `facts` stands beside it and may hold `n_bytes`, `license`, `language`,
        `other`, `natural_language`; what it lacks is taken from the batch or left out."""
        lookup = _Columns(batch, facts)
        keep = lookup.get("keep")
        mask = pc.is_valid(keep) if keep is not None else None
        self._count_cube(lookup, batch.num_rows, mask)
        for name, edges in self._edges.items():
            values = batch.column(name)
            if mask is not None:
                values = values.filter(mask)
            numbers = values.drop_null().to_numpy(zero_copy_only=False)
            bins = np.searchsorted(np.asarray(edges), numbers, side="right")
            self._histograms[name] += np.bincount(bins, minlength=len(edges) + 1)

    def _count_cube(self, lookup: "_Columns", rows: int, mask: pa.Array | None) -> None:
        language = lookup.get("language")
        if language is not None:
            other = lookup.get("other")
            language = language if other is None else pc.coalesce(language, other)
        else:
            language = lookup.get("natural_language")
        table = pa.table(
            {
                "reason": _text(lookup.get("reason"), rows),
                "language": _text(language, rows),
                "license": _text(lookup.get("license"), rows),
                "documents": pa.array(np.ones(rows, np.int64)),
                "bytes": _number(lookup.get("n_bytes"), rows),
                "tokens": _number(lookup.get("n_tokens"), rows),
            }
        )
        if mask is not None:
            table = table.filter(mask)
        groups = table.group_by(list(CUBE_KEYS)).aggregate([(name, "sum") for name in CUBE_VALUES])
        for row in groups.to_pylist():
            counts = self._cube.setdefault(tuple(row[key] for key in CUBE_KEYS), [0, 0, 0])
            for index, name in enumerate(CUBE_VALUES):
                counts[index] += row[f"{name}_sum"] or 0

    def result(self) -> dict[str, Any]:
        """`cube`: rows of (reason, language, license, documents, bytes, tokens), sorted;
        `histograms`: column → `edges` and `counts`."""
        rows = sorted(self._cube.items(), key=lambda item: tuple(map(str, item[0])))
        return {
            "cube": [[*key, *counts] for key, counts in rows],
            "histograms": {
                name: {"edges": self._edges[name], "counts": counts.tolist()}
                for name, counts in self._histograms.items()
            },
        }


def merge(statistics: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Add up the results of many shards."""
    cube: dict[tuple[Any, ...], list[int]] = {}
    histograms: dict[str, dict[str, Any]] = {}
    for part in statistics:
        for reason, language, license_, *counts in part.get("cube", []):
            total = cube.setdefault((reason, language, license_), [0, 0, 0])
            for index, count in enumerate(counts):
                total[index] += count
        for name, histogram in part.get("histograms", {}).items():
            counts = histogram["counts"]
            merged = histograms.setdefault(
                name, {"edges": histogram["edges"], "counts": [0] * len(counts)}
            )
            merged["counts"] = [a + b for a, b in zip(merged["counts"], counts, strict=True)]
    rows = sorted(cube.items(), key=lambda item: tuple(map(str, item[0])))
    return {"cube": [[*key, *counts] for key, counts in rows], "histograms": histograms}


class _Columns:
    """Columns of a batch and, behind it, of the facts beside it."""

    def __init__(self, batch: pa.RecordBatch, facts: pa.RecordBatch | None) -> None:
        self._batches = [batch] if facts is None else [batch, facts]

    def get(self, name: str) -> pa.Array | None:
        for batch in self._batches:
            if name in batch.schema.names:
                return batch.column(name)
        return None


def _text(array: pa.Array | None, rows: int) -> pa.Array:
    if array is None:
        return pa.nulls(rows, pa.string())
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _number(array: pa.Array | None, rows: int) -> pa.Array:
    return pa.array(np.zeros(rows, np.int64)) if array is None else pc.fill_null(array, 0)
