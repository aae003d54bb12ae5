"""`sluice stats --by`: a group for each value, and no two values in one."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.inspection.stats import grouped


def groups_of(tmp_path: Path, values: pa.Array) -> list[tuple[Any, int]]:
    """Value and documents of every group of a table's column."""
    shard = tmp_path / "run" / "github" / "documents" / "00000.parquet"
    shard.parent.mkdir(parents=True)
    sizes = pa.array([1] * len(values), pa.int64())
    pq.write_table(pa.table({"x": values, "n_bytes": sizes}), shard)
    found = grouped(tmp_path / "run", "github.documents", "x")
    return [(group["x"], group["documents"]) for group in found]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([None, "None", "None", None, "None"]), [("None", 3), (None, 2)]),
        (pa.array(["None", None]), [("None", 1), (None, 1)]),
        (pa.array(["", None, "–", "null"]), [("", 1), ("null", 1), ("–", 1), (None, 1)]),
        (pa.array([b"None", None], pa.binary()), [("4e6f6e65", 1), (None, 1)]),
        (pa.array([["None"], [None], None]), [(None, 1), (["None"], 1), ([None], 1)]),
        (pa.array([["a, b"], ["a", "b"]]), [(["a", "b"], 1), (["a, b"], 1)]),
        (pa.array([float("nan"), None, 0.0]), [(0.0, 1), (None, 1), (float("nan"), 1)]),
    ],
    ids=str,
)
def test_null_and_every_text_are_groups_of_their_own(
    values: pa.Array, expected: list[tuple[Any, int]], tmp_path: Path
) -> None:
    """The largest first, then by value."""
    assert list(map(repr, groups_of(tmp_path, values))) == list(map(repr, expected))
