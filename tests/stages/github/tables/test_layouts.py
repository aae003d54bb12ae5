"""Dumps told by their columns, in Parquet and JSON Lines."""

import datetime

import pyarrow as pa
import pytest

from tests.stages.github.conftest import Unseekable, gather
from tests.stages.github.tables import dumps
from tests.stages.github.tables.dumps import COMMIT, json_lines, parquet, table

OWN = f"ada/engine@{COMMIT}:src/a.py"
CREATED = datetime.datetime(2015, 3, 1, 10, tzinfo=datetime.UTC)


@pytest.mark.parametrize("end", [".parquet", ".jsonl", ".jsonl.gz", ".jsonl.zst"])
@pytest.mark.parametrize(
    ("rows", "uri", "stars", "license_", "created"),
    [
        (dumps.STACK_V3, OWN, 12, "MIT", CREATED),
        (dumps.STACK_V2, OWN, 12, "MIT", CREATED),
        (dumps.STACK_V1, OWN, 12, "MIT", None),
        (dumps.STARCODER, "dump{end}:0", 12, None, None),
        (dumps.GITHUB_CODE, "dump{end}:0", None, "MIT", None),
    ],
    ids=["v3", "v2", "v1", "starcoder", "github-code"],
)
def test_a_dump_is_told_by_its_columns(rows, uri, stars, license_, created, end):
    """Repository, path, licence, stars and creation come from its own columns."""
    data = parquet(rows) if end == ".parquet" else json_lines(rows, end)
    row = gather(table(data, f"dump{end}")).rows[0]
    found = [row[name] for name in ("uri", "repo", "path", "stars", "license", "repo_created_at")]
    assert found == [uri.format(end=end), "ada/engine", "src/a.py", stars, license_, created]
    assert row["text"] == "print('ä')\n"


@pytest.mark.parametrize("end", [".parquet", ".jsonl"])
def test_a_row_that_is_a_repository(end):
    """Every file is a document with its own licence and whether it is vendored; one without a path
    is known by its place; one without contents, and an empty repository, are none."""
    rows = dumps.STACK_V3
    outcome = gather(table(parquet(rows) if end == ".parquet" else json_lines(rows), f"d{end}"))
    assert [
        (row["uri"], row["path"], row["license"], row["is_vendor"]) for row in outcome.rows
    ] == [
        (OWN, "src/a.py", "MIT", False),
        (f"ada/engine@{COMMIT}:vendor/b.c", "vendor/b.c", "Apache-2.0 AND MIT", True),
        (f"d{end}:0.2", "0.2", None, None),
    ]
    assert outcome.skipped == {"no_contents": 1}
    assert outcome.quarantined == []
    assert outcome.identity == f"d{end}"


@pytest.mark.parametrize(
    "created",
    [
        pa.array([CREATED], pa.timestamp("s")),
        pa.array([CREATED], pa.timestamp("ns", "UTC")),
        pa.array([CREATED], pa.timestamp("us", "Europe/Berlin")),
        pa.array(["2015-03-01T10:00:00"]),
        pa.array([1_425_204_000]),
        pa.array([1_425_204_000_000.0]),
    ],
    ids=["s", "ns", "zone", "text", "seconds", "milliseconds"],
)
def test_types_differ_between_copies(created):
    """Times of every unit, counts as floats, text as bytes, large or in dictionaries."""
    columns = {name: pa.array([value]) for name, value in dumps.STACK_V2[0].items()}
    columns |= {
        "gha_created_at": created,
        "star_events_count": pa.array([12.0], pa.float32()),
        "content": pa.array(["print('ä')\n".encode()], pa.large_binary()),
        "path": pa.array(["/src/a.py"]).dictionary_encode(),
        "repo_name": pa.array(["ada/engine"], pa.large_string()),
        "is_vendor": pa.array([0]),
        "detected_licenses": pa.array([["MIT"]], pa.large_list(pa.string())),
    }
    row = gather(table(parquet(pa.table(columns)))).rows[0]
    found = [row[name] for name in ("uri", "stars", "license", "repo_created_at", "is_vendor")]
    assert found == [OWN, 12, "MIT", CREATED, False]
    assert row["text"] == "print('ä')\n"


