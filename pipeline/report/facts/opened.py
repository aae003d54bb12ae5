"""A run as the sections of a report ask it: its tables, what was counted of them, its settings."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from pipeline.inspection.grouping import groups_in
from pipeline.inspection.stats import StageCount, every_statistics
from pipeline.inspection.verify import RUN_FILE
from pipeline.inspection.views import View, open_run
from pipeline.storage.json_files import DAMAGED
from pipeline.storage.storage import Storage


@dataclass(frozen=True)
class Opened:
    """A run that is being looked at."""

    run: Path
    storage: Storage
    connection: duckdb.DuckDBPyConnection
    views: Mapping[str, View]
    """By `schema.name`."""
    counted: Mapping[str, dict[str, Any]]
    """Every table of the funnel, in its order, as `stage_statistics` has it."""
    tables: Mapping[str, View]
    """The same tables."""
    made: Mapping[str, Any]
    """`run.json`; empty if no run has been completed."""

    @property
    def funnel(self) -> list[StageCount]:
        """What reached each table, and what became of it."""
        return [one["counts"] for one in self.counted.values()]

    def ask(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """The rows of a query's answer."""
        answer = self.connection.execute(query, list(values))
        names = [column[0] for column in answer.description or ()]
        return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]

    def grouped(self, stage: str, column: str) -> list[dict[str, Any]]:
        """The groups of a column, as `stats STAGE --by COLUMN` has them."""
        return groups_in(self.connection, self.views, stage, column)

    def setting(self, *keys: str) -> Any:
        """A value of the configuration that the run was made with; None if it is not known."""
        value: Any = self.made.get("configuration", {})
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value


@contextmanager
def opened(run: Path) -> Iterator[Opened]:
    """Open a run. ConfigError if it is none."""
    with open_run(run) as (connection, views):
        storage = next(iter(views.values())).storage
        found = every_statistics(list(views.values()))
        yield Opened(
            run,
            storage,
            connection,
            views,
            {one["stage"]: one for _, one in found},
            {one["stage"]: view for view, one in found},
            _made(storage),
        )


def _made(storage: Storage) -> dict[str, Any]:
    try:
        return dict(json.loads(storage.read_bytes(RUN_FILE)))
    except (OSError, *DAMAGED):
        return {}
