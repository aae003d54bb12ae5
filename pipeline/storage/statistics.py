"""What is counted when a shard commits: a fixed cube and histograms, by schema alone.

The cube is keep/reason × language (or natural language) × licence, with documents, bytes and
tokens; it counts the rows that reached the stage. Histograms cover the columns that a schema
tags. No stage contains counting code.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.storage.receipts import Receipt
from schemas.columns import histogram_edges
from stages.errors import StorageError

CUBE_KEYS = ("reason", "language", "license")
CUBE_VALUES = ("documents", "bytes", "tokens")


class Cell(NamedTuple):
    """Rows of one verdict, language and licence: how many, their bytes of text, their tokens."""

    reason: str | None
    language: str | None
    license: str | None
    documents: int
    n_bytes: int
    tokens: int


class Histogram(NamedTuple):
    """Counts of a measure: below the first of the edges, between them, from the last one on."""

    edges: Sequence[float]
    counts: Sequence[int]

    def plus(self, other: "Histogram") -> "Histogram":
        """Both together; StorageError if their edges differ."""
        if list(self.edges) != list(other.edges):
            raise StorageError("histograms of one measure have different edges")
        return Histogram(
            self.edges, [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        )


@dataclass(frozen=True)
class Statistics:
    """What was counted of a table, cells sorted by their keys."""

    cells: tuple[Cell, ...]
    histograms: Mapping[str, Histogram]

    def reasons(self) -> dict[str, int]:
        """Documents that were dropped, by reason."""
        found: dict[str, int] = {}
        for cell in self.cells:
            if cell.reason is not None:
                found[cell.reason] = found.get(cell.reason, 0) + cell.documents
        return dict(sorted(found.items()))

    def total(self, *, kept: bool = False) -> Cell:
        """All cells together, or those that were kept."""
        chosen = [cell for cell in self.cells if not kept or cell.reason is None]
        return Cell(
            None,
            None,
            None,
            sum(cell.documents for cell in chosen),
            sum(cell.n_bytes for cell in chosen),
            sum(cell.tokens for cell in chosen),
        )


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
        """What was counted, as JSON for a receipt's summary; `Statistics` reads it."""
        rows = sorted(self._cube.items(), key=lambda item: tuple(map(str, item[0])))
        return {
            "cube": [[*key, *counts] for key, counts in rows],
            "histograms": {
                name: {"edges": self._edges[name], "counts": counts.tolist()}
                for name, counts in self._histograms.items()
            },
        }


def statistics_of(receipts: Iterable[Receipt]) -> Statistics:
    """What was counted in all shards together."""
    cells: dict[tuple[str | None, str | None, str | None], list[int]] = {}
    histograms: dict[str, Histogram] = {}
    for receipt in receipts:
        found = receipt.summary.get("statistics", {})
        for reason, language, license_, *counts in found.get("cube", ()):
            total = cells.setdefault((reason, language, license_), [0, 0, 0])
            for index, count in enumerate(counts):
                total[index] += count
        for name, histogram in found.get("histograms", {}).items():
            own = Histogram(histogram["edges"], histogram["counts"])
            histograms[name] = histograms[name].plus(own) if name in histograms else own
    rows = sorted(cells.items(), key=lambda item: tuple(map(str, item[0])))
    return Statistics(tuple(Cell(*key, *counts) for key, counts in rows), histograms)


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
