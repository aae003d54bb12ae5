"""Parquet files as they are, and as they may be made."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.kernels import parquet_pages
from stages.web.reading import parquet
from stages.web.reading.rows import BadRow, LargeRow, Row, read_parquet

LIMIT = 1 << 20
PAGE = "<p>some text</p>"


def written(table: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def read(data: bytes, limit: int = LIMIT) -> list[Row | BadRow | LargeRow]:
    return list(read_parquet(io.BytesIO(data), limit))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_dictionary": False, "data_page_version": "2.0", "compression": "zstd"},
        {"row_group_size": 100, "write_batch_size": 10, "data_page_size": 64},
        {"column_encoding": {"html": "DELTA_LENGTH_BYTE_ARRAY"}, "use_dictionary": ["url"]},
        {"write_page_index": True, "write_page_checksum": True, "compression": "gzip"},
    ],
)
@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())],
)
def test_encodings(options: dict[str, Any], kind: pa.DataType) -> None:
    """Whatever the encoding and the kind of string, the rows are those that were written."""
    pages = [f"{PAGE}{row % 7}" for row in range(300)]
    urls = pa.array([f"http://e.org/{row}" for row in range(300)])
    table = pa.table({"url": urls, "html": pa.array(pages).cast(kind), "n": range(300)})
    if options.get("column_encoding") and pa.types.is_dictionary(kind):
        pytest.skip("Arrow writes dictionaries as such")
    found = read(written(table, **options))
    assert [row.body.decode() for row in found if isinstance(row, Row)] == pages
    assert [row.number for row in found] == list(range(300))


def test_odd_columns() -> None:
    """Bytes that are no UTF-8 are replaced; what is no string, or there twice, is not there."""
    url = pa.array(["http://e.org/"] * 2)
    table = pa.table(
        {"url": url, "html": pa.array([b"<p>\xff", None], pa.binary()), "text": [1, 2]}
    )
    page, nothing = read(written(table))
    assert isinstance(page, Row)
    assert page.body.decode() == "<p>\ufffd"
    assert isinstance(nothing, BadRow)
    twice = pa.Table.from_arrays([url, url, url], names=["url", "text", "text"])
    assert [type(row) for row in read(written(twice))] == [BadRow, BadRow]


def test_large_values() -> None:
    """Rows above the limit are passed over one by one, though all share one value."""
    pages = [PAGE, "x" * (LIMIT + 1), *["x" * LIMIT] * 64, "x" * (LIMIT + 1)]
    data = written(pa.table({"url": ["http://e.org/"] * 67, "html": pages}), data_page_size=1)
    rows = read_parquet(io.BytesIO(data), LIMIT)
    found = []
    before = peak = pa.total_allocated_bytes()
    for row in rows:
        found.append(type(row))
        peak = max(peak, pa.total_allocated_bytes())
    assert found[:2] == [Row, LargeRow]
    assert peak - before < 70 << 20


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("use_dictionary", [True, False])
def test_page_that_expands(
    version: str, use_dictionary: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page above the limit is refused before it is decompressed."""
    monkeypatch.setattr(parquet_pages, "MAX_PAGE_BYTES", 16 << 20)
    data = written(
        pa.table({"url": ["http://e.org/"], "html": ["x" * (17 << 20)]}),
        **{"compression": "zstd", "data_page_version": version, "use_dictionary": use_dictionary},
    )
    before = pa.total_allocated_bytes()
    (found,) = read(data, 32 << 20)
    assert isinstance(found, BadRow)
    assert "a page of 178" in found.error
    assert pa.total_allocated_bytes() == before


@pytest.mark.parametrize("value", ["http://e.org/", None])
def test_rows_that_expand(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows without end in one run end where they are more than the file's size explains."""
    monkeypatch.setattr(parquet, "FREE_WORK_BYTES", 1 << 20)
    n_rows = 200_000
    column = pa.array([value], pa.string()).take(pa.repeat(0, n_rows))
    table = pa.table({"url": column, "text": column})
    found = read(written(table, compression="zstd", row_group_size=n_rows))
    assert len(found) < 20_000
    last = found[-1]
    assert isinstance(last, BadRow)
    assert (last.reason, last.number) == ("broken_parquet", len(found) - 1)


def test_a_row_group_without_rows() -> None:
    """Its chunks have no pages, and their offsets say nothing."""
    text = pa.array([PAGE]).dictionary_encode()
    table = pa.table({"url": ["http://e.org/"], "html": text})
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, table.schema) as writer:
        for part in (table.slice(0, 0), table, table.slice(0, 0)):
            writer.write_table(part)
    assert [type(row) for row in read(sink.getvalue())] == [Row]


@given(st.data())
def test_any_damage(data: st.DataObject) -> None:
    """However a file is cut and changed, reading it ends and raises nothing."""
    table = pa.table({"url": ["http://e.org/"] * 9, "html": [f"{PAGE}{row}" for row in range(9)]})
    file = bytearray(written(table, data_page_size=16, compression="none"))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(file)))
        file[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    assert len(read(bytes(file))) <= 100


def test_the_sign_of_a_large_row() -> None:
    """No row is taken for it."""
    assert parquet.TOO_LARGE == {}
    assert [type(row) for row in read(written(pa.table({"n": [1]})))] == [BadRow]
