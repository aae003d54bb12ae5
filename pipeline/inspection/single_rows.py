"""Single rows of large Parquet files: one row group is read, of the columns asked for."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from pipeline.configuration.registry import DOCUMENTS
from pipeline.inspection.views import View, open_run
from stages.errors import SluiceError


def file_of(view: View, shard: int) -> str | None:
    """The file of a shard; None if the table has none."""
    return next(
        (file for file in view.files if key_of(file).isdigit() and int(key_of(file)) == shard), None
    )


def key_of(file: str) -> str:
    """`web/documents/00000.g1a0.parquet` → `00000`."""
    return file.rpartition("/")[2].partition(".")[0]


def read_row(
    view: View, file: str, row: int, columns: Sequence[str] | None = None
) -> dict[str, Any] | None:
    """The row as a dict, or None if the file has fewer rows."""
    with view.storage.open_read(file) as stream, pq.ParquetFile(stream) as parquet:
        for group in range(parquet.num_row_groups):
            n_rows = parquet.metadata.row_group(group).num_rows
            if row < n_rows:
                table = parquet.read_row_group(group, columns=columns, use_threads=False)
                found: dict[str, Any] = table.slice(row, 1).to_pylist()[0]
                return found
            row -= n_rows
    return None


def find_texts(
    connection: duckdb.DuckDBPyConnection,
    views: Mapping[str, View],
    corpus: str,
    doc_ids: Sequence[bytes],
) -> dict[bytes, tuple[str, str]]:
    """Documents' uris and texts, of those that are in the corpus: one scan of its doc_ids."""
    view = views.get(f"{corpus}.{DOCUMENTS}")
    wanted = sorted(set(doc_ids))
    if view is None or not wanted:
        return {}
    places = connection.execute(
        f"select doc_id, shard, row from {view.sql_name} "
        f"where doc_id in (select unnest(?)) limit {len(wanted)}",
        [wanted],
    ).fetchall()
    texts = {}
    for doc_id, shard, row in places:
        file = file_of(view, shard)
        found = read_row(view, file, row, ["uri", "text"]) if file is not None else None
        if found is not None:
            texts[doc_id] = found["uri"], found["text"]
    return texts


def find_text(
    connection: duckdb.DuckDBPyConnection, views: Mapping[str, View], corpus: str, doc_id: bytes
) -> tuple[str, str] | None:
    """A document's uri and text; None if it is not in the corpus."""
    return find_texts(connection, views, corpus, [doc_id]).get(doc_id)


def find_texts_in(run: str, corpus: str, doc_ids: Sequence[bytes]) -> dict[bytes, tuple[str, str]]:
    """As `find_texts`, in another run; nothing also if that is not there any more."""
    try:
        with open_run(Path(run)) as (connection, views):
            return find_texts(connection, views, corpus, doc_ids)
    except SluiceError:
        return {}


def find_text_in(run: str, corpus: str, doc_id: bytes) -> tuple[str, str] | None:
    """As `find_text`, in another run; None also if that is not there any more."""
    return find_texts_in(run, corpus, [doc_id]).get(doc_id)
