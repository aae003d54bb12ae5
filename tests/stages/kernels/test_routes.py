"""Routes send whole rows by their own values alone."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.contract import PARTITION
from stages.kernels.routes import ByHash, ByNumber, Destination, Route, ToOne

SCHEMA = pa.schema(
    [("left", pa.int64()), ("right", pa.int64()), ("key", pa.binary(16)), ("absent", pa.string())]
)
DESTINATIONS = [ToOne(), ByHash(("left",), 7), ByHash(("left", "right"), 7)]
ROWS = st.lists(
    st.tuples(st.integers(0, 2**62), st.integers(0, 2**62), st.binary(min_size=16, max_size=16)),
    min_size=1,
    max_size=20,
)


def batch_of(rows: list[tuple[int, int, bytes]]) -> pa.RecordBatch:
    left, right, key = zip(*rows, strict=True)
    return pa.record_batch(
        [pa.array(left, pa.int64()), pa.array(right, pa.int64()), pa.array(key, pa.binary(16))],
        names=["left", "right", "key"],
    )


@pytest.mark.parametrize("to", DESTINATIONS, ids=lambda to: type(to).__name__)
@given(rows=ROWS)
def test_a_row_goes_the_same_way_whatever_stands_beside_it(
    to: Destination, rows: list[tuple[int, int, bytes]]
) -> None:
    """Together or alone, and whole: a column that a batch lacks is null."""
    (together,) = Route(SCHEMA, to)(iter([batch_of(rows)]))
    alone = [next(Route(SCHEMA, to)(iter([batch_of([row])]))) for row in rows]
    assert together.equals(pa.Table.from_batches(alone).combine_chunks().to_batches()[0])
    assert together.drop_columns([PARTITION]).schema.equals(SCHEMA)
    assert together.column("absent").null_count == len(rows)
    assert max(together.column(PARTITION).to_pylist()) < 7


def test_numbers_name_their_reducer() -> None:
    """As they are, or without their lowest bits."""
    batch = batch_of([(5 << 40 | 3, 0, bytes(16)), (1, 2, bytes(16))])
    shifted, plain = ByNumber("left", 40)(batch), ByNumber("right")(batch)
    np.testing.assert_array_equal(shifted, [5, 0])
    np.testing.assert_array_equal(plain, [0, 2])


def test_rows_below_the_least_value_are_not_sent() -> None:
    """The least value itself is."""
    batch = batch_of([(left, 0, bytes(16)) for left in (1, 2, 3)])
    (sent,) = Route(SCHEMA, ToOne(), ("left", 2))(iter([batch]))
    assert sent.column("left").to_pylist() == [2, 3]
