"""Why of two duplicates one was kept."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.inspection.preferred import why
from stages.dedup.preference import COLUMNS, GITHUB, WEB, ranks

START = datetime(2020, 1, 1, tzinfo=UTC)
TIMES = st.one_of(
    st.none(), st.integers(0, 3).map(lambda n: START + timedelta(milliseconds=700 * n))
)
DOCUMENTS = st.fixed_dictionaries(
    {
        "license": st.sampled_from([None, "", "MIT", "ISC"]),
        "stars": st.sampled_from([None, 0, 1, 2]),
        "repo_created_at": TIMES,
        "crawled_at": TIMES,
        "n_bytes": st.integers(0, 2),
        "doc_id": st.integers(0, 2).map(lambda n: bytes([n]) * 16),
    }
)
SCHEMA = pa.schema(
    [
        pa.field("license", pa.string()),
        pa.field("stars", pa.int64()),
        pa.field("repo_created_at", pa.timestamp("us", "UTC")),
        pa.field("crawled_at", pa.timestamp("us", "UTC")),
        pa.field("n_bytes", pa.int64()),
        pa.field("doc_id", pa.binary(16)),
    ]
)


@pytest.mark.parametrize("order", [GITHUB, WEB])
@given(one=DOCUMENTS, other=DOCUMENTS)
def test_there_is_a_reason_for_whom_dedup_prefers(
    order: str, one: dict[str, Any], other: dict[str, Any]
) -> None:
    """And none for the other one."""
    batch = pa.RecordBatch.from_pylist([one, other], schema=SCHEMA)
    high, low = ranks(batch, order)
    first, second = zip(high.tolist(), low.tolist(), strict=True)
    columns = COLUMNS[order]
    assert (first < second) == (why(columns, one, other) is not None)
    assert (second < first) == (why(columns, other, one) is not None)


@pytest.mark.parametrize(
    ("column", "kept", "dropped", "expected"),
    [
        ("license", "MIT", "", "it has a licence (MIT), the other none"),
        ("stars", 12_000, None, "12,000 stars, the other unknown"),
        (
            "repo_created_at",
            START,
            START + timedelta(days=1),
            "created 2020-01-01 00:00:00, the other 2020-01-02 00:00:00",
        ),
        ("n_bytes", 20, 10, "20 bytes, the other 10"),
        ("doc_id", b"a" * 16, b"b" * 16, "all else being equal, its doc_id is the smaller"),
    ],
)
def test_the_reason_is_what_tells_them_apart(
    column: str, kept: object, dropped: object, expected: str
) -> None:
    """The first of the order that differs."""
    same = {
        "license": None,
        "stars": 1,
        "repo_created_at": START,
        "n_bytes": 1,
        "doc_id": b"c" * 16,
    }
    found = why(COLUMNS[GITHUB], {**same, column: kept}, {**same, column: dropped})
    assert found == expected
