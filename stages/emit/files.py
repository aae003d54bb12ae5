"""Sorts the samples of one shard file and cuts them into row groups: the last step of emit.

A file's partitions come in ascending order, so one partition at a time is sorted: memory is one
partition's tokens (a file of 256 MiB at most, or 1/256 of a set above 64 GiB) and one row group.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.shards import SHARDS, TEXT
from stages.contract import Batches, NamesFiles
from stages.emit.placement import PARTITION_BITS
from stages.emit.samples import ORDER
from stages.kernels.bpe.tokenizer import load_tokenizer

ROW_GROUP_BYTES = 64 << 20
PART_BYTES = 256
"""Allowance for one entry of `parts`."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class WriteSamples:
    """Yields the row groups of a file in the order of the samples' hash; with a tokenizer, also
    their text, decoded from the tokens."""

    row_group_bytes: int = ROW_GROUP_BYTES
    tokenizer: Annotated[str | None, NamesFiles()] = None
    tokenizer_hash: str | None = None

    @property
    def schema(self) -> pa.Schema:
        return SHARDS if self.tokenizer is None else SHARDS.append(TEXT)

    def __call__(self, batches: Batches) -> Batches:
        for group in self._row_groups(batches):
            yield group if self.tokenizer is None else self._with_text(group)

    def _with_text(self, group: pa.RecordBatch) -> pa.RecordBatch:
        assert self.tokenizer is not None
        tokenizer = load_tokenizer(self.tokenizer, self.tokenizer_hash)
        lists = group.column("tokens")
        ids, ends = lists.values.to_numpy(), lists.offsets.to_numpy()
        texts = [tokenizer.decode(ids[start:end]) for start, end in pairwise(ends)]
        return group.append_column(TEXT, pa.array(texts, TEXT.type))

    def _row_groups(self, batches: Batches) -> Batches:
        pending: list[pa.RecordBatch] = []
        n_bytes = 0
        for batch in self._sorted(batches):
            size = int(_row_bytes(batch).sum())
            if pending and n_bytes + size > self.row_group_bytes:
                yield _joined(pending)
                pending, n_bytes = [], 0
            pending.append(batch)
            n_bytes += size
        if pending:
            yield _joined(pending)

    def _sorted(self, batches: Batches) -> Batches:
        """Batches in order, of a row group or less each, or of a single larger sample."""
        for partition in _partitions(batches):
            order = np.concatenate([batch.column(ORDER).to_numpy() for batch in partition])
            identity = np.concatenate([_words(batch.column("sample_id")) for batch in partition])
            places = np.lexsort((identity[:, 1], identity[:, 0], order))
            sizes = np.concatenate([_row_bytes(batch) for batch in partition])[places]
            for start, end in _runs(sizes, self.row_group_bytes):
                yield _gathered(partition, places[start:end])


def _partitions(batches: Batches) -> Iterator[list[pa.RecordBatch]]:
    """The batches of one partition after another; a batch may span several."""
    held: list[pa.RecordBatch] = []
    current = -1
    for batch in batches:
        tops = batch.column(ORDER).to_numpy() >> np.uint64(64 - PARTITION_BITS)
        starts = np.flatnonzero(np.diff(tops, prepend=tops[:1])).tolist()
        for start, end in zip([0, *starts], [*starts, len(tops)], strict=True):
            if start == end:
                continue
            if tops[start] != current and held:
                yield held
                held = []
            current = tops[start]
            held.append(batch.slice(start, end - start))
    if held:
        yield held


def _gathered(batches: list[pa.RecordBatch], places: Indices) -> pa.RecordBatch:
    """Rows by their place in the sequence of batches. Rows are taken batch by batch, because a
    partition as one array could exceed the 2^31 tokens that list offsets can count."""
    firsts = np.cumsum([0, *(batch.num_rows for batch in batches)])
    owners = np.searchsorted(firsts, places, side="right") - 1
    grouped = np.argsort(owners, kind="stable")
    taken = [
        batches[owner].select(SHARDS.names).take(pa.array(places[owners == owner] - firsts[owner]))
        for owner in np.unique(owners).tolist()
    ]
    back = np.empty(len(places), np.int64)
    back[grouped] = np.arange(len(places))
    return _joined(taken).take(pa.array(back))


def _joined(batches: Iterable[pa.RecordBatch]) -> pa.RecordBatch:
    return pa.concat_batches([batch.cast(SHARDS) for batch in batches])


def _row_bytes(batch: pa.RecordBatch) -> Indices:
    """About what each row takes in a row group."""
    n_parts: Indices = batch.column("parts").value_lengths().to_numpy().astype(np.int64)
    n_bytes: Indices = batch.column("n_tokens").to_numpy() * 4 + n_parts * PART_BYTES
    return n_bytes


def _runs(sizes: Indices, limit: int) -> Iterator[tuple[int, int]]:
    """Consecutive rows whose sizes sum to at most `limit`, or a single larger row."""
    start, total = 0, 0
    for i, size in enumerate(sizes.tolist()):
        if i > start and total + size > limit:
            yield start, i
            start, total = i, 0
        total += size
    if len(sizes):
        yield start, len(sizes)


def _words(identities: pa.Array) -> npt.NDArray[np.uint64]:
    """16-byte identities as two big-endian numbers each, which sort like the bytes."""
    stored = np.frombuffer(identities.buffers()[1], ">u8").reshape(-1, 2)
    words: npt.NDArray[np.uint64] = stored.astype(np.uint64)
    return words[identities.offset : identities.offset + len(identities)]
