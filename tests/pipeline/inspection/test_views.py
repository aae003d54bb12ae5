"""`sluice sql`: the views of a run."""

import csv
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.inspection.sql import query
from pipeline.inspection.views import find_views
from schemas.identity import doc_id
from stages.errors import ConfigError
from tests.pipeline.conftest import Sluice
from tests.pipeline.inspection.conftest import answer


def test_every_folder_of_shards_is_a_view(run: Path) -> None:
    """Names are the stages'; a measure table and the evidence have their own."""
    names = {f"{view.schema}.{view.name}" for view in find_views(run)}
    assert {
        "github.documents",
        "github.language",
        "github.rules",
        "github.rules_measure",
        "github.dedup",
        "github.dedup_pairs",
        "web.documents",
        "web.dedup",
        "shards.code",
        "shards.natural",
    } <= names
    assert not any("scratch" in name for name in names)


def test_a_view_holds_the_rows_of_its_own_files_alone(run: Path) -> None:
    """Sub-folders and unfinished files do not count."""
    unfinished = run / "github" / "rules" / ".00000.data.g1a0.tmp"
    unfinished.write_bytes(b"half a file")
    hidden = run / "github" / "rules" / ".00000.parquet"
    hidden.write_bytes(b"half a file")
    try:
        files = sorted((run / "github" / "rules").glob("[0-9]*.parquet"))
        expected = sum(pq.read_metadata(file).num_rows for file in files)
        assert answer(run, "select count(*) as n from github.rules") == [{"n": expected}]
    finally:
        unfinished.unlink()
        hidden.unlink()


def test_tables_join_by_shard_and_row(run: Path) -> None:
    """The row numbers of all tables of a corpus say the same document."""
    rows = answer(
        run,
        "select count(*) as n, count(*) filter (d.doc_id = r.doc_id) as same "
        "from github.documents d join github.rules r using (shard, row)",
    )
    assert rows[0]["n"] == rows[0]["same"] > 0


@pytest.mark.parametrize(
    "statement", ["describe github.rules", "explain select 1", "from web.dedup"]
)
def test_sql_describes_and_explains(run: Path, statement: str) -> None:
    """DuckDB's own short forms work."""
    assert answer(run, statement)


def test_a_wrong_query_is_explained(run: Path) -> None:
    """DuckDB's message, and for a table that is not there, those that are."""
    with pytest.raises(ConfigError, match=r"Tables of this run: .*github\.documents"):
        answer(run, "select * from github.rulez")
    with pytest.raises(ConfigError, match="syntax error"):
        answer(run, "selct 1")


def test_an_empty_answer_still_has_columns(run: Path) -> None:
    """A table of no rows is printed with its head."""
    batches = list(query(run, "select uri from github.documents where false"))
    assert [batch.schema.names for batch in batches] == [["uri"]]


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    """Missing and empty folders are told apart."""
    with pytest.raises(ConfigError, match="no such run folder"):
        find_views(tmp_path / "none")
    with pytest.raises(ConfigError, match="not a run folder"):
        find_views(tmp_path)


def test_sql_prints_json_csv_and_tables(run: Path, sluice: Sluice) -> None:
    """All three say the same."""
    statement = (
        "select doc_id, uri, n_bytes, repo_created_at from github.documents order by uri limit 2"
    )
    code, out, _ = sluice("sql", str(run), statement, "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert len(rows) == 2
    assert rows[0]["doc_id"] == doc_id(rows[0]["uri"]).hex()
    code, out, _ = sluice("sql", str(run), statement, "--csv")
    read = list(csv.DictReader(io.StringIO(out)))
    assert [row["uri"] for row in read] == [row["uri"] for row in rows]
    code, out, _ = sluice("sql", str(run), statement)
    assert code == 0
    assert rows[0]["doc_id"] in out
    numbers = "select 'nan'::double as a, ['inf'::float, 1] as b, {'c': '-inf'::double} as d"
    code, out, _ = sluice("sql", str(run), numbers, "--json")
    assert json.loads(out, parse_constant=pytest.fail) == {
        "a": None,
        "b": [None, 1.0],
        "d": {"c": None},
    }
    code, _, err = sluice("sql", str(run), "drop view github.rules")
    assert code == 2
    assert err.startswith("sluice: ")