def test_columns_that_the_user_names():
    """`github.columns` goes before what is recognised; dotted names are fields of structs."""
    rows = [{"body": "x = 1\n", "meta": {"where": "a/b.py", "project": "ada/engine"}}]
    given = {"text": "body", "path": "meta.where", "repo": "meta.project"}
    for data, name in ((parquet(rows), "d.parquet"), (json_lines(rows), "d.jsonl")):
        row = gather(table(data, name), columns=given).rows[0]
        assert (row["text"], row["path"], row["repo"], row["uri"]) == (
            *("x = 1\n", "a/b.py", "ada/engine"),
            f"{name}:0",
        )


def test_files_without_anything_but_text():
    """Each is a repository of its own, so that strangers are not joined to one sample."""
    rows = [{"body": "x = 1\n"}, {"body": "y = 2\n"}]
    for data, name in ((parquet(rows), "d.parquet"), (json_lines(rows), "d.jsonl")):
        outcome = gather(table(data, name), columns={"text": "body"})
        assert [(row["repo"], row["path"]) for row in outcome.rows] == [
            ("local/d-0", "0"),
            ("local/d-1", "1"),
        ]


def test_contents_in_a_list_with_nothing_but_a_name_beside_them():
    """How many files a row has is told by any column of the list."""
    rows = [{"files": [{"a": "1", "n": 1}, {"a": "2", "n": 2}]}, {"files": None}]
    outcome = gather(table(parquet(rows)), columns={"text": "files.a"})
    assert [row["text"] for row in outcome.rows] == ["1", "2"]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([{"blob_id": "b", "repo_name": "a/b", "path": "p"}], "The Stack v2 without contents"),
        ([{"repo": "a/b", "commit_id": "c", "rel_path": "p"}], "Nemotron-Pretraining-Code"),
        (dumps.BIGQUERY_FILES, "BigQuery's files"),
        (dumps.BIGQUERY, "github.bigquery_files"),
        ([{"code": "x", "repo_name": "a/b"}], "github-code, of which it lacks path"),
        ([{"content": "x", "max_stars_repo_name": "a/b"}], "lacks max_stars_repo_path"),
        ([{"question": "x"}], "it resembles none"),
    ],
)
def test_a_table_that_cannot_be_read_says_why(rows, says):
    """It names the dump, or the nearest one and what is missing."""
    for data, name in ((parquet(rows), "d.parquet"), (json_lines(rows), "d.jsonl")):
        outcome = gather(table(data, name))
        assert outcome.rows == []
        assert [one.reason for one in outcome.quarantined] == ["no_layout"]
        assert says in outcome.quarantined[0].error


def test_a_named_column_that_is_not_there():
    """The message names the setting, and the columns there are."""
    outcome = gather(table(parquet([{"a": "x"}])), columns={"text": "b"})
    assert "`github.columns.text` = 'b' is no column of it; it has a" in (
        outcome.quarantined[0].error
    )


def test_contents_joined_with_the_files_they_are(tmp_path):
    """BigQuery's `files` says where contents are from: the first place by name, no link; contents
    that it does not know stay, by their row."""
    (tmp_path / "files-0.parquet").write_bytes(parquet(dumps.BIGQUERY_FILES))
    for data, name in (
        (parquet(dumps.BIGQUERY), "c.parquet"),
        (json_lines(dumps.BIGQUERY), "c.jsonl"),
    ):
        outcome = gather(table(data, name), bigquery_files=(str(tmp_path),))
        assert [(row["repo"], row["path"], row["uri"]) for row in outcome.rows] == [
            ("ada/engine", "src/a.py", f"{name}:0"),
            ("local/c-2", "2", f"{name}:2"),
        ]
        assert outcome.skipped == {"binary": 1}


def test_a_stream_that_cannot_seek():
    """As a network gives it."""
    data = parquet(dumps.STACK_V1)
    source = table(data)
    unseekable = type(source)(source.name, source.uri, lambda: Unseekable(data))
    assert gather(unseekable).rows == gather(source).rows
