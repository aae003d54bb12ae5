from hypothesis import given
from hypothesis import strategies as st

from schemas.shards import GITHUB_SETS, SPLITS, split_of_file
from stages.emit.placement import files_of, order_hash, partition_of

SIZES = st.dictionaries(
    st.integers(0, 6 * 256 - 1), st.tuples(st.integers(1, 99), st.integers(1, 1 << 30))
)


@given(SIZES, st.integers(1, 1 << 40))
def test_every_partition_is_in_one_file_of_its_set(
    sizes: dict[int, tuple[int, int]], shard_bytes: int
) -> None:
    """Files cover the partitions that have rows once, in ascending order, numbered densely, and
    each is of one split, which its name tells."""
    sets = ("code-web", "math-web", "natural")
    outputs = files_of(sets, sizes, shard_bytes)
    assert [p for output in outputs for p in output.partitions] == sorted(sizes)
    for index, shard_set in enumerate(sets):
        mine = [o for o in outputs if o.path.startswith(f"shards/{shard_set}/")]
        names = [output.path.rpartition("/")[2] for output in mine]
        assert [name[-13:] for name in names] == [f"{n:05d}.parquet" for n in range(len(mine))]
        for place, split in enumerate(SPLITS):
            own = [o for o, name in zip(mine, names, strict=True) if split_of_file(name) == split]
            group = 2 * index + place
            assert all(p // 256 == group for output in own for p in output.partitions)
            assert len(own) <= 256


def test_a_small_set_is_one_file_and_a_large_one_many() -> None:
    """The number of files is the power of two that brings the mean under the limit."""
    even = dict.fromkeys(range(256), (1, 100))
    assert len(files_of(GITHUB_SETS, even, 25_600)) == 1
    assert len(files_of(GITHUB_SETS, even, 25_599)) == 2
    assert len(files_of(GITHUB_SETS, even, 8_000)) == 4
    assert len(files_of(GITHUB_SETS, even, 1)) == 256


@given(st.binary(min_size=16, max_size=16), st.integers(0, 9))
def test_the_partition_is_the_top_of_the_order(sample_id: bytes, seed: int) -> None:
    """Sorting by partition and by order hash agree."""
    order = order_hash(seed, sample_id)
    assert partition_of(GITHUB_SETS, "text", "train", order) == 1024 + (order >> 56)
    assert partition_of(GITHUB_SETS, "text", "heldout", order) == 1280 + (order >> 56)
