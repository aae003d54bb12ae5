"""Why of two duplicates the one was kept: the first thing in the order of preference
(`stages.dedup.preference`) that tells them apart.

The facts are those of the two documents or, where dedup compared repositories, of these.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from pipeline.configuration.registry import DEDUP, DOCUMENTS, GITHUB
from pipeline.inspection.views import View
from pipeline.storage.json_files import DAMAGED
from stages.dedup.preference import COLUMNS, preference
from stages.dedup.repositories.gathering import FACTS, facts_of
from stages.dedup.repositories.names import NAMED_BY, repository_name

Facts = Mapping[str, Any]


@dataclass
class Preferred:
    """The kept document's repository, if repositories were compared, and what spoke for it."""

    repository: str | None
    why: str | None


def preferred(
    connection: duckdb.DuckDBPyConnection,
    views: Mapping[str, View],
    corpus: str,
    kept: bytes,
    dropped: bytes,
) -> Preferred:
    """Why `kept` was preferred to `dropped`."""
    documents = views[f"{corpus}.{DOCUMENTS}"]
    order = COLUMNS[preference(corpus)]
    names = list(dict.fromkeys([*order, *(NAMED_BY if corpus == GITHUB else ())]))
    if not set(names) <= set(documents.columns):
        return Preferred(None, None)
    query = f"select {', '.join(names)} from {documents.sql_name} where doc_id = ?"
    found = [_rows(connection, query, one) for one in (kept, dropped)]
    if not all(found):
        return Preferred(None, None)
    sides = [rows[0] for rows in found]
    unit = _unit(documents) if corpus == GITHUB else "file"
    if unit != "repository":
        return Preferred(None, why(order, *sides) if unit else None)
    dedup = views[f"{corpus}.{DEDUP}"]
    whole = [{**side, **_repository(connection, documents, dedup, side)} for side in sides]
    return Preferred(repository_name(*(sides[0][name] for name in NAMED_BY)), why(order, *whole))


def _unit(view: View) -> str | None:
    """What the run's dedup compared; None where a run is not finished, or cannot say."""
    try:
        made = json.loads(view.storage.read_bytes("run.json"))["configuration"]
        return str(made[GITHUB][DEDUP].get("unit", "file"))
    except (OSError, *DAMAGED):
        return None


def _repository(
    connection: duckdb.DuckDBPyConnection, documents: View, dedup: View, side: Facts
) -> dict[str, Any]:
    """The facts of the repository of a file."""
    own = repository_name(*(side[name] for name in NAMED_BY))
    columns = dict.fromkeys([*NAMED_BY, *FACTS.names])
    query = (
        f"select {', '.join(columns)} from {documents.sql_name} join {dedup.sql_name} "
        "using (shard, row) where repo = ? and keep is not null "
        "and reason is distinct from 'quarantined'"
    )
    rows = _rows(connection, query, side["repo"])
    files = [row for row in rows if repository_name(*(row[name] for name in NAMED_BY)) == own]
    return facts_of(pa.Table.from_pylist(files, schema=FACTS))


def _rows(connection: duckdb.DuckDBPyConnection, query: str, value: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = connection.sql(query, params=[value]).to_arrow_table().to_pylist()
    return found


def why(order: tuple[str, ...], kept: Facts, dropped: Facts) -> str | None:
    """The first of the columns by which `kept` is preferred, in words; None if `dropped` is."""
    for column in order:
        ours, theirs = _key(column, kept[column]), _key(column, dropped[column])
        if ours != theirs:
            return _said(column, kept[column], dropped[column]) if ours < theirs else None
    return None


def _key(column: str, value: Any) -> tuple[Any, ...]:
    """Less is preferred."""
    if column == "license":
        return (not value,)
    if value is None:
        return (True,)
    if isinstance(value, datetime):
        seconds = value.timestamp() // 1
        return (False, seconds if column == "repo_created_at" else -seconds)
    return (False, value) if column == "doc_id" else (False, -max(value, 0))


def _said(column: str, kept: Any, dropped: Any) -> str:
    match column:
        case "license":
            return f"it has a licence ({kept}), the other none"
        case "stars":
            return f"{_number(kept)} stars, the other {_number(dropped)}"
        case "repo_created_at":
            return f"created {_time(kept)}, the other {_time(dropped)}"
        case "crawled_at":
            return f"crawled {_time(kept)}, the other {_time(dropped)}"
        case "n_bytes":
            return f"{_number(kept)} bytes, the other {_number(dropped)}"
    return "all else being equal, its doc_id is the smaller"


def _number(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _time(value: datetime | None) -> str:
    return "unknown" if value is None else f"{value:%Y-%m-%d %H:%M:%S}"
