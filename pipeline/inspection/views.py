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
from functools import cached_property
from pathlib import Path, PurePosixPath

import duckdb
import pyarrow as pa

from pipeline.configuration.names import StepName
from pipeline.configuration.registry import CONFIGURED, DOCUMENTS, INTERNAL, STAGES
from pipeline.storage.database_files import ROOT, attach, database_path
from pipeline.storage.location import location, open_storage
from pipeline.storage.receipts import parse_receipts
from pipeline.storage.storage import LocalStorage, Storage
from schemas.columns import DOC_ID
from stages.errors import ConfigError, StorageError

CORPORA = (*CONFIGURED, *INTERNAL)
SCHEMAS = (*CORPORA, "shards", "quarantine")
SHARD, ROW = "shard", "row"
HEX = (
    "create macro hex(x) as if(typeof(x) = 'VARCHAR' and "
    "regexp_full_match(x::varchar, '[0-9a-f]{32}'), upper(x::varchar), system.main.hex(x))"
)
"""Where identities are text already, `hex(doc_id)` is what it is where they are bytes."""


@dataclass(frozen=True)
class View:
    """One table of a run: its SQL name, its folder in the run and the files there."""

    schema: str
    name: str
    storage: Storage
    folder: str
    files: tuple[str, ...]

    @property
    def sql_name(self) -> str:
        """As written in a query."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    @property
    def step(self) -> StepName:
        """Whose table it is: a stage's, one half's, or what a task of a stage keeps."""
        return StepName.parse(self.folder.replace("/", "."))

    @property
    def is_stage(self) -> bool:
        """Whether its rows are the corpus's documents: the table of a stage or of a half."""
        own = (DOCUMENTS, *STAGES)
        return self.schema in CORPORA and self.step.stage in own and self.step.task is None

    @property
    def columns(self) -> list[str]:
        """The columns of its files."""
        names: list[str] = self.arrow_schema.names
        return names

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """The schema of its files, with what it says of each column."""
        import pyarrow.parquet as pq  # noqa: PLC0415 - half of this module's import time

        with self.storage.open_read(self.files[0]) as stream:
            return pq.read_schema(stream)

    def scan(self, *, ids_as_text: bool = False) -> str:
        """The SQL table expression behind the view; with `ids_as_text`, identities are 32
        hexadecimal digits, as people write them."""
        replaced = [*map(_id_as_text, self.arrow_schema)] if ids_as_text else []
        replace = ", ".join(filter(None, replaced))
        files = ", ".join(literal(database_path(file)) for file in self.files)
        return (
            f"(select * exclude (filename, file_row_number) "
            f"{f'replace ({replace})' if replace else ''}, "
            f"try_cast(regexp_extract(filename, '([0-9]+)[^/]*$', 1) as integer) as {SHARD}, "
            f"file_row_number as {ROW} "
            f"from read_parquet([{files}], filename = true, file_row_number = true))"
        )


def _id_as_text(field: pa.Field) -> str | None:
    """The SQL that replaces a column of identities; None for any other column."""
    name = quoted(field.name)
    if field.type == DOC_ID:
        return f"lower(hex({name})) as {name}"
    if pa.types.is_list(field.type) and pa.types.is_struct(field.type.value_type):
        inner = [one.name for one in field.type.value_type if one.type == DOC_ID]
        if inner:
            texts = ", ".join(f"{quoted(one)} := lower(hex(part.{quoted(one)}))" for one in inner)
            updated = f"struct_update(part, {texts})"
            return f"list_transform({name}, lambda part: {updated}) as {name}"
    return None


def literal(text: str) -> str:
    """A SQL string."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def find_views(run: Path) -> list[View]:
    """Every table of the run folder, in order of name."""
    storage = open_storage(run)
    if isinstance(storage, LocalStorage) and not storage.root.is_dir():
        raise ConfigError(f"{run}: no such run folder")
    folders: dict[str, list[str]] = {}
    for path, _ in storage.walk():
        if path.endswith(".parquet") and not PurePosixPath(path).name.startswith("."):
            folders.setdefault(path.rpartition("/")[0], []).append(path)
    folders = _committed(storage, folders)
    views = []
    for folder, files in sorted(folders.items(), key=lambda item: PurePosixPath(item[0])):
        schema, *parts = folder.split("/")
        if schema in SCHEMAS and parts and files:
            name = "_".join(parts).replace("-", "_")
            views.append(View(schema, name, storage, folder, tuple(sorted(files))))
    if not views:
        raise ConfigError(f"{location(run)}: not a run folder, or nothing has been written yet")
    return sorted(views, key=lambda view: SCHEMAS.index(view.schema))


def _committed(storage: Storage, folders: dict[str, list[str]]) -> dict[str, list[str]]:
    """The files that count. On a disk tasks write under hidden names, so all of them do; on a
    store those that a receipt names."""
    if isinstance(storage, LocalStorage):
        return folders
    named: set[str] = set()
    for folder in folders:
        if not folder.startswith(("quarantine/", "scratch/")):
            for receipt in parse_receipts(storage, folder).values():
                named.add(f"{folder}/{receipt.object}")
                if receipt.quarantine is not None:
                    named.add(receipt.quarantine["object"])
    return {folder: [f for f in files if f in named] for folder, files in folders.items()}


@contextmanager
def open_run(
    run: Path, *, ids_as_text: bool = False
) -> Iterator[tuple[duckdb.DuckDBPyConnection, dict[str, View]]]:
    """A connection on which every table of the run is a view, and the views by `schema.name`.

    It reads the run folder and nothing else of this machine, and can write nowhere but to its own
    temporary folder, where large queries spill.
    """
    views = find_views(run)
    with (
        _naming_the_run(run),
        tempfile.TemporaryDirectory(prefix="sluice-sql-") as spill,
        duckdb.connect() as connection,
    ):
        attach(connection, views[0].storage)
        connection.execute(f"set temp_directory = {literal(spill)}")
        connection.execute("set timezone = 'UTC'")
        for schema in SCHEMAS:
            connection.execute(f"create schema {schema}")
        for view in views:
            connection.execute(
                f"create view {view.sql_name} as from {view.scan(ids_as_text=ids_as_text)}"
            )
        if ids_as_text:
            connection.execute(HEX)
        connection.execute(f"set allowed_directories = [{literal(ROOT)}]")
        connection.execute("set enable_external_access = false")
        connection.execute("set python_enable_replacements = false")
        connection.execute("set lock_configuration = true")
        yield connection, {f"{view.schema}.{view.name}": view for view in views}


@contextmanager
def _naming_the_run(run: Path) -> Iterator[None]:
    """What DuckDB and Arrow say of a table that is damaged or gone, as one sentence."""
    try:
        yield
    except (duckdb.IOException, duckdb.InvalidInputException, pa.ArrowInvalid, OSError) as error:
        what = str(error).strip().splitlines()[-1].replace(ROOT, "")
        raise StorageError(
            f"{location(run)} cannot be read: {what}; `sluice verify` names what is damaged"
        ) from error
