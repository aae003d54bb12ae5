"""`sluice sql`: one reading statement over a run, answered in batches."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb
import pyarrow as pa

from pipeline.inspection.views import View, open_run
from stages.errors import ConfigError

_EXPLAIN = re.compile(r"\s*explain(\s+analyze)?\s", re.IGNORECASE)
_ROWS_PER_BATCH = 10_000


def query(run: Path, statement: str) -> Iterator[pa.RecordBatch]:
    """The statement's answer, at least one batch. ConfigError explains what is wrong with it."""
    with open_run(run) as (connection, views):
        try:
            _refuse_writes(statement)
            relation = connection.sql(statement)
            reader = relation.to_arrow_reader(_ROWS_PER_BATCH)
            n_batches = 0
            for batch in reader:
                n_batches += 1
                yield batch
            if not n_batches:
                yield pa.RecordBatch.from_pylist([], schema=reader.schema)
        except duckdb.Error as error:
            raise ConfigError(_explained(error, views)) from error


def _refuse_writes(statement: str) -> None:
    statements = duckdb.extract_statements(_EXPLAIN.sub("", statement, count=1))
    if [one.type for one in statements] != [duckdb.StatementType.SELECT]:
        raise ConfigError(
            "sluice sql takes one reading statement (SELECT, FROM, WITH, DESCRIBE, SUMMARIZE, "
            "SHOW ALL TABLES, or EXPLAIN of one)"
        )


def _explained(error: duckdb.Error, views: Mapping[str, View]) -> str:
    message = str(error).strip()
    if isinstance(error, duckdb.CatalogException):
        message += f"\n\nTables of this run: {', '.join(views)}"
    return message
