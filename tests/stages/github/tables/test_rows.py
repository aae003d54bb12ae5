"""What becomes of rows: bad ones, repeated ones, those of a damaged table; nothing is lost."""

import json

import pyarrow as pa
import pytest

from tests.stages.github.conftest import gather
from tests.stages.github.tables import dumps
from tests.stages.github.tables.dumps import COMMIT, json_lines, parquet, table


def file(path="a.py", **more):
    """A row in the columns of The Stack v1."""
    return {**dumps.STACK_V1[0], "max_stars_repo_path": path, **more}


def counted(outcome):
    return len(outcome.rows) + sum(outcome.skipped.values()) + len(outcome.quarantined)


def test_counts_add_up():
    """Documents, skipped and quarantined are the rows, in Parquet and JSON Lines."""
    rows = [
        file("a.py"),
        file("a.py"),
        file("../x.py"),
        file("b.py", content=None),
        file("c.py", size=17 << 20),
        file("d.png"),
        file("e.py", max_stars_repo_name="not a name"),
        file("f.py", max_stars_count=-1),
        file(None, ext="py"),
    ]
    for data, name in ((parquet(rows), "d.parquet"), (json_lines(rows), "d.jsonl")):
        outcome = gather(table(data, name))
        assert [row["path"] for row in outcome.rows] == ["a.py", "8.py"]
        assert outcome.skipped == {
            "repeated_path": 1,
            "unsafe_path": 1,
            "no_contents": 1,
            "too_large": 1,
            "binary": 1,
        }
        assert [(one.origin, one.reason) for one in outcome.quarantined] == [
            (f"{name}:6", "wrong_field"),
            (f"{name}:7", "wrong_field"),
        ]
        assert counted(outcome) == len(rows)


def test_lines_that_are_no_rows():
    """A broken line costs itself; blank lines count as places and are no records."""
    good = json.dumps(file()).encode()
    lines = [good, b"", b"{", b"[1]", b'"x"', json.dumps(file("b.py", content=7)).encode()]
    outcome = gather(table(b"\n".join(lines), "d.jsonl"))
    assert len(outcome.rows) == 1
    assert [(one.origin, one.reason) for one in outcome.quarantined] == [
        ("d.jsonl:2", "broken_json"),
        ("d.jsonl:3", "broken_json"),
        ("d.jsonl:4", "broken_json"),
        ("d.jsonl:5", "wrong_field"),
    ]


@pytest.mark.parametrize("data", [b"x = 1\n" * 99, b"", b"PAR1PAR1", b"\0" * 99])
@pytest.mark.parametrize("name", ["d.parquet", "d.jsonl", "d.jsonl.gz"])
def test_what_is_no_table(name, data):
    """One record of the quarantine, whatever the bytes."""
    outcome = gather(table(data, name))
    assert outcome.rows == []
    assert len(outcome.quarantined) == 1


def test_a_table_that_is_cut():
    """The rows before the damage stay, and one record stands for the rest."""
    rows = [file(f"{number}.py", content=f"x = {number}\n" * 40) for number in range(200)]
    data = json_lines(rows, ".jsonl.gz")
    outcome = gather(table(data[: len(data) // 2], "d.jsonl.gz"))
    assert 0 < len(outcome.rows) < 200
    assert [one.reason for one in outcome.quarantined] == ["truncated"]
    data = bytearray(parquet(rows, compression="none", row_group_size=50, use_dictionary=False))
    place = data.find(b"x = 120\n")
    data[place - 4 : place] = b"\xff\xff\xff\x7f"
    outcome = gather(table(bytes(data)))
    assert len(outcome.rows) == 120
    assert [(one.origin, one.reason) for one in outcome.quarantined] == [
        ("dump.parquet:120", "truncated")
    ]


def test_text_that_is_no_utf8_is_decoded_as_a_file_is():
    """Contents are bytes; names that are no UTF-8 are escaped."""
    columns = {name: pa.array([value]) for name, value in file().items()}
    columns["content"] = pa.array(["naïve café".encode("latin-1") * 9])
    columns |= {"max_stars_repo_path": pa.array([b"\xe9.py"]).cast(pa.binary())}
    row = gather(table(parquet(pa.table(columns)))).rows[0]
    assert (row["text"], row["path"]) == ("naïve café" * 9, "\\xe9.py")


def test_rows_without_a_revision_go_by_their_place():
    """So their table must be told from others: its name is an identity."""
    assert gather(table(parquet(dumps.GITHUB_CODE))).identity == "dump.parquet"
    assert gather(table(parquet(dumps.STACK_V1))).identity is None


def test_what_github_metadata_says_of_a_table():
    """It fills what the table does not say, and nothing else."""
    given = {"revision": COMMIT, "stars": 3, "license": "Zlib"}
    row = gather(table(parquet(dumps.GITHUB_CODE), metadata=given)).rows[0]
    assert row["uri"] == f"ada/engine@{COMMIT}:src/a.py"
    assert (row["stars"], row["license"]) == (3, "MIT")
