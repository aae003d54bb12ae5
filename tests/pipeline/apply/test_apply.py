"""`sluice apply`: row for row, whatever is in the rows."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pipeline.apply.map import apply
from pipeline.configuration.registry import APPLIED
from pipeline.storage.tables import BATCH_BYTES, BATCH_ROWS
from pipeline.storage.user_tables import read_rows
from stages.contract import Options
from stages.errors import ConfigError, InputError, StageError

CODE = "\n".join(f"def function_{n}(argument): return argument * {n}" for n in range(40))


def write_jsonl(path: Path, rows: list[Any]) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    data = ("\n".join(lines) + "\n").encode()
    if path.suffix == ".gz":
        data = gzip.compress(data)
    elif path.suffix == ".zst":
        data = zstandard.compress(data)
    path.write_bytes(data)
    return path


def read(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return rows
    return [json.loads(line) for line in path.read_text().splitlines()]


def applied(tmp_path: Path, stage: str, rows: list[Any], *overrides: str) -> list[dict[str, Any]]:
    source = write_jsonl(tmp_path / "in.jsonl", rows)
    out = tmp_path / "out.parquet"
    apply(stage, source, out, overrides)
    return read(out)


def test_rules_answer_row_for_row(tmp_path: Path) -> None:
    """Only `text` is required; keep and reason come first, then the measures."""
    rows = applied(tmp_path, "rules", [{"text": CODE}, {"text": ""}, {"text": "x" * 1001}])
    assert list(rows[0])[:3] == ["keep", "reason", "n_characters"]
    assert [row["reason"] for row in rows] == [None, "empty", "average_line_length"]
    assert [row["n_characters"] for row in rows] == [len(CODE), 0, 1001]


def test_the_answer_stands_beside_its_input(tmp_path: Path) -> None:
    """Every column of the input in its own type, rows in step over many batches, broken lines and
    all; of a column that both have the answer's is written."""
    rows: list[Any] = [
        {"text": CODE if n % 3 else "", "n": n, "of": {"a": [n]}, "reason": "mine", "odd": odd}
        for n, odd in zip(range(3 * BATCH_ROWS), [1, "b", None, 2.5] * BATCH_ROWS, strict=False)
    ]
    rows.insert(7, "{broken")
    source = write_jsonl(tmp_path / "in.jsonl", rows)
    for name in ("out.parquet", "out.jsonl"):
        apply("rules", source, tmp_path / name, with_input=True)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column_names[:5] == ["text", "n", "of", "odd", "keep"]
    assert table["n"].type == pa.int64()
    beside = read(tmp_path / "out.jsonl")
    assert len(beside) == len(rows) == len(table)
    assert (beside[7]["n"], beside[7]["keep"], beside[7]["reason"]) == (None, False, "quarantined")
    for given, got in zip(rows, beside, strict=True):
        if got["n"] is None:
            assert given == "{broken"
            continue
        assert {key: got[key] for key in ("text", "n", "of", "odd")} == {
            key: given[key] for key in ("text", "n", "of", "odd")
        }
        assert got["keep"] == bool(given["text"])
        assert got["reason"] in (None, "empty")


@pytest.mark.parametrize("stage", ["rules", "dedup"])
def test_only_what_is_kept(tmp_path: Path, stage: str) -> None:
    """The input without what the stage drops; what is counted is the whole."""
    texts = [CODE, "", CODE, CODE.replace("function", "procedure"), "x" * 1001]
    table = pa.table({"text": texts, "id": range(5), "tags": [["a"], [], None, ["b"], ["c"]]})
    pq.write_table(table, tmp_path / "in.parquet")
    out = tmp_path / "out.parquet"
    counts = apply(stage, tmp_path / "in.parquet", out, with_input=True, kept_only=True)
    kept = pq.read_table(out)
    assert counts.rows == 5
    assert counts.kept == len(kept) < 5
    assert kept["tags"].type == pa.list_(pa.string())
    assert kept.select(["text", "id", "tags"]).equals(table.take(kept["id"]))
    assert set(kept["keep"].to_pylist()) == {True}
    apply(stage, tmp_path / "in.parquet", out, kept_only=True)
    assert pq.read_table(out).num_rows == counts.kept
    assert "id" not in pq.read_schema(out).names


def test_options_have_bare_keys(tmp_path: Path) -> None:
    """`--set max_line_length=…`, without the stage's name."""
    rows = applied(
        tmp_path, "rules", [{"text": CODE}], "max_line_length=10", "max_average_line_length=1000"
    )
    assert rows[0]["reason"] == "max_line_length"
    with pytest.raises(ConfigError, match=r"`max_line_lenght`.*did you mean `max_line_length`"):
        applied(tmp_path, "rules", [{"text": CODE}], "max_line_lenght=10")


