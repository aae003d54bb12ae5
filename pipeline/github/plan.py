"""Which files are wanted: tables that name files and do not hold them, as one list by repository.

`DIR/plan.parquet` has a row for every row of the tables (for every file, where a row is a
repository), ordered by repository, commit and path, so that an archive is fetched once for all
files that are wanted of it. It is made once, by DuckDB, which sorts on disk what memory does not
hold; `plan.json` says of what, and by which choices its files are fetched.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.storage.digest import fingerprint
from pipeline.storage.intake.inputs import expand
from pipeline.storage.replace import replacing
from stages.errors import ConfigError, InputError
from stages.github.tables.layouts import Columns, recognise_list
from stages.github.tables.parquet import names_of

NAME, RECORD = "plan.parquet", "plan.json"
MEMORY_LIMIT = "1GB"
MAX_FILES_AT_ONCE = 100_000
_BATCH_ROWS = 4096

_TEXT = ("repo", "revision", "path", "blob", "encoding", "id", "created_at", "is_vendor")
_NUMBERS = ("stars", "size")
ROLES = (*_TEXT, *_NUMBERS, "license")
"""Of the columns of the plan; those that a table lacks are null."""


_TOTALS = (
    "SELECT count(*), count(DISTINCT lower(repo)), count(DISTINCT (lower(repo), revision)), "
    "count(blob), coalesce(sum(greatest(size, 0)), 0)::BIGINT FROM read_parquet({plan})"
)


@dataclass(frozen=True)
class Plan:
    """What is wanted, and how much it is."""

    path: Path
    files: int
    repositories: int
    commits: int
    with_blob: int
    """Files that Software Heritage's store is said to have."""
    known_bytes: int


@dataclass(frozen=True)
class _Table:
    path: str
    columns: Columns
    list_name: str
    is_list_of_licenses: bool

    @property
    def key(self) -> tuple[Any, ...]:
        """What tables that are read alike have in common."""
        names = tuple(sorted(self.columns.names.items()))
        return names, self.list_name, self.is_list_of_licenses, self.path.endswith(".parquet")


def make_plan(patterns: Sequence[str], folder: Path) -> Plan:
    """The plan of these tables; the one that is there if it is of the same."""
    place, record = folder / NAME, folder / RECORD
    specs = _specs(patterns)
    asked = fingerprint([[one.name, one.size, one.mark] for one in specs])
    if place.exists() and record.exists():
        known = json.loads(record.read_text())
        if known["asked"] != asked:
            raise ConfigError(f"{folder} was made of other tables; name another folder")
        return Plan(place, **known["totals"])
    tables = [_table(one.uri) for one in specs]
    temporary = folder / f".{NAME}.tmp"
    with _database(folder) as database:
        try:
            database.execute(
                f"COPY ({_query(tables)} ORDER BY repo, revision, path, blob, id) "
                f"TO {_quoted(str(temporary))} (FORMAT parquet, COMPRESSION zstd)"
            )
            row = database.execute(_TOTALS.format(plan=_quoted(str(temporary)))).fetchone()
        except duckdb.Error as error:
            raise InputError(f"--files: {str(error).partition(chr(10))[0]}") from error
    temporary.replace(place)
    assert row is not None
    plan = Plan(place, *row)
    totals = {name: value for name, value in asdict(plan).items() if name != "path"}
    said = {"asked": asked, "tables": [one.name for one in specs], "totals": totals}
    with replacing(record) as stream:
        stream.write(json.dumps(said, indent=1).encode())
    return plan


def hold_to_choices(folder: Path, choices: Mapping[str, str], *, is_done: bool) -> None:
    """Write down by which choices files are fetched. ConfigError where some are (`is_done`), by
    other ones: what is done is not asked again, and a folder would be of two minds."""
    record = folder / RECORD
    known = json.loads(record.read_text())
    before = known.get("choices", choices)
    changed = [name for name in choices if before.get(name) != choices[name]]
    if is_done and changed:
        was, now = (
            ", ".join(f"--{name} {said.get(name)}" for name in changed)
            for said in (before, choices)
        )
        raise ConfigError(
            f"{folder} was fetched with {was}, not {now}; name another folder, or remove its "
            "files/ and problems/"
        )
    with replacing(record) as stream:
        stream.write(json.dumps(known | {"choices": choices}, indent=1).encode())


