"""A column's digest depends on its values alone."""

import itertools

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.storage.digest import ColumnDigests, fingerprint

SCHEMA = pa.schema(
    [
        ("flag", pa.bool_()),
        ("number", pa.float64()),
        ("text", pa.large_string()),
        ("reason", pa.dictionary(pa.int32(), pa.string())),
        ("identity", pa.binary(2)),
        ("when", pa.timestamp("us", "UTC")),
        ("spans", pa.list_(pa.struct([("start", pa.int64()), ("kind", pa.string())]))),
        ("signature", pa.list_(pa.uint32(), 2)),
    ]
)

optional = st.none
ROW = st.fixed_dictionaries(
    {
        "flag": optional() | st.booleans(),
        "number": optional() | st.floats(allow_nan=False),
        "text": optional() | st.text(max_size=4),
        "reason": optional() | st.sampled_from(["near", "exact"]),
        "identity": optional() | st.binary(min_size=2, max_size=2),
        "when": optional() | st.integers(0, 2**40),
        "spans": optional()
        | st.lists(
            st.fixed_dictionaries({"start": st.integers(0, 9), "kind": st.text(max_size=2)}),
            max_size=2,
        ),
        "signature": st.lists(st.integers(0, 9), min_size=2, max_size=2),
    }
)


def digests(rows: list[dict[str, object]], cuts: list[int]) -> dict[str, str]:
    batch = pa.RecordBatch.from_pylist(rows, schema=SCHEMA)
    result = ColumnDigests(SCHEMA)
    edges = [0, *sorted(cut % (len(rows) + 1) for cut in cuts), len(rows)]
    for start, end in itertools.pairwise(edges):
        result.update(batch.slice(start, end - start))
    return result.hexdigests()


@given(st.lists(ROW, max_size=6), st.lists(st.integers(0, 6), max_size=3))
def test_digests_do_not_depend_on_batches(rows: list[dict[str, object]], cuts: list[int]) -> None:
    """However a table is cut, its digests are the same."""
    assert digests(rows, cuts) == digests(rows, [])


@given(st.lists(ROW, min_size=1, max_size=4), st.data())
def test_a_changed_value_changes_its_column_alone(
    rows: list[dict[str, object]], data: st.DataObject
) -> None:
    """Only the digest of the column that changed is another."""
    row = data.draw(st.integers(0, len(rows) - 1))
    changed = [dict(one) for one in rows]
    changed[row]["text"] = f"{changed[row]['text']}x"
    before, after = digests(rows, []), digests(changed, [])
    assert {name for name in before if before[name] != after[name]} == {"text"}


def test_fingerprint_ignores_the_order_of_keys() -> None:
    """A fingerprint is of content, not of spelling."""
    assert fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
