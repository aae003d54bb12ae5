"""Judgements on verdicts: which count, and how many more are needed."""

import datetime
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.inspection.audit import (
    ErrorRate,
    error_rates,
    last_judgements,
    read_audit,
    wilson,
    write_audit,
)
from pipeline.inspection.verify import verify
from pipeline.storage.storage import LocalStorage
from schemas.audit import AUDIT, AUDIT_FILE
from stages.errors import StorageError

NOW = datetime.datetime(2026, 11, 3, tzinfo=datetime.UTC)


def judgement(doc: int, wrong: bool, reason: str | None = "near") -> dict[str, object]:
    return {
        "stage": "web.dedup",
        "reason": reason,
        "doc_id": bytes([doc]) * 16,
        "wrong": wrong,
        "author": "ada",
        "date": NOW,
    }


def test_the_last_judgement_on_a_verdict_counts(tmp_path: Path) -> None:
    """Of one document and reason; kept is a reason of its own."""
    storage = LocalStorage(tmp_path)
    assert read_audit(storage).num_rows == 0
    rows = [judgement(1, True), judgement(2, True), judgement(1, False), judgement(1, True, None)]
    write_audit(storage, pa.Table.from_pylist(rows, AUDIT))
    found = error_rates(last_judgements(read_audit(storage)).items())
    assert found == [ErrorRate("web.dedup", None, 1, 1), ErrorRate("web.dedup", "near", 2, 1)]


@pytest.mark.parametrize(("n_wrong", "n"), [(0, 0), (0, 10), (1, 40), (50, 100), (7, 7)])
def test_so_many_more_make_the_interval_narrow_enough(n_wrong: int, n: int) -> None:
    """At the rate seen so far; one fewer would not do."""
    more = ErrorRate("s", "r", n, n_wrong).n_more()
    rate = n_wrong / n if n else 0.0

    def half_width(total: int) -> float:
        low, high = wilson(rate * total, total)
        return (high - low) / 2

    assert half_width(n + more) <= 0.02 < half_width(n + more - 1)


def test_known_sizes() -> None:
    """93 without an error, 2,398 at a half; never more than there are; at last none."""
    assert ErrorRate("s", "r", 0, 0).n_more() == 93
    assert ErrorRate("s", "r", 2, 1).n_more() == 2_396
    assert ErrorRate("s", "r", 2, 1).n_more(10) == 8
    assert ErrorRate("s", "r", 93, 0).n_more() == 0
    assert ErrorRate("s", "r", 0, 0).rate is None


def test_a_file_that_is_no_audit_is_reported(tmp_path: Path) -> None:
    """And left alone."""
    (tmp_path / AUDIT_FILE).write_bytes(b"not parquet")
    with pytest.raises(StorageError, match=r"audit\.parquet: no table of judgements"):
        read_audit(LocalStorage(tmp_path))


def test_a_judged_run_is_sound(finished_run: Path, tmp_path: Path) -> None:
    """Judgements are no part of what a run promises."""
    run = Path(shutil.copytree(finished_run, tmp_path / "run"))
    write_audit(LocalStorage(run), pa.Table.from_pylist([judgement(1, True)], AUDIT))
    assert verify(run) == []


def test_two_of_ten_are_six_to_fifty_one_per_cent():
    """Wilson's interval as the paper has it."""
    assert wilson(2, 10) == pytest.approx((0.0567, 0.5098), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)