@contextmanager
def _database(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """What memory does not hold lies in the folder for a while."""
    spilled = folder / ".plan-sorting"
    try:
        with duckdb.connect(
            config={"memory_limit": MEMORY_LIMIT, "temp_directory": str(spilled)}
        ) as database:
            yield database
    finally:
        shutil.rmtree(spilled, ignore_errors=True)


def commits(plan: Plan) -> Iterator[list[dict[str, Any]]]:
    """The files of one commit of one repository after another (role → value), so many at once."""
    batches = pq.ParquetFile(plan.path).iter_batches(_BATCH_ROWS)
    rows = chain.from_iterable(batch.to_pylist() for batch in batches)
    for _, group in groupby(rows, key=lambda row: (row["repo"], row["revision"])):
        while files := list(islice(group, MAX_FILES_AT_ONCE)):
            yield files


def _specs(patterns: Sequence[str]) -> list[Any]:
    for pattern in patterns:
        if "://" in pattern:
            raise ConfigError(f"--files {pattern!r}: expected tables on a disk")
    try:
        return expand("github", patterns)
    except ConfigError as error:
        raise ConfigError(str(error).replace("github.inputs", "--files")) from error


def _table(path: str) -> _Table:
    """What a table's columns are. InputError if it is no list of files."""
    with duckdb.connect() as database:
        try:
            nothing = database.sql(f"SELECT * FROM {_source([path])} LIMIT 0")
            schema = nothing.to_arrow_table().schema
        except duckdb.Error as error:
            reason = str(error).partition("\n")[0]
            raise InputError(f"--files: {path} cannot be read: {reason}") from error
    lists = dict(names_of(schema))
    try:
        columns = recognise_list(list(lists))
    except InputError as error:
        raise InputError(f"--files: {path}: {error}") from error
    list_name = lists[columns.names["path"]] if "path" in columns.names else ""
    license_ = columns.names.get("license")
    listed = license_ is not None and lists[license_] not in ("", list_name)
    deeper = license_ is not None and list_name and _is_list(schema, license_)
    return _Table(path, columns, list_name, bool(listed or deeper))


def _is_list(schema: pa.Schema, name: str) -> bool:
    """Whether a column in a list of structs is a list itself."""
    first, *rest = name.split(".")
    kind = schema.field(first).type
    for part in rest:
        while not pa.types.is_struct(kind):
            kind = kind.value_type
        kind = kind.field(part).type
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _query(tables: Sequence[_Table]) -> str:
    groups = groupby(sorted(tables, key=lambda one: str(one.key)), key=lambda one: one.key)
    return " UNION ALL ".join(_select(list(group)) for _, group in groups)


def _select(tables: Sequence[_Table]) -> str:
    first = tables[0]
    source = _source([one.path for one in tables])
    if first.list_name:
        source = f'(SELECT *, unnest({_column(first.list_name)}) AS "#file" FROM {source})'
    values = ", ".join(f"{_value(role, first)} AS {role}" for role in ROLES)
    return f"SELECT {values} FROM {source}"


def _value(role: str, table: _Table) -> str:
    name = table.columns.names.get(role)
    kind = "VARCHAR[]" if role == "license" else "BIGINT" if role in _NUMBERS else "VARCHAR"
    if name is None:
        return f"NULL::{kind}"
    inside = name.removeprefix(f"{table.list_name}.")
    is_inside = table.list_name and inside != name
    column = f'"#file".{_column(inside)}' if is_inside else _column(name)
    if role == "license" and not table.is_list_of_licenses:
        return f"CASE WHEN {column} IS NOT NULL THEN [{column}::VARCHAR] END"
    return f"TRY_CAST({column} AS {kind})"


def _source(paths: Sequence[str]) -> str:
    listed = ", ".join(map(_quoted, paths))
    if paths[0].endswith(".parquet"):
        return f"read_parquet([{listed}], union_by_name = true)"
    return f"read_json([{listed}], format = 'newline_delimited', union_by_name = true)"


def _column(name: str) -> str:
    return ".".join(f'"{part.replace(chr(34), chr(34) * 2)}"' for part in name.split("."))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
