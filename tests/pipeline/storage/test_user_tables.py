"""Rows of tables that users bring are bounded, whatever is in them."""

import gzip
import os
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.storage.tables import BATCH_BYTES, BATCH_ROWS
from pipeline.storage.user_tables import ROW_BYTES, Rows, column_names, read_rows
from stages.errors import ConfigError, InputError

TEXT = {"text": pa.large_string()}
MIB = 1 << 20


def texts(batches: list[Rows]) -> list[str | None]:
    return [text for rows in batches for text in rows.batch["text"].to_pylist()]


@pytest.mark.parametrize("ending", ["\n", ""])
def test_a_line_that_is_too_long_is_a_broken_row(tmp_path: Path, ending: str) -> None:
    """It is passed over without being held, and its neighbours keep their places."""
    path = tmp_path / "long.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(b'{"text": "a"}\n\n{"text": "')
        for _ in range(64):
            stream.write(b"x" * MIB)
        stream.write(b'"}' + (b'\n{"text": "b"}' if ending else b""))
    tracemalloc.start()
    batches = list(read_rows(path, TEXT))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert texts(batches) == ["a", None, *(["b"] if ending else [])]
    assert list(batches[0].broken) == [1]
    assert peak < 3 * ROW_BYTES


def test_a_line_at_the_limit_is_a_row(tmp_path: Path) -> None:
    """One byte more and it is none."""
    path = tmp_path / "limit.jsonl"
    frame = len('{"text": ""}')
    longest = "y" * (ROW_BYTES - frame)
    path.write_text(f'{{"text": "{longest}"}}\n{{"text": "{longest}z"}}\n')
    first, second = texts(list(read_rows(path, TEXT)))
    assert (first, second) == (longest, None)


def test_what_no_column_needs_is_not_held(tmp_path: Path) -> None:
    """A thousand rows with a megabyte beside their text are read one after another."""
    path = tmp_path / "beside.jsonl"
    with path.open("w") as stream:
        for number in range(100):
            stream.write(f'{{"text": "{number}", "other": "{"o" * MIB}"}}\n')
    tracemalloc.start()
    batches = list(read_rows(path, TEXT))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(texts(batches)) == 100
    assert peak < 10 * MIB


def test_a_dictionary_of_one_long_value_is_read_row_by_row(tmp_path: Path) -> None:
    """A few kilobytes of Parquet name a value of 6 MiB sixty-four times."""
    path = tmp_path / "dictionary.parquet"
    value = pa.DictionaryArray.from_arrays(
        pa.array([0] * 64, pa.int32()), pa.array(["x" * 6 * MIB])
    )
    pq.write_table(pa.table({"text": value}), path, compression="zstd", store_schema=False)
    assert path.stat().st_size < MIB
    before = pa.total_allocated_bytes()
    n_rows = 0
    for rows in read_rows(path, TEXT):
        n_rows += rows.batch.num_rows
        assert rows.batch.nbytes <= BATCH_BYTES
        assert pa.total_allocated_bytes() - before < 10 * BATCH_BYTES
    assert n_rows == 64


@pytest.mark.parametrize(
    ("encoding", "kind", "n_bytes"),
    [("DELTA_BYTE_ARRAY", pa.string(), MIB), ("PLAIN", pa.binary(MIB), MIB)],
)
def test_values_that_no_page_shows_are_read_a_few_at_once(
    tmp_path: Path, encoding: str, kind: pa.DataType, n_bytes: int
) -> None:
    """Values stored as what they share with the one before, and nulls of a fixed length."""
    path = tmp_path / "small.parquet"
    values = pa.array(["x" * n_bytes if kind == pa.string() else None] * 300, kind)
    table = pa.table({"text": values})
    encodings = {"text": encoding} if kind == pa.string() else None
    pq.write_table(table, path, use_dictionary=False, column_encoding=encodings)
    del values, table
    assert path.stat().st_size < 2 * MIB
    before = pa.total_allocated_bytes()
    n_rows = 0
    for rows in read_rows(path, {"text": kind}):
        n_rows += rows.batch.num_rows
        assert pa.total_allocated_bytes() - before < 6 * BATCH_BYTES
    assert n_rows == 300


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_small_rows_are_read_in_whole_batches(tmp_path: Path, compression: str) -> None:
    """However they are cut into pages: a batch is as many as may be, or 16 MiB of pages."""
    path = tmp_path / "pages.parquet"
    lines = [f"{number} " + "word " * (number % 400) for number in range(6 * BATCH_ROWS)]
    table = pa.table({"text": lines})
    pq.write_table(table, path, compression=compression, data_page_size=9_000, use_dictionary=False)
    batches = list(read_rows(path, TEXT))
    assert texts(batches) == lines
    assert [rows.batch.num_rows for rows in batches] == [BATCH_ROWS] * 6


def test_a_row_of_parquet_that_is_too_large_is_broken(tmp_path: Path) -> None:
    """All its columns count, and its neighbours are read."""
    path = tmp_path / "large.parquet"
    table = {"text": ["a", "b" * 9 * MIB, "c"], "path": ["p", "q" * 9 * MIB, "r"]}
    pq.write_table(pa.table(table), path)
    batches = list(read_rows(path, {**TEXT, "path": pa.string()}))
    assert texts(batches) == ["a", None, "c"]
    assert [why for rows in batches for why in rows.broken.values()] == [
        f"a row above {ROW_BYTES} bytes"
    ]


def test_a_page_that_would_fill_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its header: nothing is expanded. Columns that nobody reads may have such pages."""
    monkeypatch.setattr("stages.kernels.parquet_pages.MAX_PAGE_BYTES", 4 * MIB)
    path = tmp_path / "bomb.parquet"
    table = pa.table({"text": ["a", "b"], "large": ["x" * 5 * MIB, "y"]})
    pq.write_table(table, path, compression="zstd", use_dictionary=False)
    assert path.stat().st_size < 10_000
    assert texts(list(read_rows(path, TEXT))) == ["a", "b"]
    with pytest.raises(InputError, match=r"column large: byte \d+: a page of \d{7} bytes"):
        list(read_rows(path, {"large": pa.string()}))


def test_columns_of_all_kinds_are_read(tmp_path: Path) -> None:
    """Numbers, lists and dictionaries beside text, over many row groups."""
    path = tmp_path / "kinds.parquet"
    n = 5000
    table = pa.table(
        {
            "text": [f"text {number}" for number in range(n)],
            "n": list(range(n)),
            "also": [["a", "b"][: number % 3] for number in range(n)],
            "kind": pa.array(["x", "y"] * (n // 2)).dictionary_encode(),
        }
    )
    pq.write_table(table, path, row_group_size=700)
    types = {
        "text": pa.string(),
        "n": pa.int64(),
        "also": pa.list_(pa.string()),
        "kind": pa.string(),
    }
    batches = list(read_rows(path, types))
    assert pa.Table.from_batches([rows.batch for rows in batches]).to_pylist() == table.to_pylist()
    assert max(rows.batch.num_rows for rows in batches) <= BATCH_ROWS


@pytest.mark.parametrize("name", ["pipe.jsonl", "pipe.jsonl.gz", "pipe.parquet"])
def test_a_pipe_is_no_table(tmp_path: Path, name: str) -> None:
    """It is refused instead of waited for."""
    os.mkfifo(tmp_path / name)
    with pytest.raises(ConfigError, match="a pipe"):
        column_names(tmp_path / name)
