"""When a run writes its report, when it leaves it, and that nothing else is touched."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.configuration import Config
from pipeline.export.export import export
from pipeline.inspection.verify import verify
from pipeline.report.refresh import REPORT
from pipeline.run import run
from stages.errors import StageError
from tests.pipeline.conftest import product


@pytest.fixture
def folder(finished_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


@pytest.fixture
def again(configure: Callable[..., Config], folder: Path) -> Callable[..., None]:
    """The same run once more, with its report unless told otherwise."""

    def call(*overrides: str) -> None:
        done = run(configure(folder, "report=true", *overrides), address="local")
        is_asked = "report=false" not in overrides
        assert done.page == (f"{folder}/{REPORT}" if is_asked else None)

    return call


def test_a_run_that_wrote_shards_ends_with_its_report(
    folder: Path, again: Callable[..., None]
) -> None:
    """A run that changes nothing leaves it; what somebody said of a verdict, or another
    configuration, makes it again. The product does not change, and the run is sound."""
    before = product(folder)
    again()
    report = folder / REPORT
    first = report.read_bytes()
    written = report.stat().st_mtime_ns
    again()
    assert report.stat().st_mtime_ns == written
    (folder / "costs.json").write_text(json.dumps({}))
    again()
    assert report.stat().st_mtime_ns != written
    assert product(folder) == before
    again("github.rules.max_line_length=1001")
    assert report.read_bytes() != first
    assert b"max_line_length 1001" in report.read_bytes()
    assert verify(folder) == []


def test_a_run_may_leave_it_out(folder: Path, again: Callable[..., None]) -> None:
    """`report = false`; the product is the same, whose manifest does not speak of it."""
    before = product(folder)
    shutil.rmtree(folder / "report", ignore_errors=True)
    again("report=false")
    assert not (folder / REPORT).exists()
    assert product(folder) == before


def test_a_report_that_cannot_be_written_leaves_a_whole_run(
    folder: Path, again: Callable[..., None]
) -> None:
    """The message says so and what to do."""
    shutil.rmtree(folder / "report", ignore_errors=True)
    (folder / "report").write_text("in the way")
    with pytest.raises(StageError, match="the run is complete, but its report could not be wri"):
        again()
    assert verify(folder) == []
    (folder / "report").unlink()
    again()
    assert (folder / REPORT).exists()


def test_what_reads_a_run_passes_over_it(
    folder: Path, again: Callable[..., None], tmp_path: Path
) -> None:
    """Exports take the shards alone."""
    again()
    export(folder, "jsonl", tmp_path / "exported", [], lambda what, done, total: None)
    assert not list((tmp_path / "exported").rglob("*.html"))
