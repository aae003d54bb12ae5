"""`sluice language train` on tables that users bring."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.language.training import train_on_files
from stages.errors import ConfigError, InputError
from stages.kernels.languages.model import load_table

CODE = {"Python": b"def f(x):\n    return x\n", "C": b"int f(int x) {\n  return x;\n}\n"}
SETTINGS = ["folds=2", "min_files=1"]


def table(tmp_path: Path, **columns: list[object]) -> Path:
    rows = [(name, code, f"r{k}") for name, code in CODE.items() for k in range(3)]
    names, contents, sources = (list(column) for column in zip(*rows, strict=True))
    made = {"language": names, "content": contents, "source": sources} | columns
    path = tmp_path / "files.parquet"
    pq.write_table(pa.table({name: values for name, values in made.items() if values}), path)
    return path


def test_a_table_is_trained_and_written(tmp_path: Path) -> None:
    """The file loads, and its record says what it was trained on."""
    said: list[str] = []
    out = tmp_path / "table.arrow"
    made = train_on_files(table(tmp_path), out, SETTINGS, said.append)
    loaded = load_table(out.read_bytes())
    assert loaded.classes == ("C", "Python")
    assert made.n_bytes == out.stat().st_size
    assert loaded.record["table_name"] == "files.parquet"
    assert loaded.record["files"]["n"] == 6
    assert len(said) == 3


def test_rows_without_content_or_source_are_left_out(tmp_path: Path) -> None:
    """They are counted."""
    path = table(tmp_path, source=["r0", "r1", None, "r0", "r1", "r2"])
    assert train_on_files(path, tmp_path / "t", SETTINGS, lambda _: None).n_left_out == 1


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ({"content": []}, ConfigError, "needs the column 'content' or 'text'"),
        ({"source": []}, ConfigError, "needs the column 'source'"),
        ({"language": ["Pythn"] * 6}, InputError, "'Pythn' is none of the 338 languages"),
        ({"language": ["C"] * 6}, InputError, "files.parquet: files of at least two languages"),
    ],
)
def test_what_no_table_can_be_made_of(
    tmp_path: Path, columns: dict[str, list[object]], error: type[Exception], message: str
) -> None:
    """The message names the table, what is wrong and what to do."""
    with pytest.raises(error, match=message):
        train_on_files(table(tmp_path, **columns), tmp_path / "t", SETTINGS, lambda _: None)
    assert not (tmp_path / "t").exists()
