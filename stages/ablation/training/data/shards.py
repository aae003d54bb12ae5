"""Parquet shards as a trainer reads them: row groups, split into units that streams take in turn.

Shards are already in random order (hash of seed and sample), so nothing is shuffled but the order
of the units, anew in every epoch. A unit is a row group, or an equal slice of one where there are
fewer than two row groups per stream. A stream holds one unit of each source (row groups are at most
64 MiB of tokens); streams that read slices of one row group share it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from stages.ablation.training.data.fim import Ids
from stages.errors import InputError

COLUMNS = ("sample_id", "split", "tokens")
UNITS_PER_STREAM = 2


class Unit(NamedTuple):
    """Rows [first, first + n_rows) of a row group."""

    file: int
    row_group: int
    first: int
    n_rows: int


@dataclass(frozen=True, weakref_slot=True, slots=True)
class RowGroup:
    """The rows of a row group that can be trained on."""

    rows: npt.NDArray[np.int64]
    """Their numbers in the row group, rising."""
    sample_ids: list[bytes]
    offsets: npt.NDArray[np.int64]
    """[rows + 1] into tokens."""
    tokens: Ids


class ShardSource:
    """The shards of one source, cut into units for `n_streams`."""

    def __init__(
        self, name: str, paths: Sequence[str], split: str, vocabulary: int, n_streams: int
    ) -> None:
        self.name = name
        self.files = list_shards(name, paths)
        self._split = split
        self._vocabulary = vocabulary
        self._loaded: WeakValueDictionary[tuple[int, int], RowGroup] = WeakValueDictionary()
        groups = []
        marks = xxhash.xxh3_64()
        for number, path in enumerate(self.files):
            metadata = _open(path).metadata
            sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
            groups += [(number, i, size) for i, size in enumerate(sizes)]
            marks.update(f"{path.name} {path.stat().st_size} {sizes}\n".encode())
        self.digest = marks.hexdigest()
        """Changes with the names, sizes and row groups of the files."""
        slices = -(-UNITS_PER_STREAM * n_streams // max(len(groups), 1))
        self.units = [unit for group in groups for unit in _slices(*group, slices)]
        if not self.units:
            raise InputError(f"source {name}: its {len(self.files)} shards have no rows")

    def load(self, unit: Unit) -> RowGroup:
        """The row group of a unit; read once for all who hold it at the same time."""
        key = unit.file, unit.row_group
        group = self._loaded.get(key)
        if group is None:
            group = self._read(*key)
            self._loaded[key] = group
        return group

    def require_rows(self) -> None:
        """Raises InputError if no shard has a row of the split: streams would look for ever."""
        if not any(count_tokens([path], self._split) for path in self.files):
            raise InputError(
                f"source {self.name}: no rows of split {self._split!r} in its {len(self.files)} "
                f"shards, the first {self.files[0]}"
            )

    def _read(self, file: int, row_group: int) -> RowGroup:
        path = self.files[file]
        table = _read_columns(path, row_group)
        lengths = pc.fill_null(pc.list_value_length(table["tokens"]), 0)
        usable = pc.and_(pc.equal(table["split"], self._split), pc.greater(lengths, 0))
        rows = np.flatnonzero(usable.to_numpy())
        kept = table.filter(usable).combine_chunks()
        lists = kept["tokens"].combine_chunks()
        tokens = lists.flatten().to_numpy()
        if tokens.size and tokens.max() >= self._vocabulary:
            raise InputError(
                f"{path}, row group {row_group}: token id {tokens.max():,} does not fit the "
                f"model's vocabulary of {self._vocabulary:,}"
            )
        sizes = pc.list_value_length(lists).to_numpy()
        offsets = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        return RowGroup(rows, kept["sample_id"].to_pylist(), offsets, tokens)


def list_shards(name: str, paths: Sequence[str]) -> list[Path]:
    """The Parquet files of a source; a folder stands for its *.parquet, in order of name."""
    files: list[Path] = []
    for text in paths:
        path = Path(text)
        found = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
        if not found or not found[0].is_file():
            raise InputError(f"source {name}: no Parquet shards at {path}")
        files += found
    return files


def count_tokens(files: Sequence[Path], split: str) -> int:
    """Tokens of a split, from `n_tokens` alone; what a mixture by size takes as weight."""
    total = 0
    for path in files:
        for row_group in range(_open(path).metadata.num_row_groups):
            table = _read_columns(path, row_group, ("split", "n_tokens"))
            mine = table.filter(pc.equal(table["split"], split))
            total += pc.sum(mine["n_tokens"]).as_py() or 0
    return total


def _slices(file: int, row_group: int, n_rows: int, n_slices: int) -> Iterator[Unit]:
    edges = [n_rows * i // n_slices for i in range(n_slices + 1)]
    for first, end in pairwise(edges):
        if end > first:
            yield Unit(file, row_group, first, end - first)


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path}: not a Parquet shard: {error}") from error


def _read_columns(path: Path, row_group: int, columns: Sequence[str] = COLUMNS) -> pa.Table:
    with _open(path) as file:
        missing = set(columns) - set(file.schema_arrow.names)
        if missing:
            raise InputError(f"{path}: no column {', '.join(sorted(missing))}: not a shard")
        try:
            return file.read_row_group(row_group, columns=list(columns))
        except (OSError, pa.ArrowInvalid) as error:
            raise InputError(f"{path}, row group {row_group}: {error}") from error
