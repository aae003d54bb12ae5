"""A run folder as a database: every folder that holds `*.parquet` is a table.

`github/documents` is `github.documents`, `shards/code-web` is `shards.code_web`, and what lies
deeper joins its names (`github/rules/measure` is `github.rules_measure`). Rows of one corpus
belong together by (`shard`, `row`), which every view has as its last columns: the number of the
file and the row in it.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from stages.errors import ConfigError

SCHEMAS = ("github", "web", "seeds", "shards", "quarantine")
SHARD, ROW = "shard", "row"


@dataclass(frozen=True)
class View:
    """One table of a run: its SQL name and its files."""

    schema: str
    name: str
    files: tuple[Path, ...]

    @property
    def sql_name(self) -> str:
        """As written in a query."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    @property
    def columns(self) -> list[str]:
        """The columns of its files."""
        import pyarrow.parquet as pq  # noqa: PLC0415 - half of this module's import time

        names: list[str] = pq.read_schema(self.files[0]).names
        return names

    @property
    def scan(self) -> str:
        """The SQL table expression behind the view."""
        files = ", ".join(literal(str(file)) for file in self.files)
        return (
            f"(select * exclude (filename, file_row_number), "
            f"try_cast(regexp_extract(filename, '([0-9]+)[^/]*$', 1) as integer) as {SHARD}, "
            f"file_row_number as {ROW} "
            f"from read_parquet([{files}], filename = true, file_row_number = true))"
        )


def literal(text: str) -> str:
    """A SQL string."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def find_views(run: Path) -> list[View]:
    """Every table of the run folder, in order of name."""
    if not run.is_dir():
        raise ConfigError(f"{run}: no such run folder")
    views = []
    for schema in SCHEMAS:
        root = run / schema
        for folder in [root, *sorted(path for path in root.rglob("*") if path.is_dir())]:
            files = tuple(sorted(_committed(folder)))
            parts = folder.relative_to(run).parts[1:]
            if files and parts:
                views.append(View(schema, "_".join(parts).replace("-", "_"), files))
    if not views:
        raise ConfigError(f"{run}: not a run folder, or nothing has been written yet")
    return views


def _committed(folder: Path) -> Iterator[Path]:
    """Tasks write under hidden names; what is named `*.parquet` was committed."""
    for path in folder.glob("*.parquet"):
        if not path.name.startswith("."):
            yield path.resolve()


@contextmanager
def open_run(run: Path) -> Iterator[tuple[duckdb.DuckDBPyConnection, dict[str, View]]]:
    """A connection on which every table of the run is a view, and the views by `schema.name`.

    It reads the run folder and nothing else of this machine.
    """
    views = find_views(run)
    with (
        tempfile.TemporaryDirectory(prefix="sluice-sql-") as spill,
        duckdb.connect() as connection,
    ):
        connection.execute(f"set temp_directory = {literal(spill)}")
        connection.execute("set timezone = 'UTC'")
        for schema in SCHEMAS:
            connection.execute(f"create schema {schema}")
        for view in views:
            connection.execute(f"create view {view.sql_name} as from {view.scan}")
        allowed = ", ".join(literal(str(path)) for path in (run.resolve(), Path(spill)))
        connection.execute(f"set allowed_directories = [{allowed}]")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        yield connection, {f"{view.schema}.{view.name}": view for view in views}
