"""`sluice sql`: one reading statement over a run, answered in batches.

What DuckDB calls a SELECT may hold a `COPY … TO` (in a CTE), and an EXPLAIN anything, so the check
of the statement is for a clear message; that nothing is written is up to the connection
(`pipeline.inspection.views.open_run`).
"""

import re
from collections.abc import Generator, Mapping
from pathlib import Path

import duckdb
import pyarrow as pa

from pipeline.inspection.views import View, open_run
from pipeline.storage.database_files import ROOT
from schemas.columns import description
from stages.errors import ConfigError

_READING = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
_ROWS_PER_BATCH = 10_000
_DESCRIBE = re.compile(r'\s*desc(?:ribe)?\s+(?:table\s+)?([\w."]+)\s*;?\s*', re.IGNORECASE)
_PLACES = {"shard": "number of the file", "row": "row in the file"}


def query(run: Path, statement: str) -> Generator[pa.RecordBatch, None, None]:
    """The statement's answer, at least one batch. ConfigError explains what is wrong with it."""
    with open_run(run, ids_as_text=True) as (connection, views):
        described = _described(statement, views)
        if described is not None:
            yield _columns(connection, described)
            return
        try:
            relation = connection.sql(_reading(statement))
            reader = relation.to_arrow_reader(_ROWS_PER_BATCH)
            n_batches = 0
            for batch in reader:
                n_batches += 1
                yield batch
            if not n_batches:
                yield pa.RecordBatch.from_pylist([], schema=reader.schema)
        except duckdb.Error as error:
            if _is_of_the_run(error, statement):
                raise
            raise ConfigError(_explained(error, views)) from error


def _described(statement: str, views: Mapping[str, View]) -> View | None:
    """The table that `describe TABLE` names."""
    match = _DESCRIBE.fullmatch(statement)
    return views.get(match[1].replace('"', "")) if match is not None else None


def _columns(connection: duckdb.DuckDBPyConnection, view: View) -> pa.RecordBatch:
    """Name, type and meaning of a table's columns."""
    found = connection.execute(f"describe {view.sql_name}").fetchall()
    said = {one.name: description(one) for one in view.arrow_schema}
    meaning = [said.get(name) or _PLACES.get(name) for name, *_ in found]
    return pa.RecordBatch.from_pydict(
        {
            "column_name": pa.array([row[0] for row in found], pa.string()),
            "column_type": pa.array([row[1] for row in found], pa.string()),
            "description": pa.array(meaning, pa.string()),
        }
    )


def _reading(text: str) -> duckdb.Statement:
    """The one statement in the text; ConfigError if there are more, or it does something else."""
    statements = duckdb.extract_statements(text)
    if len(statements) != 1 or statements[0].type not in _READING:
        raise ConfigError(
            "sluice sql takes one reading statement (SELECT, FROM, WITH, DESCRIBE, SUMMARIZE, "
            "SHOW ALL TABLES, PIVOT with its values: ON column IN (…), or EXPLAIN of one)"
        )
    return statements[0]


def _is_of_the_run(error: duckdb.Error, statement: str) -> bool:
    """Whether a file of the run is to blame, and not the statement."""
    is_damage = isinstance(error, duckdb.IOException | duckdb.InvalidInputException)
    return is_damage and ROOT in str(error) and ROOT not in statement


def _explained(error: duckdb.Error, views: Mapping[str, View]) -> str:
    message = str(error).strip()
    if message.startswith("Traceback"):  # of our own file system, in DuckDB's words
        message = message.splitlines()[-1]
    if isinstance(error, duckdb.CatalogException):
        message += f"\n\nTables of this run: {', '.join(views)}"
    if "PermissionError" in message or isinstance(error, duckdb.PermissionException):
        message = f"sluice sql reads the run, and nothing else: {message}"
    return message
