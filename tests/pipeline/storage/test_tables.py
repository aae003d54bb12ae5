"""Parquet files of a run."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.storage.storage import LocalStorage
from pipeline.storage.tables import (
    TableRead,
    read_aligned,
    read_batches,
    write_arrow,
    write_parquet,
)
from schemas.shards import SHARDS
from schemas.tokens import TOKEN_COLUMNS, TOKENS
from schemas.verdicts import verdict_table


def encodings(path: Path) -> dict[str, set[str]]:
    """Column → how its values are stored."""
    group = pq.read_metadata(path).row_group(0)
    columns = (group.column(index) for index in range(group.num_columns))
    return {column.path_in_schema: set(column.encodings) for column in columns}


def write(folder: Path, schema: pa.Schema, rows: list[dict[str, object]]) -> Path:
    with write_parquet(LocalStorage(folder), "00000.parquet", schema) as (table, _):
        table.write(pa.RecordBatch.from_pylist(rows, schema=schema))
    return folder / "00000.parquet"


def test_tokens_are_stored_split_by_bytes_and_read_as_they_were(tmp_path: Path) -> None:
    """Nulls and empty lists too; verdicts beside them have dictionaries. Smaller than before."""
    draw = np.random.default_rng(0)
    ids = [None, [], *((draw.zipf(1.3, 2000) % 100_000).tolist() for _ in range(40))]
    rows = [
        {"keep": own is not None, "doc_id": bytes([number]) * 16, TOKENS: own}
        for number, own in enumerate(ids)
    ]
    path = write(tmp_path, verdict_table(TOKEN_COLUMNS), rows)
    found = encodings(path)
    assert "BYTE_STREAM_SPLIT" in found[f"{TOKENS}.list.element"]
    assert "RLE_DICTIONARY" in found["reason"]
    reads = [TableRead("00000.parquet", ((TOKENS, TOKENS),))]
    (batch,) = read_aligned(LocalStorage(tmp_path), reads)
    assert batch.column(TOKENS).to_pylist() == ids
    (tmp_path / "plain").mkdir()
    plain = pa.schema([field.with_metadata({}) for field in verdict_table(TOKEN_COLUMNS)])
    assert path.stat().st_size < write(tmp_path / "plain", plain, rows).stat().st_size


@pytest.mark.parametrize("name", ["00000.parquet", "00000.arrow"])
def test_a_temporary_run_has_the_same_tables_plain(tmp_path: Path, name: str) -> None:
    """Same rows and digests of columns; larger, as nothing is compressed."""
    schema = pa.schema([("doc_id", pa.binary(16)), ("text", pa.large_string())])
    rows = [{"doc_id": bytes([n]) * 16, "text": f"{n} repeats " * 500} for n in range(9)]
    batch = pa.RecordBatch.from_pylist(rows, schema=schema)
    open_table = write_parquet if name.endswith("parquet") else write_arrow
    made = {}
    for is_temporary in (False, True):
        storage = LocalStorage(tmp_path / str(is_temporary), is_temporary)
        with open_table(storage, name, schema) as (table, written):
            table.write(batch)
        assert pa.Table.from_batches(read_batches(storage, name)).to_pylist() == rows
        made[is_temporary] = written
    assert made[True].columns == made[False].columns
    assert made[True].size > 3 * made[False].size


@pytest.mark.parametrize("rows", [[], [0], [2, 3, 4], [5, 11], list(range(12))])
def test_chosen_rows_come_from_the_row_groups_that_have_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[int]
) -> None:
    """In order; row groups without one are not read."""
    schema = pa.schema([("doc_id", pa.binary(16)), ("text", pa.large_string())])
    with write_parquet(LocalStorage(tmp_path), "00000.parquet", schema) as (table, _):
        for start in (0, 3, 6, 9):
            batch = [{"doc_id": bytes([n]) * 16, "text": str(n)} for n in range(start, start + 3)]
            table.write(pa.RecordBatch.from_pylist(batch, schema=schema))
    read: list[int] = []
    whole = pq.ParquetFile.read_row_group
    monkeypatch.setattr(
        pq.ParquetFile,
        "read_row_group",
        lambda self, group, **more: read.append(group) or whole(self, group, **more),
    )
    reads = [TableRead("00000.parquet", (("text", "text"),))]
    batches = read_aligned(LocalStorage(tmp_path), reads, np.array(rows, np.int64))
    assert [text for batch in batches for text in batch["text"].to_pylist()] == list(map(str, rows))
    assert read == sorted({row // 3 for row in rows})


def test_the_product_is_stored_as_it_always_was(tmp_path: Path) -> None:
    """In dictionaries: the bytes of shards are promised."""
    row = {
        "sample_id": bytes(16), "source": "code", "split": "train", TOKENS: [1, 2], "n_tokens": 2,
        "parts": [],
    }  # fmt: skip
    found = encodings(write(tmp_path, SHARDS, [row]))
    assert "RLE_DICTIONARY" in found[f"{TOKENS}.list.element"]
