"""The tables of a run that hold verdicts, and what their documents can be chosen by."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa

from pipeline.browse.filters import UNKNOWN, Filters
from pipeline.configuration.registry import DOCUMENTS, GITHUB, STAGES, TOKENS
from pipeline.inspection.views import CORPORA, View
from pipeline.storage.location import location
from pipeline.storage.receipts import parse_receipts
from pipeline.storage.statistics import Cell, statistics_of
from schemas.columns import histogram_edges
from stages.errors import ConfigError, InputError

Totals = dict[tuple[str | None, str | None], int]
"""Reason and language → documents."""


@dataclass(frozen=True)
class JudgedTable:
    """A stage's verdicts on the documents of a corpus. What receipts count is read once, when it is
    first asked for, and held by shard and reason; by language it is read again."""

    stage: str
    """Such as `web.dedup`."""
    view: View
    documents: View
    siblings: Mapping[str, View] = field(repr=False)
    """The tables of the corpus, row for row beside each other, by name."""

    @property
    def corpus(self) -> str:
        return self.view.schema

    @property
    def name(self) -> str:
        """In `siblings`."""
        return self.view.name

    @property
    def place_column(self) -> str:
        """The column that says whose the documents are."""
        return "repo" if "repo" in self.documents.columns else "domain"

    @property
    def language_source(self) -> tuple[str, list[tuple[str, str]]] | None:
        """The table that knows the documents' languages, and its columns; None if none does."""
        if "language" in self.siblings:
            return "language", [("language", "language"), ("other", "other")]
        if "natural_language" in self.documents.columns:
            return self.documents.name, [("natural_language", "language")]
        return None

    @property
    def measures(self) -> dict[str, tuple[str, str]]:
        """`stage.column` → table and column, of the numbers that are counted in histograms."""
        order = [self.name, *(name for name in self.siblings if name != self.name)]
        return {
            f"{name}.{column.name}": (name, column.name)
            for name in order
            for column in self.siblings[name].arrow_schema
            if histogram_edges(column) is not None and _is_number(column.type)
        }

    @cached_property
    def reasons(self) -> dict[str | None, int]:
        """Documents by reason, None: kept; the largest first."""
        found: dict[str | None, int] = {}
        for (reason, _), n in self._counted[0].items():
            found[reason] = found.get(reason, 0) + n
        return dict(sorted(found.items(), key=lambda item: (item[0] is not None, -item[1])))

    @cached_property
    def languages(self) -> dict[str, int]:
        """Documents by language, the largest first."""
        found: dict[str, int] = {}
        for (_, language), n in self._counted[0].items() if self.language_source else ():
            name = language or UNKNOWN
            found[name] = found.get(name, 0) + n
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def counts_by_shard(self, filters: Filters) -> dict[int, int]:
        """Shard → documents of the verdict and language asked for; shards without any are left
        out."""
        found: dict[int, int] = {}
        if filters.language:
            for shard, cells in self._cells():
                chosen = (c.documents for c in cells if filters.counts(c.reason, c.language))
                found[shard] = sum(chosen)
        else:
            for shard, reasons in self._counted[1].items():
                found[shard] = sum(n for reason, n in reasons.items() if filters.counts(reason))
        return {shard: n for shard, n in found.items() if n}

    @cached_property
    def _counted(self) -> tuple[Totals, dict[int, dict[str | None, int]]]:
        """Documents by reason and language, and by shard and reason."""
        totals: Totals = {}
        shards: dict[int, dict[str | None, int]] = {}
        for shard, cells in self._cells():
            own = shards.setdefault(shard, {})
            for cell in cells:
                key = (cell.reason, cell.language)
                totals[key] = totals.get(key, 0) + cell.documents
                own[cell.reason] = own.get(cell.reason, 0) + cell.documents
        return totals, shards

    def _cells(self) -> Iterator[tuple[int, Sequence[Cell]]]:
        """What receipts count in each shard."""
        for receipt in parse_receipts(self.view.storage, self.view.folder).values():
            if receipt.key.isdigit():
                yield int(receipt.key), statistics_of([receipt]).cells


class JudgedTables:
    """All of a run's, by stage, in the order of the corpora and stages."""

    def __init__(self, views: Mapping[str, View]) -> None:
        self._tables = {table.stage: table for table in _judged(views)}
        if not self._tables:
            where = location(next(iter(views.values())).storage.url)
            raise ConfigError(f"{where}: no stage has judged documents yet; `sluice run` does")

    def __getitem__(self, stage: str) -> JudgedTable:
        if stage not in self._tables:
            known = ", ".join(self._tables)
            raise InputError(f"no stage {stage!r} with verdicts in this run; there are {known}")
        return self._tables[stage]

    def __iter__(self) -> Iterator[JudgedTable]:
        return iter(self._tables.values())


def _judged(views: Mapping[str, View]) -> Iterator[JudgedTable]:
    for corpus in sorted(CORPORA, key=lambda name: (name != GITHUB, name)):
        documents = views.get(f"{corpus}.{DOCUMENTS}")
        if documents is None:
            continue
        siblings = {
            view.name: view
            for view in views.values()
            if view.schema == corpus and view.is_stage and view.step.half is None
        }
        for stage in STAGES:
            view = siblings.get(stage)
            if view is not None and stage != TOKENS and "keep" in view.columns:
                yield JudgedTable(f"{corpus}.{stage}", view, documents, siblings)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