def test_language_reads_what_there_is(tmp_path: Path) -> None:
    """A path, a text, or the raw content."""
    by_path = applied(tmp_path, "language", [{"path": "a/b.py"}, {"path": "c.rs"}])
    assert [row["language"] for row in by_path] == ["Python", "Rust"]
    source = tmp_path / "content.parquet"
    pq.write_table(pa.table({"content": [b"#!/usr/bin/env python3\nprint(1)\n"]}), source)
    apply("language", source, tmp_path / "out.jsonl")
    assert read(tmp_path / "out.jsonl")[0]["language"] == "Python"


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    """With the columns that are there."""
    with pytest.raises(ConfigError, match="rules needs the column 'text'; the file has body, id"):
        applied(tmp_path, "rules", [{"id": 1, "body": "x"}])
    with pytest.raises(ConfigError, match="one of the columns path, text, content"):
        applied(tmp_path, "language", [{"id": 1}])
    with pytest.raises(ConfigError, match="needs the column 'text'"):
        applied(tmp_path, "dedup", [{"id": 1}])


def test_a_column_of_another_kind_is_named(tmp_path: Path) -> None:
    """Numbers are no text."""
    source = tmp_path / "in.parquet"
    pq.write_table(pa.table({"text": pa.array([[1], [2]])}), source)
    with pytest.raises(ConfigError, match="'text' is list"):
        apply("rules", source, tmp_path / "out.parquet")


def test_broken_rows_are_quarantined_in_place(tmp_path: Path) -> None:
    """A line that is no object, or text that is no Unicode, costs that row alone."""
    lines = [{"text": CODE}, "{broken", "[1]", '{"text": "\\ud800"}', {"text": 5}, {"text": CODE}]
    for stage in ("rules", "dedup"):
        rows = applied(tmp_path, stage, lines)
        assert [row["reason"] == "quarantined" for row in rows] == [
            False,
            True,
            True,
            True,
            True,
            False,
        ]
        assert all(row["keep"] is False for row in rows[1:5])


def test_a_broken_row_of_a_stage_without_nulls_is_quarantined_in_place(tmp_path: Path) -> None:
    """A run has no page without text; an answer row for row may."""
    rows = applied(tmp_path, "extract", [{"html": "<p>Some text</p>"}, "no JSON"])
    assert [row["text"] for row in rows] == ["Some text", None]
    assert [row["keep"] for row in rows] == [True, False]


def test_bytes_that_are_no_text_are_quarantined_in_place(tmp_path: Path) -> None:
    """A binary column is text where it is UTF-8."""
    source = tmp_path / "in.parquet"
    pq.write_table(pa.table({"text": [CODE.encode(), b"\xff\xfe", None]}), source)
    report = apply("rules", source, tmp_path / "out.parquet")
    rows = read(tmp_path / "out.parquet")
    assert [row["reason"] for row in rows] == [None, "quarantined", "empty"]
    assert report.reasons["quarantined"] == 1
    assert report.errors[0].startswith("row 1: text: ")


