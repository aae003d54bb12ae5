"""One document's life: where it is from, what every stage said of it, and where it went.

A document is found by its doc_id, its uri or, on the web, its URL (a URL crawled twice is two
documents). Stages are read at the document's own (shard, row). Finding costs a scan of one narrow
column; everything else reads single row groups, except for the shards' `parts`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pipeline.configuration.names import MEASURE
from pipeline.configuration.registry import DOCUMENTS, GITHUB, STAGES
from pipeline.inspection.preferred import preferred
from pipeline.inspection.single_rows import file_of, find_text, find_text_in, key_of, read_row
from pipeline.inspection.views import CORPORA, View, open_run
from pipeline.storage.location import location
from schemas.identity import doc_id as doc_id_of
from schemas.verdicts import QUARANTINED
from stages.errors import InputError
from stages.kernels.urls import normalize_url

N_SUGGESTIONS = 3
N_REPEATS = 10
MAX_FOUND = 10
DOC_ID_HEX_DIGITS = 32
MIN_ID_DIGITS = 6
"""Fewer are a word more often than an identity."""
_HEX = re.compile("[0-9a-fA-F]+")

Connection = duckdb.DuckDBPyConnection


@dataclass
class StageRow:
    """What one table says of the document."""

    table: str
    keep: bool | None
    reason: str | None
    measures: dict[str, Any]

    @property
    def is_measure(self) -> bool:
        """Whether the table holds measures alone and no verdict."""
        return self.table.endswith(f"_{MEASURE}")


@dataclass
class Twin:
    """The kept document that this one repeats."""

    doc_id: str
    uri: str | None
    """None where it cannot be found: its run has gone."""
    similarity: float | None
    run: str | None = None
    """The earlier run that it is in, if it is not in this one."""
    text: str = field(repr=False, default="")
    repository: str | None = None
    """Where repositories were compared: the one that was kept."""
    why: str | None = None
    """What it was preferred for."""


@dataclass
class Life:
    """Everything a run knows of one document. A record quarantined at its source has no row:
    then `documents`, `stages` and `text` are empty."""

    corpus: str
    shard: str
    row: int
    documents: dict[str, Any]
    text: str = field(repr=False, default="")
    stages: list[StageRow] = field(default_factory=list)
    twin: Twin | None = None
    repeats: list[dict[str, Any]] = field(default_factory=list)
    """Documents dropped because they repeat this one, the most similar first."""
    samples: list[dict[str, Any]] = field(default_factory=list)
    quarantine: list[dict[str, Any]] = field(default_factory=list)

    @property
    def language(self) -> str | None:
        """What language its text is in, where a stage has said so; pages and
        discussions are written in Markdown."""
        if self.corpus != GITHUB:
            return "Markdown"
        said = [stage.measures for stage in self.stages if stage.table == f"{GITHUB}.language"]
        return next((each["language"] or each["other"] for each in said), None)

    @property
    def fate(self) -> str:
        """One sentence."""
        if not self.documents:
            return "quarantined at the source"
        for stage in self.stages:
            if stage.keep is False:
                return f"dropped by {stage.table}: {stage.reason}"
        if self.samples:
            return "kept, in " + ", ".join(sorted({sample["set"] for sample in self.samples}))
        return "kept by every stage that has run"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"fate": self.fate, **asdict(self)}


def lives(run: Path, key: str) -> list[Life]:
    """The documents that `key` names; InputError with the nearest uris if there are none."""
    with open_run(run) as (connection, views):
        places = list(_find(connection, views, key))
        if len(places) > MAX_FOUND:
            raise InputError(
                f"{location(run)}: {len(places):,} documents have a doc_id that begins with {key}; "
                "give more of it"
            )
        if places:
            return [_life(connection, views, *place) for place in places]
        quarantined = _quarantine(connection, views, {key})
        if quarantined:
            return [Life("", "", -1, {}, quarantine=quarantined)]
        hint = "".join(f"\n  {uri}" for uri in _suggestions(connection, views, key))
        nearest = f"; the nearest:{hint}" if hint else ""
        raise InputError(f"{location(run)}: no document {key!r}{nearest}")


def _find(
    connection: Connection, views: dict[str, View], key: str
) -> Iterator[tuple[str, int, int]]:
    ids = _id_range(key)
    values: list[Any]
    for corpus in CORPORA:
        view = views.get(f"{corpus}.{DOCUMENTS}")
        if view is None:
            continue
        if ids is not None:
            condition, values = "doc_id between ? and ?", list(ids)
        elif "url" not in view.columns:
            condition, values = "uri = ?", [key]
        else:
            condition, values = "uri = ? or url = ? or url = ?", [key, key, _normalised(key)]
        rows = connection.execute(
            f"select shard, row from {view.sql_name} where {condition} order by all", values
        ).fetchall()
        for shard, row in rows:
            yield corpus, shard, row


def _id_range(key: str) -> tuple[bytes, bytes] | None:
    """The first and the last doc_id that begin with these hexadecimal digits."""
    if not MIN_ID_DIGITS <= len(key) <= DOC_ID_HEX_DIGITS or not _HEX.fullmatch(key):
        return None
    return tuple(bytes.fromhex(key.ljust(DOC_ID_HEX_DIGITS, end)) for end in "0f")  # type: ignore[return-value]


def _normalised(key: str) -> str:
    try:
        return normalize_url(key)
    except ValueError:
        return key


def _life(
    connection: Connection, views: dict[str, View], corpus: str, shard: int, row: int
) -> Life:
    view = views[f"{corpus}.{DOCUMENTS}"]
    file = file_of(view, shard)
    assert file is not None
    documents = read_row(view, file, row)
    assert documents is not None
    doc_id: bytes = documents["doc_id"]
    life = Life(corpus, key_of(file), row, documents, documents.pop("text"))
    life.stages = list(stage_rows(views, corpus, shard, row, doc_id))
    life.twin = _twin(connection, views, corpus, doc_id, life.stages)
    life.repeats = _repeats(connection, views, corpus, doc_id)
    life.samples = _samples(connection, views, doc_id)
    names = {documents["uri"], documents.get("path") or documents["uri"], doc_id.hex()}
    life.quarantine = [
        entry
        for entry in _quarantine(connection, views, names)
        if entry["table"].startswith(f"quarantine.{corpus}_")
    ]
    return life


def stage_rows(
    views: Mapping[str, View],
    corpus: str,
    shard: int,
    row: int,
    doc_id: bytes,
    *,
    lists: bool = True,
) -> Iterator[StageRow]:
    """The rows beside the document, in the order of the stages; a filter's measures follow its
    verdict only where the verdict's table lacks them. Without `lists` columns of lists, which may
    be as long as the text, are not read."""
    order = list(STAGES)

    def place(view: View) -> tuple[int, str]:
        stage = view.step.stage
        return (order.index(stage) if stage in order else len(order), view.name)

    own = [view for view in views.values() if view.schema == corpus and view.name != DOCUMENTS]
    for view in sorted(own, key=place):
        file = file_of(view, shard)
        columns = None if lists else _flat(view)
        found = read_row(view, file, row, columns) if file is not None else None
        if found is None or found.pop("doc_id", None) != doc_id:
            continue
        if view.step.half == MEASURE:
            told = _columns_of(views, corpus, view.step.stage)
            found = {key: value for key, value in found.items() if key not in told}
            if not found.pop(QUARANTINED, False) and not found:
                continue
        keep, reason = found.pop("keep", None), found.pop("reason", None)
        yield StageRow(f"{corpus}.{view.name}", keep, reason, found)


def _flat(view: View) -> list[str]:
    return [one.name for one in view.arrow_schema if not pa.types.is_nested(one.type)]


def _columns_of(views: Mapping[str, View], corpus: str, name: str) -> set[str]:
    view = views.get(f"{corpus}.{name}")
    return set(view.columns) if view is not None else set()


def _twin(
    connection: Connection,
    views: dict[str, View],
    corpus: str,
    doc_id: bytes,
    stages: list[StageRow],
) -> Twin | None:
    for stage in stages:
        kept = stage.measures.get("duplicate_of")
        if kept is None:
            continue
        run = stage.measures.get("duplicate_run")
        twin = Twin(kept.hex(), None, stage.measures.get("similarity"), run)
        if run is not None:
            twin.uri, twin.text = find_text_in(run, corpus, kept) or (None, "")
            twin.why = "documents of an earlier run stay"
        elif found := find_text(connection, views, corpus, kept):
            twin.uri, twin.text = found
            reason = preferred(connection, views, corpus, kept, doc_id)
            twin.repository, twin.why = reason.repository, reason.why
        return twin
    return None


def _repeats(
    connection: Connection, views: dict[str, View], corpus: str, doc_id: bytes
) -> list[dict[str, Any]]:
    dedup, documents = views.get(f"{corpus}.dedup"), views[f"{corpus}.{DOCUMENTS}"]
    if dedup is None or "duplicate_of" not in dedup.columns:
        return []
    own = "and dedup.duplicate_run is null" if "duplicate_run" in dedup.columns else ""
    return _dicts(
        connection,
        f"select documents.uri, dedup.reason, dedup.similarity from {dedup.sql_name} as dedup "
        f"join {documents.sql_name} as documents using (shard, row) "
        f"where dedup.duplicate_of = ? {own} "
        f"order by dedup.similarity desc nulls last, documents.uri limit {N_REPEATS}",
        [doc_id],
    )


def _samples(connection: Connection, views: dict[str, View], doc_id: bytes) -> list[dict[str, Any]]:
    samples: list[dict[str, Any]] = []
    for view in views.values():
        if view.schema == "shards":
            found = _dicts(
                connection,
                "select shard, row, sample_id, split, part.start as start, "
                "part.n_tokens as n_tokens, n_tokens as sample_tokens "
                f"from (select *, unnest(parts) as part from {view.sql_name}) "
                "where part.doc_id = ? order by all",
                [doc_id],
            )
            samples += [{"set": view.folder.rpartition("/")[2], **entry} for entry in found]
    return samples


def _quarantine(
    connection: Connection, views: dict[str, View], names: set[str]
) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    for view in views.values():
        if view.schema == "quarantine":
            found = _dicts(connection, f"select * exclude (head) from {view.sql_name}", [])
            entries += [
                {"table": f"quarantine.{view.name}", **entry}
                for entry in found
                if entry["origin"] in names or doc_id_of(entry["origin"]).hex() in names
            ]
    return entries


def _dicts(connection: Connection, statement: str, values: list[Any]) -> list[dict[str, Any]]:
    cursor = connection.execute(statement, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _suggestions(connection: Connection, views: dict[str, View], key: str) -> list[str]:
    sources = [
        f"select uri from {views[name].sql_name}"
        for name in (f"{corpus}.{DOCUMENTS}" for corpus in CORPORA)
        if name in views
    ]
    if not sources:
        return []
    rows = connection.execute(
        f"select distinct uri from ({' union all '.join(sources)}) "
        "order by contains(lower(uri), lower(?)) desc, jaro_winkler_similarity(uri, ?) desc, uri "
        f"limit {N_SUGGESTIONS}",
        [key, key],
    ).fetchall()
    return [row[0] for row in rows]
