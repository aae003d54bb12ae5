"""`github.metadata`: right rows are read, wrong ones named."""

import datetime
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.storage.intake.repository_metadata import read_metadata
from stages.errors import ConfigError

GOOD = {"input": "a.tar.gz", "repo": "o/r", "stars": 3}


def write_lines(path: Path, *lines: Any) -> str:
    """Bytes as they are, anything else as JSON."""
    encoded = (one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines)
    path.write_bytes(b"".join(line + b"\n" for line in encoded))
    return str(path)


def test_metadata_is_read_from_parquet_and_jsonl(tmp_path: Path) -> None:
    """Both give rows by input; unknown columns may hold anything."""
    pq.write_table(pa.Table.from_pylist([{**GOOD, "topics": ["x"]}]), tmp_path / "m.parquet")
    lines = write_lines(tmp_path / "m.jsonl", b"", {**GOOD, "topics": ["x"]})
    expected = {"a.tar.gz": {"repo": "o/r", "stars": 3}}
    assert read_metadata(str(tmp_path / "m.parquet")) == expected
    assert read_metadata(lines) == expected
    assert read_metadata(None) == {}


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "+02:00"])
def test_timestamps_of_every_kind_are_moments(tmp_path: Path, unit: str, zone: str | None) -> None:
    """A moment is one in any zone; without one it is UTC."""
    moment = datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    column = pa.array([int(moment.timestamp())], pa.int64()).cast(pa.timestamp("s", zone))
    table = pa.table({"input": ["a.tar"], "created_at": column.cast(pa.timestamp(unit, zone))})
    pq.write_table(table, tmp_path / "m.parquet")
    got = read_metadata(str(tmp_path / "m.parquet"))
    assert got == {"a.tar": {"created_at": "2020-01-02T03:04:05+00:00"}}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"input": "b", "repo": ["o/r"]}, r"row 2: repo = \['o/r'\]; expected"),
        ({"input": "b", "stars": 1e300}, r"row 2: stars = 1e\+300; expected"),
        ({"input": "b", "created_at": "0001-01-01T00:00+23:00"}, r"row 2: created_at = '0001"),
        ({"input": "b", "license": {"key": "mit"}}, r"row 2: license = \{'key': 'mit'\}"),
        ({"input": "b", "revision": "\ud800"}, r"row 2: revision = '\\ud800'"),
        ({"input": ["b"]}, r"row 2: input = \['b'\]; expected a path"),
        ({"repo": "o/r"}, "row 2: input = None"),
        ([1], "row 2: input = None"),
        (5, "row 2: input = None"),
        (b"{", "row 2 is no JSON"),
        (b'{"input": "\x80"}', "row 2 is no JSON"),
        (b'{"input": "b", "stars": ' + b"9" * 5000 + b"}", "row 2 is no JSON"),
        (b"[" * 100_000, "row 2: nested too deeply"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: Any, said: str) -> None:
    """One sentence: the file, the row, the field, the value."""
    path = write_lines(tmp_path / "m.jsonl", GOOD, line)
    with pytest.raises(ConfigError, match=said) as caught:
        read_metadata(path)
    message = str(caught.value)
    assert message.startswith(f"github.metadata = {path!r}")
    assert "\n" not in message
    assert len(message) < 400 + len(path)


@pytest.mark.parametrize(
    ("name", "column", "said"),
    [
        ("created_at", pa.array([2**62], pa.timestamp("us")), "row 1: created_at = .*46116860184"),
        ("created_at", pa.array([2**62], pa.timestamp("us", "UTC")), "row 1: created_at"),
        ("created_at", pa.array([2**31 - 1], pa.date32()), "row 1: created_at"),
        ("created_at", pa.array([2**62], pa.duration("s")), "row 1: created_at"),
        ("stars", pa.array([2**64 - 1], pa.uint64()), "row 1: stars = 18446744073709551615"),
        ("stars", pa.array([[1]]), r"row 1: stars = \[1\]"),
        ("repo", pa.array([b"\xff/r"]), r"row 1: repo = b'\\xff/r'"),
        ("license", pa.array([{"key": "mit"}]), "row 1: license = "),
    ],
)
def test_a_wrong_cell_is_named(tmp_path: Path, name: str, column: pa.Array, said: str) -> None:
    """Also where Python has no value for it."""
    pq.write_table(pa.table({"input": ["a"], name: column}), tmp_path / "m.parquet")
    with pytest.raises(ConfigError, match=said):
        read_metadata(str(tmp_path / "m.parquet"))


def test_two_columns_of_one_name_are_named(tmp_path: Path) -> None:
    """Which of them counts is not ours to say."""
    table = pa.table([["a"], ["o/r"], ["p/r"]], names=["input", "repo", "repo"])
    pq.write_table(table, tmp_path / "m.parquet")
    with pytest.raises(ConfigError, match="two columns `repo`"):
        read_metadata(str(tmp_path / "m.parquet"))


@pytest.mark.parametrize("name", ["m.jsonl", "m.parquet"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    """Missing, a folder, a pipe nobody writes to, no Parquet at all."""
    path = tmp_path / name
    said = rf"github\.metadata = '.*{name}'.* (cannot be read|is no JSON): "
    with pytest.raises(ConfigError, match=said):
        read_metadata(str(path))
    path.mkdir()
    with pytest.raises(ConfigError, match=said):
        read_metadata(str(path))
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(ConfigError, match=said):
        read_metadata(str(path))
    path.unlink()
    path.write_bytes(b"neither this nor that")
    with pytest.raises(ConfigError, match=said):
        read_metadata(str(path))