class Fragile:
    """Raises, dies or answers, as the text says."""

    name = "fragile"
    version = 1
    libraries = ()
    Options = Options
    reads = ("text",)
    optional = ()
    schema = pa.schema([("length", pa.int64())])

    def __init__(self, options: object) -> None: ...

    def process(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        import os

        texts = batch.column("text").to_pylist()
        if "raise" in texts:
            raise ValueError("this one")
        if "die" in texts:
            os._exit(9)
        return pa.RecordBatch.from_arrays([pa.array([len(t) for t in texts])], names=["length"])


def test_a_record_that_raises_or_kills_costs_itself_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stage runs in a child; the others have their measures."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setitem(APPLIED, "fragile", "test_apply:Fragile")
    source = write_jsonl(
        tmp_path / "in.jsonl", [{"text": t} for t in ("a", "raise", "bb", "die", "ccc")]
    )
    report = apply("fragile", source, tmp_path / "out.jsonl")
    assert [row["length"] for row in read(tmp_path / "out.jsonl")] == [1, None, 2, None, 3]
    assert report.reasons == {"quarantined": 2}
    assert report.errors[0] == "row 1: ValueError: this one"


def test_a_stage_that_raises_on_every_record_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten bad rows among others are the rows' fault; ten of ten are not, and nothing is written."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setitem(APPLIED, "fragile", "test_apply:Fragile")
    out = tmp_path / "out.jsonl"
    source = write_jsonl(tmp_path / "in.jsonl", [{"text": t} for t in (*["raise"] * 10, "a")])
    assert apply("fragile", source, out).reasons == {"quarantined": 10}
    out.unlink()
    write_jsonl(source, [{"text": "raise"}] * 10)
    with pytest.raises(StageError, match="raised on all 10 records; the last: ValueError"):
        apply("fragile", source, out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("name", "out"),
    [
        ("in.jsonl", "out.jsonl.gz"),
        ("in.jsonl.gz", "out.jsonl.zst"),
        ("in.jsonl.zst", "out.parquet"),
        ("in.jsonl", "out.jsonl"),
    ],
)
def test_every_format_is_read_and_written(tmp_path: Path, name: str, out: str) -> None:
    """An answer can be the next input."""
    source = write_jsonl(tmp_path / name, [{"path": "a.py"}, {"path": "b.c"}])
    apply("language", source, tmp_path / out)
    types = {"language": pa.large_string()}
    (rows,) = read_rows(tmp_path / out, types)
    assert rows.batch.column("language").to_pylist() == ["Python", "C"]


def test_batches_are_bounded_by_rows_and_bytes(tmp_path: Path) -> None:
    """Memory does not grow with the file."""
    types = {"text": pa.large_string()}
    many = tmp_path / "many.parquet"
    pq.write_table(pa.table({"text": ["x"] * (BATCH_ROWS + 1)}), many)
    assert [rows.batch.num_rows for rows in read_rows(many, types)] == [BATCH_ROWS, 1]
    large = tmp_path / "large.parquet"
    pq.write_table(pa.table({"text": ["x" * (BATCH_BYTES // 2)] * 5}), large)
    sizes = [rows.batch.num_rows for rows in read_rows(large, types)]
    assert sum(sizes) == 5
    assert max(sizes) <= 2


def test_an_empty_input_has_an_empty_answer_with_columns(tmp_path: Path) -> None:
    """No rows are no reason to fail."""
    source = tmp_path / "in.parquet"
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), source)
    for stage in ("rules", "dedup"):
        apply(stage, source, tmp_path / "out.parquet")
        table = pq.read_table(tmp_path / "out.parquet")
        assert table.num_rows == 0
        assert table.column_names[:2] == ["keep", "reason"]


def test_dedup_names_rows_by_number_or_by_doc_id(tmp_path: Path) -> None:
    """The whole input is one group; the longer document survives."""
    twin = CODE + "\nx = 1"
    rows = applied(tmp_path, "dedup", [{"text": CODE}, {"text": twin}, {"text": "other words"}])
    assert [row["reason"] for row in rows] == ["near", None, None]
    assert rows[0]["duplicate_of"] == (1).to_bytes(16, "big")
    assert 0.85 <= rows[0]["similarity"] < 1
    ids = [f"{n:032x}" for n in (7, 8)]
    rows = applied(tmp_path, "dedup", [{"text": CODE, "doc_id": one} for one in ids])
    assert rows[1]["duplicate_of"].hex() == ids[0]
    assert rows[1]["similarity"] == 1.0
    with pytest.raises(ConfigError, match="stands for several rows"):
        applied(tmp_path, "dedup", [{"text": CODE, "doc_id": ids[0]}] * 2)
    with pytest.raises(ConfigError, match="16 bytes or 32 hex digits"):
        applied(tmp_path, "dedup", [{"text": CODE, "doc_id": "seven"}])
    with pytest.raises(ConfigError, match="in no repository"):
        applied(tmp_path, "dedup", [{"text": CODE}], "unit='repository'")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_failure_leaves_no_half_written_answer(tmp_path: Path) -> None:
    """A truncated input is an error, and an earlier answer stays as it was."""
    source = write_jsonl(tmp_path / "in.jsonl.gz", [{"text": f"{n} {CODE}"} for n in range(3000)])
    source.write_bytes(source.read_bytes()[:-2000])
    out = tmp_path / "out.parquet"
    out.write_bytes(b"earlier")
    with pytest.raises((InputError, ConfigError), match="cannot be read"):
        apply("rules", source, out)
    assert out.read_bytes() == b"earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl.gz", "out.parquet"]


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    """Stages, formats, and the input as its own answer."""
    source = write_jsonl(tmp_path / "in.jsonl", [{"text": CODE}])
    with pytest.raises(ConfigError, match="did you mean rules"):
        apply("rulez", source, tmp_path / "out.parquet")
    with pytest.raises(ConfigError, match=r"expected a name ending in \.parquet"):
        apply("rules", source, tmp_path / "out.csv")
    with pytest.raises(ConfigError, match="overwrite"):
        apply("rules", source, source)
