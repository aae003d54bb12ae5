"""Where a sample goes: its shard set, its place in the order, its split, its file.

Samples are ordered over a whole shard set by a hash of their identity, so any prefix of a set is a
fair sample of it. Each split has files of its own (`train-00000.parquet`), so that whoever opens
those of `train` has no held-out sample, by their names alone. The top eight bits of the hash are
the partition of the shuffle: 256 partitions a set and split, and a file is a run of consecutive
partitions, so files can be chosen after the sizes are known and still be in order.

The split is drawn with a key of its own kind, so held-out samples are spread evenly over the
order. On GitHub it is drawn by repository for every shard set alike: a file that is held out as
code must not be trained on as code-quality, nor its README as text. On the web it is drawn by
dedup cluster, else by domain.
"""

from collections.abc import Iterator, Mapping, Sequence

from schemas.identity import seeded_hash
from schemas.shards import SPLITS, file_name
from stages.contract import Output

PARTITION_BITS = 8
N_PARTITIONS = 1 << PARTITION_BITS
"""Partitions of one shard set and split: the most files it can have."""

SPLIT_DRAW = b"split:"


def order_hash(seed: int, sample_id: bytes) -> int:
    """The place of a sample in its shard set: samples are sorted by this 64-bit number."""
    return seeded_hash(seed, sample_id)


def partition_of(sets: Sequence[str], shard_set: str, split: str, order: int) -> int:
    """The partition of the shuffle for a sample of one of these sets with this order hash."""
    group = sets.index(shard_set) * len(SPLITS) + SPLITS.index(split)
    return group * N_PARTITIONS + (order >> (64 - PARTITION_BITS))


def split_of(seed: int, key: bytes, heldout_rate: float) -> str:
    """`heldout` for a share `heldout_rate` of keys, else `train`."""
    train, heldout = SPLITS
    drawn = seeded_hash(seed, SPLIT_DRAW + key)
    return heldout if drawn < int(heldout_rate * (1 << 64)) else train


def github_sets(kind: str, recalled: Sequence[str] | None) -> tuple[str, ...]:
    """The shard sets of a GitHub document: code or text, and code-quality if it was recalled."""
    base = "code" if kind == "source" else "text"
    return (base, "code-quality") if recalled else (base,)


def files_of(
    sets: Sequence[str], sizes: Mapping[int, tuple[int, int]], shard_bytes: int
) -> list[Output]:
    """The files of every set and split: a power of two of them, so that each has about
    `shard_bytes` or less, at most 256. They are numbered through a set, training files first. A set
    without samples has no file; files without samples are left out."""
    outputs = []
    for index, shard_set in enumerate(sets):
        runs = []
        for place, split in enumerate(SPLITS):
            base = (index * len(SPLITS) + place) * N_PARTITIONS
            runs += [(split, run) for run in _runs(base, sizes, shard_bytes)]
        outputs += [
            Output(f"shards/{shard_set}/{file_name(split, number)}", run)
            for number, (split, run) in enumerate(runs)
        ]
    return outputs


def _runs(
    base: int, sizes: Mapping[int, tuple[int, int]], shard_bytes: int
) -> Iterator[tuple[int, ...]]:
    """The partitions of each file, of the 256 from `base` on."""
    present = [base + i for i in range(N_PARTITIONS) if base + i in sizes]
    n_bytes = sum(sizes[partition][1] for partition in present)
    n_files = 1
    while n_files < N_PARTITIONS and n_bytes > n_files * shard_bytes:
        n_files *= 2
    width = N_PARTITIONS // n_files
    for start in range(0, N_PARTITIONS, width):
        if run := tuple(p for p in present if start <= p - base < start + width):
            yield run
