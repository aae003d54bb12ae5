"""What dedup promises is checked after every run."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.inspection.invariants import check_duplicates
from pipeline.storage.receipts import Receipt
from pipeline.storage.storage import LocalStorage
from schemas.dedup import DEDUP_DECISIONS
from schemas.verdicts import verdict_table

A, B, C = (bytes([n]) * 16 for n in range(3))
KEPT = {"keep": True, "doc_id": A, "cluster": A}
NEAR = {
    "keep": False,
    "reason": "near",
    "doc_id": B,
    "duplicate_of": A,
    "similarity": 0.9,
    "cluster": A,
}


def problems(tmp_path: Path, *rows: dict[str, Any]) -> list[str]:
    folder = tmp_path / "github/dedup"
    folder.mkdir(parents=True)
    schema = verdict_table(DEDUP_DECISIONS)
    names = {name: [row.get(name) for row in rows] for name in schema.names}
    arrays = [
        pa.array(names[field.name], pa.string()).dictionary_encode().cast(field.type)
        if pa.types.is_dictionary(field.type)
        else pa.array(names[field.name], field.type)
        for field in schema
    ]
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), folder / "00000.parquet")
    receipt = Receipt("github.dedup", "00000", "00000.parquet", {}, len(rows), 0, 0, "", {})
    found = check_duplicates(LocalStorage(tmp_path), "github", {"00000": receipt}, 0.85)
    return [problem.message for problem in found]


def test_a_sound_table_has_no_problems(tmp_path: Path) -> None:
    """A near-duplicate at 0.9 of a kept document is what dedup promises."""
    assert problems(tmp_path, KEPT, NEAR) == []


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({**NEAR, "duplicate_of": C}, "1 duplicates of documents that were not kept"),
        ({**NEAR, "duplicate_of": None}, "1 dropped documents repeat nothing"),
        ({**NEAR, "similarity": 0.84}, "1 near-duplicates below the threshold"),
        ({**NEAR, "similarity": None}, "1 near-duplicates below the threshold"),
    ],
)
def test_a_broken_promise_is_named(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    """Each promise has its message, with the number of rows that break it."""
    assert problems(tmp_path, KEPT, row) == [message]
