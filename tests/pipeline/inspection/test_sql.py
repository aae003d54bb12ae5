"""`sluice sql` reads a run: whatever the statement, nothing is written and nothing else is read."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.inspection.sql import query
from schemas.columns import column
from stages.errors import ConfigError
from tests.pipeline.conftest import Sluice

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


def test_identities_are_hexadecimal_text(tmp_path: Path) -> None:
    """Alone and in the parts of samples, also where a person compares them by their beginning."""
    folder = tmp_path / "run" / "shards" / "code"
    folder.mkdir(parents=True)
    one = bytes(range(16))
    parts = pa.array(
        [[{"doc_id": one, "uri": "u"}]],
        pa.list_(pa.struct([("doc_id", pa.binary(16)), ("uri", pa.string())])),
    )
    ids = pa.array([one], pa.binary(16))
    table = pa.table({"sample_id": ids, "parts": parts, "hash": pa.array([one], pa.binary())})
    pq.write_table(table, folder / "train-00000.parquet")
    assert answer(tmp_path / "run", "select lower(hex(sample_id)) as id from shards.code") == [
        {"id": one.hex()}
    ]
    query = "select * from shards.code where sample_id like '000102%'"
    assert answer(tmp_path / "run", query) == [
        {
            "sample_id": one.hex(),
            "parts": [{"doc_id": one.hex(), "uri": "u"}],
            "hash": one,
            "shard": 0,
            "row": 0,
        }
    ]


def test_describe_says_what_columns_mean(tmp_path: Path) -> None:
    """From what their schemas say of them."""
    folder = tmp_path / "run" / "github" / "rules"
    folder.mkdir(parents=True)
    schema = pa.schema([column("n_lines", pa.int64(), "how many lines"), ("x", pa.int8())])
    pq.write_table(schema.empty_table(), folder / "00000.parquet")
    expected = [
        ("n_lines", "BIGINT", "how many lines"),
        ("x", "TINYINT", None),
        ("shard", "INTEGER", "number of the file"),
        ("row", "BIGINT", "row in the file"),
    ]
    for table in (
        "describe github.rules",
        'DESC "github"."rules" ;',
        "describe table github.rules",
    ):
        found = answer(tmp_path / "run", table)
        assert [tuple(row.values()) for row in found] == expected


def test_an_answer_can_be_a_parquet_file(run: Path, tmp_path: Path, sluice: Sluice) -> None:
    """With the types of the answer; nowhere but where a file can be."""
    file = tmp_path / "answer.parquet"
    statement = "select n, n > 1 as more from github.documents order by n"
    code, out, _ = sluice("sql", str(run), statement, "--parquet", str(file))
    assert (code, out) == (0, f"{file}: 3 rows\n")
    assert pq.read_table(file).to_pylist()[-1] == {"n": 3, "more": True}
    assert sluice("sql", str(run), statement, "--parquet", str(tmp_path))[0] == 2
    assert sluice("sql", str(run), statement, "--parquet", str(file), "--csv")[0] == 2


def test_parquet_goes_to_standard_output(run: Path, tmp_path: Path) -> None:
    """As CSV and JSON do, and nothing else with it; no file is called `-`."""
    command = [sys.executable, "-c", "from pipeline.cli import main; main()"]
    command += ["sql", str(run), "select n from github.documents", "--parquet", "-"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert pq.read_table(pa.BufferReader(done.stdout)).to_pydict() == {"n": [1, 2, 3]}
    assert not (tmp_path / "-").exists()
