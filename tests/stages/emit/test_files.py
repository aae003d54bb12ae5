import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.identity import doc_id
from schemas.shards import SHARDS
from stages.emit.files import PART_BYTES, WriteSamples
from stages.emit.placement import order_hash
from stages.emit.samples import ORDER, TokenizeSamples
from stages.emit.spool import TokenSpool


def batch_of(lengths: list[int], first: int) -> pa.RecordBatch:
    rows = []
    for number, length in enumerate(lengths, first):
        sample_id = doc_id(str(number))
        order = order_hash(0, sample_id)
        part = {"doc_id": sample_id, "uri": str(number), "start": 0, "n_tokens": length}
        rows.append(
            {
                ORDER: order,
                "sample_id": sample_id,
                "source": "text",
                "split": "train",
                "tokens": list(range(length)),
                "n_tokens": length,
                "parts": [part],
            }
        )
    rows.sort(key=lambda row: row[ORDER] >> 56)
    return pa.RecordBatch.from_pylist(rows, TokenizeSamples.schema)


def shuffled(lengths: list[int], width: int) -> list[pa.RecordBatch]:
    table = pa.Table.from_batches([batch_of(lengths, 0)])
    return table.to_batches(max_chunksize=width)


@settings(deadline=None)
@given(st.lists(st.integers(0, 40), max_size=120), st.integers(1, 50), st.integers(1, 4000))
def test_row_groups_are_sorted_and_bounded(lengths: list[int], width: int, limit: int) -> None:
    """Rows come out sorted by hash, whole, in row groups no larger than the limit unless a
    single sample is."""
    groups = list(WriteSamples(limit)(iter(shuffled(lengths, width))))
    rows = [row for group in groups for row in group.to_pylist()]
    ids = [doc_id(str(number)) for number in range(len(lengths))]
    assert [row["sample_id"] for row in rows] == sorted(ids, key=lambda i: order_hash(0, i))
    for row in rows:
        assert row["tokens"] == list(range(row["n_tokens"]))
        assert row["parts"][0]["n_tokens"] == row["n_tokens"]
    for group in groups:
        assert group.schema == SHARDS
        size = sum(row["n_tokens"] * 4 + PART_BYTES for row in group.to_pylist())
        assert size <= limit or group.num_rows == 1


def test_an_equal_hash_is_ordered_by_sample_id() -> None:
    """Two samples of one hash are sorted by identity, whatever order they came in."""
    batch = batch_of([1, 2, 3, 4], 0)
    orders = pa.array(np.zeros(4, np.uint64))
    same = batch.set_column(0, batch.schema.field(ORDER), orders)
    for rows in ([0, 1, 2, 3], [3, 1, 0, 2]):
        (group,) = WriteSamples()(iter([same.take(pa.array(rows))]))
        found = group.column("sample_id").to_pylist()
        assert found == sorted(found)


@pytest.mark.parametrize("max_bytes", [1, 1 << 20])
def test_a_spool_gives_back_what_was_put_in(max_bytes: int) -> None:
    """Tokens come back in any order, from memory as from disk."""
    arrays = [np.arange(n, dtype=np.uint32) for n in (5, 0, 300, 1)]
    with TokenSpool(max_bytes) as spool:
        places = [spool.append(ids) for ids in arrays]
        for i in (2, 0, 3, 1):
            assert np.array_equal(spool.read(places[i]), arrays[i])
        again = spool.append(arrays[2])
        assert np.array_equal(spool.read(again), arrays[2])
