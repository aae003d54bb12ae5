"""`sluice stats --by`: a group for each value, and no two values in one."""

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.inspection.grouping import grouped
from stages.errors import ConfigError


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


@pytest.mark.parametrize(
    ("table", "column", "message"),
    [
        ("github.rules", "accepted", "`sluice stats RUN github.dedup_pairs --by accepted`"),
        ("github.rules", "n_line", "did you mean n_lines?"),
        ("shards.code", "tokens", "have no groups; n_tokens says how long they are"),
        ("shards.code", "parts", "have no groups"),
        ("github.redact", "spans", "have no groups"),
    ],
)
def test_what_cannot_group_is_told(table: str, column: str, message: str, tmp_path: Path) -> None:
    """Columns of tables with other rows, lists of numbers and of structs, names that are none."""
    row = pa.table({"n_bytes": [1], "n_lines": [1], "keep": [True], "reason": [None]})
    ids = pa.array([[1]], pa.list_(pa.uint32()))
    parts = pa.array([[{"start": 0}]])
    shard = pa.table({"tokens": ids, "n_tokens": [1], "parts": parts})
    for folder, content in {
        "github/documents": row,
        "github/rules": row,
        "github/redact": row.append_column("spans", parts),
        "github/dedup/pairs": pa.table({"accepted": [True]}),
        "shards/code": shard,
    }.items():
        (tmp_path / folder).mkdir(parents=True)
        pq.write_table(content, tmp_path / folder / "00000.parquet")
    with pytest.raises(ConfigError, match=re.escape(message)):
        grouped(tmp_path, table, column)
