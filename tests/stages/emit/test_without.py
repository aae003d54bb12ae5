"""Documents are cut out of samples that are written."""

from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from schemas.identity import doc_id
from schemas.shards import SHARDS
from stages.emit.files import WriteSamples
from stages.emit.placement import order_hash
from stages.emit.samples import ORDER
from stages.emit.without import WithoutDocuments, without

SEED = 3


def sample(number: int, lengths: list[int]) -> dict[str, Any]:
    parts, tokens = [], []
    for index, length in enumerate(lengths):
        parts.append(
            {
                "doc_id": doc_id(f"{number}/{index}"),
                "uri": f"{number}/{index}",
                "language": "Python",
                "license": None,
                "start": len(tokens),
                "n_tokens": length,
            }
        )
        tokens += [1000 * number + 10 * index + n for n in range(length)]
    return {
        "sample_id": doc_id(f"sample {number}"),
        "source": "code",
        "split": "train",
        "tokens": tokens,
        "n_tokens": len(tokens),
        "parts": parts,
    }


def written(rows: list[dict[str, Any]]) -> list[pa.RecordBatch]:
    """The row groups that emit writes of these samples."""
    rows = sorted(rows, key=lambda row: order_hash(SEED, row["sample_id"]))
    schema = pa.schema([pa.field(ORDER, pa.uint64(), nullable=False), *SHARDS])
    orders = [{ORDER: order_hash(SEED, row["sample_id"]), **row} for row in rows]
    batches = [pa.RecordBatch.from_pylist([row], schema=schema) for row in orders]
    return list(WriteSamples(row_group_bytes=1500)(iter(batches)))


def rest_of(row: dict[str, Any], removed: set[bytes]) -> dict[str, Any] | None:
    """A sample without some parts, the long way."""
    parts: list[dict[str, Any]] = []
    tokens: list[int] = []
    for part in row["parts"]:
        if part["doc_id"] not in removed:
            own = row["tokens"][part["start"] : part["start"] + part["n_tokens"]]
            parts.append({**part, "start": len(tokens)})
            tokens += own
    return {**row, "parts": parts, "tokens": tokens, "n_tokens": len(tokens)} if parts else None


@given(
    st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=4), min_size=1, max_size=20),
    st.data(),
)
def test_a_cut_file_is_the_file_of_the_rest(lengths: list[list[int]], data: st.DataObject) -> None:
    """Rows, order and row groups are those that emit makes of the samples that remain."""
    rows = [sample(number, each) for number, each in enumerate(lengths)]
    ids = [part["doc_id"] for row in rows for part in row["parts"]]
    removed = frozenset(data.draw(st.sets(st.sampled_from(ids))))
    step = WithoutDocuments(WriteSamples(row_group_bytes=1500), SEED, removed)
    cut = [group for group in step(iter(written(rows))) if group.num_rows]
    rest = [one for row in rows if (one := rest_of(row, set(removed))) is not None]
    assert [group.to_pylist() for group in cut] == [group.to_pylist() for group in written(rest)]


def test_untouched_samples_are_handed_on() -> None:
    """Nothing is copied where nothing is named."""
    (group, *_) = written([sample(1, [5])])
    assert without(group, frozenset({doc_id("another")})) is group
