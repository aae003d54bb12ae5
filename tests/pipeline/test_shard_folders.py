"""Programs that people have open the product as it lies there."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from pipeline.run import run
from tests.pipeline.conftest import configured, read_shards


@pytest.fixture(scope="module")
def shards(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The product of a run in which both splits have samples, in several files."""
    folder = tmp_path_factory.mktemp("product") / "run"
    wanted = ("emit.heldout_rate=0.4", "emit.shard_bytes=20000")
    run(configured(inputs, folder, *wanted), address="local")
    return folder / "shards"


def polars(folder: Path) -> int:
    library = pytest.importorskip("polars")
    return len(library.read_parquet(folder))


READERS: dict[str, Callable[[Path], int]] = {
    "pyarrow": lambda folder: pq.read_table(folder).num_rows,
    "pyarrow.dataset": lambda folder: ds.dataset(folder, format="parquet").count_rows(),
    "pandas": lambda folder: len(pd.read_parquet(folder)),
    "duckdb": lambda folder: len(duckdb.sql(f"from '{folder}/*.parquet'").fetchall()),
    "polars": polars,
}


@pytest.mark.parametrize("reader", READERS)
def test_a_shard_folder_is_a_table(shards: Path, reader: str) -> None:
    """Every row of a set, and no other file in the way."""
    for folder in (shards / "code", shards / "natural"):
        assert READERS[reader](folder) == read_shards(folder).num_rows > 0


def test_files_are_of_one_split(shards: Path) -> None:
    """A file's name tells the split of every sample in it, and numbers tell files apart."""
    for folder in (shards / "code", shards / "natural"):
        files = sorted(folder.iterdir())
        assert len({path.stem[-5:] for path in files}) == len(files)
        for path in files:
            (split,) = set(pq.read_table(path, columns=["split"])["split"].to_pylist())
            assert path.name.startswith(f"{split}-")
        assert {path.name.partition("-")[0] for path in files} == {"train", "heldout"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_datasets_opens_the_product(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card makes splits of the splits; a set's folder alone gives the training samples."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    rows = read_shards(shards / "code", ["split"])["split"].to_pylist()
    whole = datasets.load_dataset(str(shards), cache_dir=str(tmp_path / "whole"))
    assert {split: len(part) for split, part in whole.items()} == Counter(rows)
    for split, part in whole.items():
        assert set(part["split"]) == {split}
    alone = datasets.load_dataset(str(shards / "code"), cache_dir=str(tmp_path / "alone"))
    assert set(alone["train"]["split"]) == {"train"}
