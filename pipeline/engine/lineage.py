"""The tables of a corpus, and what determines a task that reads them.

A stage names columns; the nearest table upstream that has a column provides it, and the column's
digest enters the fingerprint. So a task runs again only where what it reads changed.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import pyarrow as pa

from pipeline.engine.work.alignment import FACT_PREFIX, OWN_QUARANTINED, PREVIOUS_KEEP, Alignment
from pipeline.engine.work.named_files import base_names, names_files, without_folders
from pipeline.storage.digest import bytes_digest, fingerprint
from pipeline.storage.receipts import Receipt
from pipeline.storage.tables import TableRead
from schemas.verdicts import QUARANTINED
from stages.contract import ALIVE, ROW, SHARD, HasResources, HasTables, Options
from stages.errors import StageError

FACTS = ("n_bytes", "license", "language", "other", "natural_language")
"""Columns the statistics of every later table are broken down by."""


@dataclass(frozen=True)
class Table:
    """One table of a corpus: a folder of shards with receipts."""

    stage: str
    folder: str
    schema: pa.Schema
    receipts: Mapping[str, Receipt]

    def path(self, key: str) -> str:
        """Where a shard lies in the run folder."""
        return f"{self.folder}/{self.receipts[key].object}"


@dataclass
class Tables:
    """The tables of one corpus, in the order of its stages; the first is its documents."""

    corpus: str
    tables: list[Table] = field(default_factory=list)
    verdict: Table | None = None
    """The latest table with `keep`."""

    @property
    def keys(self) -> list[str]:
        return sorted(self.tables[0].receipts)

    def add(self, table: Table) -> None:
        self.tables.append(table)
        if "keep" in table.schema.names:
            self.verdict = table

    def columns(self) -> set[str]:
        """Every column a stage may read now."""
        return {name for table in self.tables for name in table.schema.names}

    def provider(self, column: str) -> Table:
        """The nearest table upstream that has the column."""
        for table in reversed(self.tables):
            if column in table.schema.names:
                return table
        raise StageError(f"no stage of {self.corpus} before this one has a column {column!r}")

    def reads(self, columns: Sequence[str]) -> dict[str, str]:
        """`STAGE.COLUMN` → one hash of all shards, of these columns and of the latest verdict."""
        wanted = [
            (self.provider(name), name) for name in columns if name not in (ALIVE, SHARD, ROW)
        ]
        if self.verdict is not None:
            wanted.append((self.verdict, "keep"))
        return {
            f"{table.stage}.{name}": read_columns(table.receipts, name) for table, name in wanted
        }

    def align(
        self, key: str, columns: Sequence[str], *, verdict: bool, facts: bool
    ) -> tuple[Alignment, dict[str, Any]]:
        """The reads of one shard for these columns, and their part of the fingerprint."""
        documents = self.tables[0]
        wanted: dict[str, list[tuple[str, str]]] = {documents.folder: []}
        components: dict[str, Any] = {"shard": int(key)}

        def want(table: Table, column: str, name: str) -> None:
            wanted.setdefault(table.folder, []).append((column, name))
            components[f"{table.stage}.{column}"] = table.receipts[key].columns[column]

        for column in columns:
            if column not in (ALIVE, SHARD, ROW):
                want(self.provider(column), column, column)
        if "doc_id" not in columns:
            want(documents, "doc_id", "doc_id")
        if verdict and self.verdict is not None:
            want(self.verdict, "keep", PREVIOUS_KEEP)
        own = self.tables[-1]
        if verdict and QUARANTINED in own.schema.names:
            want(own, QUARANTINED, OWN_QUARANTINED)
        if facts:
            for column in FACTS:
                if column in self.columns():
                    want(self.provider(column), column, f"{FACT_PREFIX}{column}")
        by_folder = {table.folder: table for table in self.tables}
        reads = tuple(_read(by_folder[folder], key, pairs) for folder, pairs in wanted.items())
        return Alignment(int(key), reads), components


def _read(table: Table, key: str, pairs: Sequence[tuple[str, str]]) -> TableRead:
    """One read per column and name; a column read under two names is read twice."""
    return TableRead(table.path(key), tuple(pairs))


def read_columns(receipts: Mapping[str, Receipt], column: str) -> str:
    """One hash for a column of all shards of a table."""
    return fingerprint({key: receipts[key].columns.get(column) for key in sorted(receipts)})


def library_versions(libraries: Sequence[str]) -> dict[str, str]:
    """Distribution → installed version."""
    return {name: _version(name) for name in libraries}


@cache
def _version(distribution: str) -> str:
    """Hundreds of steps ask for the versions of a dozen libraries: each is a file to read."""
    return version(distribution)


def stage_components(stage: Any) -> dict[str, Any]:
    """What a source's or map stage's output depends on besides options and input."""
    resources = dict(stage.resources()) if isinstance(stage, HasResources) else {}
    if isinstance(stage, HasTables):
        for name in stage.tables:
            resources[name] = bytes_digest(files("seeds").joinpath(name).read_bytes())
    return {
        "version": stage.version,
        "libraries": library_versions(stage.libraries),
        "resources": resources,
    }


def describe(value: Any) -> Any:
    """A step's field as JSON: an artefact is its content, a dataclass or options its fields."""
    if hasattr(value, "content_hash"):
        return value.content_hash
    if isinstance(value, pa.Schema):
        value = [f"{field.name}: {field.type}" for field in value]
    if isinstance(value, Options):
        return without_folders(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: describe(_of_field(value, one)) for one in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): describe(item) for key, item in sorted(value.items())}
    if isinstance(value, list | tuple):
        return [describe(item) for item in value]
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    raise TypeError(f"a step's field must be data, not {value!r}")


def _of_field(step: Any, field: dataclasses.Field[Any]) -> Any:
    value = getattr(step, field.name)
    return base_names(value) if names_files(getattr(field.type, "__metadata__", ())) else value
