"""Error rates from what people said of verdicts."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.inspection.audit import wilson
from pipeline.inspection.verify import verify
from pipeline.report.contents import contents
from pipeline.report.facts.audits import audits
from pipeline.report.facts.opened import opened
from schemas.audit import AUDIT, AUDIT_FILE
from stages.errors import StorageError


@pytest.fixture
def run(finished_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


def said(run: Path, *rows: tuple[str, str | None, int, bool, str, int]) -> None:
    """Stage, reason, document, wrong, author, day of the month."""
    values = [
        (stage, reason, bytes([document]) * 16, wrong, author, datetime(2026, 1, day, tzinfo=UTC))
        for stage, reason, document, wrong, author, day in rows
    ]
    columns = [list(column) for column in zip(*values, strict=True)]
    pq.write_table(
        pa.Table.from_arrays(list(map(pa.array, columns)), schema=AUDIT), run / AUDIT_FILE
    )


def test_the_latest_opinion_on_a_verdict_counts(run: Path) -> None:
    """Whoever holds it; kept documents are a group of their own, and of few all are to be seen."""
    said(
        run,
        ("github.rules", "max_line_length", 1, True, "ada", 3),
        ("github.rules", "max_line_length", 1, False, "bob", 5),
        ("github.rules", "max_line_length", 2, True, "bob", 4),
        ("github.dedup", None, 1, False, "ada", 3),
    )
    dedup, rules = contents(run)["audits"]
    assert verify(run) == []
    assert (dedup["stage"], dedup["reason"], dedup["looked_at"], dedup["wrong"]) == (
        *("github.dedup", None, 1, 0),
    )
    assert (rules["looked_at"], rules["wrong"], rules["rate"]) == (2, 1, 0.5)
    assert (rules["low"], rules["high"]) == wilson(1, 2)
    assert dedup["still"] == dedup["documents"] - 1
    with opened(run) as asked:
        funnel = {count.stage: count for count in asked.funnel}
    assert rules["documents"] == funnel["github.rules"].reasons.get("max_line_length", 0)
    assert dedup["documents"] == funnel["github.dedup"].kept


def test_nobody_has_looked(run: Path) -> None:
    """No file, no rates."""
    with opened(run) as asked:
        assert audits(asked) == []


def test_a_damaged_file_is_one_sentence(run: Path) -> None:
    """It is a person's work: nothing is made up, nothing is deleted."""
    (run / AUDIT_FILE).write_bytes(b"PAR1 no more")
    with pytest.raises(StorageError, match=r"audit\.parquet: .* move it away"):
        contents(run)
