"""`sluice stats RUN STAGE --by COLUMN`: the groups of any column, asked of the tables themselves.

A stage's table has the documents' rows, so a column of any other stage of the corpus can group it.
All other tables (pairs, patterns, shards) are grouped by their own columns alone: joined by
(shard, row) they would answer with documents that have nothing to do with their rows.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pipeline.configuration.registry import DOCUMENTS
from pipeline.configuration.validation import nearest
from pipeline.inspection.stats import SHARDS, is_flagged, view_of
from pipeline.inspection.views import View, open_run, quoted
from schemas.columns import histogram_edges
from stages.errors import ConfigError

OTHER = "other"
"""Beside `language`: the name of a language outside the 338, which counts as one here, too."""


def grouped(run: Path, stage: str, column: str) -> list[dict[str, Any]]:
    """A table's rows in the groups of a column, the largest first: of a stage `documents` and
    `bytes`, where it judges also `kept`, `reasons` and `flagged`; of a shard set samples (as
    `documents`) and `tokens`; of any other table `rows`. Numbers with declared histogram edges
    fall into bins, named by their lower edge."""
    with open_run(run) as (connection, views):
        return groups_in(connection, views, stage, column)


def groups_in(
    connection: duckdb.DuckDBPyConnection, views: Mapping[str, View], stage: str, column: str
) -> list[dict[str, Any]]:
    """As `grouped`, of a run that is open."""
    view = view_of(stage, list(views.values()))
    provider = _provider(view, list(views.values()), column)
    value = _group(provider, column)
    if view.schema == SHARDS:
        query = _of_samples(view, value)
        return _groups(connection, query, column, "tokens", judges=False)
    if view.is_stage:
        documents = views[f"{view.schema}.{DOCUMENTS}"]
        judges = "keep" in view.columns
        query = _of_documents(view, provider, documents, value, judges)
        return _groups(connection, query, column, "bytes", judges=judges)
    query = f"select {value}, count(*) from {view.sql_name} as provider group by all"
    rows = [{column: _plain(found), "rows": n} for found, n in connection.execute(query).fetchall()]
    return sorted(rows, key=lambda row: (-row["rows"], repr(row[column])))


def _provider(view: View, views: Sequence[View], column: str) -> View:
    """The table whose column groups the rows of `view`; ConfigError if none can."""
    same = [view]
    if view.is_stage:
        same += [other for other in views if other.schema == view.schema and other.is_stage]
    provider = next((other for other in same if column in other.columns), None)
    if provider is not None:
        return provider
    for other in views:
        if other.schema == view.schema and column in other.columns:
            name = f"{other.schema}.{other.name}"
            raise ConfigError(
                f"--by {column}: the rows of {name} are not those of {view.schema}.{view.name}; "
                f"`sluice stats RUN {name} --by {column}` counts them"
            )
    every = sorted({name for other in same for name in other.columns})
    hint = nearest(column, every)
    suggestion = f"did you mean {hint}? " if hint else ""
    raise ConfigError(f"--by {column}: no such column; {suggestion}there are {', '.join(every)}")


def _group(provider: View, column: str) -> str:
    """The SQL expression whose values are the groups."""
    name = f"provider.{quoted(column)}"
    if column not in provider.arrow_schema.names:
        return name  # shard, row
    field = provider.arrow_schema.field(column)
    if pa.types.is_nested(field.type) and not _is_of_texts(field.type):
        length = f"n_{column}"
        hint = f"; {length} says how long they are" if length in provider.columns else ""
        raise ConfigError(f"--by {column}: values of {field.type} have no groups{hint}")
    if column == "language" and OTHER in provider.columns:
        return f"coalesce({name}, provider.{OTHER})"
    edges = histogram_edges(field)
    if edges is None:
        return name
    values = ", ".join(map(repr, edges))
    return f"list_max(list_filter([{values}], lambda edge: edge <= {name}))"


def _is_of_texts(kind: pa.DataType) -> bool:
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return is_list and kind.value_type in (pa.string(), pa.large_string())


def _of_samples(view: View, value: str) -> str:
    return (
        f"select {value} as value, null, count(*), null, sum(provider.n_tokens) "
        f"from {view.sql_name} as provider group by all"
    )


def _of_documents(view: View, provider: View, documents: View, value: str, judges: bool) -> str:
    kept = "count(*) filter (own.keep)" if judges else "null"
    reason = "own.reason" if judges else "null"
    return (
        f"select {value} as value, {reason} as reason, count(*), {kept}, "
        f"sum(documents.n_bytes)::hugeint from {view.sql_name} as own "
        f"join {provider.sql_name} as provider using (shard, row) "
        f"join {documents.sql_name} as documents using (shard, row) "
        f"{'where own.keep is not null' if judges else ''} group by all"
    )


def _groups(
    connection: duckdb.DuckDBPyConnection, query: str, column: str, unit: str, *, judges: bool
) -> list[dict[str, Any]]:
    """Value, reason, documents, kept and an amount, reasons gathered by value."""
    groups: dict[str, dict[str, Any]] = {}  # by `repr`: null is not the text "None"
    for found, why, n, n_kept, amount in connection.execute(query).fetchall():
        value = _plain(found)
        empty = {column: value, "documents": 0, unit: 0}
        judged = {"kept": 0, "reasons": {}} if judges else {}
        group = groups.setdefault(repr(value), {**empty, **judged})
        group["documents"] += n
        group[unit] += int(amount or 0)
        if judges:
            group["kept"] += n_kept
        if why is not None:
            group["reasons"][why] = n
    for group in groups.values() if judges else ():
        group["flagged"] = is_flagged(group["documents"], group["kept"])
    return sorted(groups.values(), key=lambda group: (-group["documents"], repr(group[column])))


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value
