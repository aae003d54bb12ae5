"""`sluice sql` reads a run: whatever the statement, nothing is written and nothing else is read."""

import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.inspection.sql import query
from stages.errors import ConfigError

SHARD = "sluicerun://github/documents/00000.parquet"


def write_run(folder: Path) -> Path:
    """A run folder of one table with one shard."""
    shard = folder / "github" / "documents" / "00000.parquet"
    shard.parent.mkdir(parents=True)
    with shard.open("wb") as stream:  # Arrow takes no path that is not UTF-8
        pq.write_table(pa.table({"n": [1, 2, 3]}), stream)
    (folder / "inputs.json").write_text("{}")
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run")


def answer(run: Path, statement: str) -> list[dict[str, Any]]:
    return [row for batch in query(run, statement) for row in batch.to_pylist()]


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize(
    "statement",
    [
        "copy (select 1) to 'TARGET'",
        "explain analyze copy (select 1) to 'TARGET'",
        "/* c */ explain analyze copy (select 1) to 'TARGET'",
        "-- c\nexplain /* c */ analyze copy (select 1) to 'TARGET'",
        "explain (analyze, format json) copy (select 1) to 'TARGET'",
        "with x as (copy (select 1) to 'TARGET') from x",
        "with x as materialized (copy github.documents to 'TARGET') from x",
        "from (with x as (copy (select 1) to 'TARGET') from x)",
        "with x as (copy github.documents to 'TARGET' (partition_by (n))) from x",
        "explain analyze with x as (copy (select 1) to 'TARGET') from x",
        "from query('with x as (copy (select 1) to ''TARGET'') from x')",
    ],
)
@pytest.mark.parametrize("target", ["the shard by its path", "the shard in the run", "a new file"])
def test_no_statement_writes_a_file(
    statement: str, target: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """COPY as such, in an EXPLAIN after any comment, in a CTE (which DuckDB calls a SELECT)."""
    monkeypatch.chdir(tmp_path)
    name = {
        "the shard by its path": str(run / "github" / "documents" / "00000.parquet"),
        "the shard in the run": SHARD,
        "a new file": "new.parquet",
    }[target]
    before = state(tmp_path)
    with pytest.raises(ConfigError):
        answer(run, statement.replace("TARGET", name))
    assert state(tmp_path) == before


@pytest.mark.parametrize(
    "statement",
    [
        "create table t as select 1",
        "create or replace view github.documents as select 1",
        "drop view github.documents",
        "insert into github.documents values (1)",
        "attach 'x.db'",
        "install httpfs",
        "load httpfs",
        "set threads = 1",
        "pragma enable_profiling",
        "call enable_logging()",
        "prepare p as copy (select 1) to 'x'",
        "execute p",
        "export database 'x'",
        "import database 'x'",
        "checkpoint",
        "vacuum",
        "use memory",
        "select 1; select 2",
        "select 1; copy (select 1) to 'x'",
        "",
        "-- nothing",
        ";",
    ],
)
def test_sql_takes_one_reading_statement(
    statement: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anything else is told what may stand there."""
    monkeypatch.chdir(tmp_path)
    before = state(tmp_path)
    with pytest.raises(ConfigError, match="one reading statement"):
        answer(run, statement)
    assert state(tmp_path) == before


@pytest.mark.parametrize(
    "table",
    [
        "'OTHER'",
        "read_csv('OTHER')",
        "read_text('OTHER')",
        "read_blob('file://OTHER')",
        "glob('OTHER*')",
        "sniff_csv('OTHER')",
        "read_text('sluicerun://OTHER')",
        "read_text('sluicerun://../other.csv')",
        "read_text('sluicerun://github/../../other.csv')",
        "read_text('http://127.0.0.1:1/')",
    ],
)
def test_sql_reads_nothing_but_the_run(table: str, run: Path, tmp_path: Path) -> None:
    """By its path, by a URL, or out of the run folder."""
    other = tmp_path / "other.csv"
    other.write_text("a\n1\n")
    with pytest.raises(ConfigError):
        answer(run, f"select * from {table.replace('OTHER', str(other))}")


def test_sql_sees_no_variables_of_the_program(run: Path) -> None:
    """DuckDB would take a Python variable for a table."""
    for name in ("statement", "views", "run"):
        with pytest.raises(ConfigError, match="does not exist"):
            answer(run, f"from {name}")


@pytest.mark.parametrize(
    "statement",
    [
        "from github.documents",
        "select n from github.documents where n > 1;",
        "with x as (from github.documents) select sum(n) from x",
        "describe github.documents",
        "summarize github.documents",
        "show all tables",
        "explain select 1",
        "/* why? */ explain analyze from github.documents",
        "explain (format json) from github.documents",
        "values (1), (2)",
        "from query('from github.documents')",
    ],
)
def test_everything_that_reads_is_answered(statement: str, run: Path) -> None:
    """DuckDB's own short forms included."""
    assert answer(run, statement)


@pytest.mark.parametrize(
    "name",
    [
        "it's a run",
        'a "quoted" run',
        "two\nlines",
        "brackets[1]*?{a,b}",
        "semi;colon -- comment",
        "100%",
        "\\back",
        "späť",
        os.fsdecode(b"no utf-8 \xff\xfe"),
    ],
)
def test_a_run_folder_may_be_called_anything(name: str, tmp_path: Path) -> None:
    """Its path is no part of any SQL."""
    run = write_run(tmp_path / name)
    assert answer(run, "select n, shard, row from github.documents where n = 2") == [
        {"n": 2, "shard": 0, "row": 1}
    ]
