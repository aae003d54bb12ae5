"""The rows of one split of a row group, as the writers of an export take them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stages.kernels.bpe.encoder import Ids


@dataclass(frozen=True)
class Samples:
    """Rows that have tokens: row i has `tokens[offsets[i]:offsets[i + 1]]`. `described` has the
    other columns of the shard."""

    offsets: npt.NDArray[np.int64]
    tokens: Ids
    described: pa.RecordBatch

    def reaching(self, n_tokens: int) -> "Samples":
        """The first rows, up to the one with which there are `n_tokens`, or all."""
        n_rows = int(np.searchsorted(self.offsets[:-1], n_tokens))
        tokens = self.tokens[: self.offsets[n_rows]]
        return Samples(self.offsets[: n_rows + 1], tokens, self.described.slice(0, n_rows))

    def ended_with(self, token: int) -> "Samples":
        """The same, every row that does not end with the token having it appended."""
        open_rows = self.tokens[self.offsets[1:] - 1] != token
        tokens = np.insert(self.tokens, self.offsets[1:][open_rows], np.uint32(token))
        offsets = self.offsets + np.concatenate([[0], np.cumsum(open_rows)])
        return Samples(offsets, tokens, self.described)


def samples_of(batch: pa.RecordBatch, split: str) -> Samples:
    """The rows of a split, those without tokens left out: trainers refuse or skip them."""
    lengths = pc.fill_null(pc.list_value_length(batch.column("tokens")), 0)
    rows = batch.filter(pc.and_(pc.equal(batch.column("split"), split), pc.greater(lengths, 0)))
    lists = rows.column("tokens")
    sizes = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    return Samples(offsets, lists.flatten().to_numpy(), rows.drop_columns(["tokens"]))


class Writer(Protocol):
    """Writes the samples of one split of one shard set."""

    def write(self, samples: Samples) -> None:
        """Take a row group's samples."""

    def close(self) -> None:
        """Finish the files; they are durable then."""


@dataclass(frozen=True)
class Target:
    """Where a writer writes (a path without its suffix), and whose tokens."""

    stem: Path
    tokenizer: Path
    vocabulary_size: int

    def path(self, suffix: str) -> Path:
        """The file of this suffix."""
        return self.stem.with_name(self.stem.name + suffix)


def slices(samples: Samples, n_rows: int) -> Iterator[tuple[int, int]]:
    """Runs of at most `n_rows` rows: first and end."""
    total = len(samples.offsets) - 1
    for first in range(0, total, n_rows):
        yield first, min(first + n_rows, total)
