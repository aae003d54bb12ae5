"""The record that kills a stage is found and the others survive."""

import os
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.engine.work.guard import Guard
from pipeline.engine.work.task import Limits, StageRef
from stages.contract import Options
from stages.errors import StageError

STAGE = '''
import os, signal, time
import pyarrow as pa
from stages.contract import Options

class Fragile:
    """Raises, dies or hangs when the text says so."""
    Options = Options

    def __init__(self, options):
        pass

    def process(self, batch):
        for text in batch.column("text").to_pylist():
            if text == "raise":
                raise ValueError("as told")
            if text == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            if text == "hang":
                time.sleep(60)
        return batch
'''


@pytest.fixture
def fragile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StageRef:
    name = f"fragile_{os.getpid()}_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(STAGE)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return StageRef(f"{name}:Fragile", Options())


def texts(*values: str) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"text": list(values)})


def solve(guard: Guard, batch: pa.RecordBatch) -> tuple[list[str], dict[int, str]]:
    try:
        results, failures = guard(batch)
    finally:
        guard.close()
    good = [text for result in results for text in result.column("text").to_pylist()]
    return good, {row: failure.reason for row, failure in failures.items()}


def test_a_record_that_raises_is_found_in_this_process(fragile: StageRef) -> None:
    """Bisection keeps every other record, in order."""
    guard = Guard(fragile, "process", Limits(60.0), isolate=False)
    good, failures = solve(guard, texts("a", "b", "raise", "c", "raise", "d", "e"))
    assert good == ["a", "b", "c", "d", "e"]
    assert failures == {2: "error", 4: "error"}


def test_a_record_that_kills_the_process_is_found_in_a_child(fragile: StageRef) -> None:
    """A crash costs the child and one record."""
    guard = Guard(fragile, "process", Limits(60.0), isolate=True)
    good, failures = solve(guard, texts("a", "die", "b", "raise"))
    assert good == ["a", "b"]
    assert failures == {1: "crash", 3: "error"}


def test_a_record_that_hangs_is_found_in_a_child(fragile: StageRef) -> None:
    """A single record gets ten times the limit, then it counts as hanging."""
    guard = Guard(fragile, "process", Limits(0.1), isolate=True)
    good, failures = solve(guard, texts("a", "hang", "b"))
    assert good == ["a", "b"]
    assert failures == {1: "timeout"}


def test_a_batch_that_fails_whole_is_a_bug(fragile: StageRef) -> None:
    """Ten records that all raise stop the run instead of filling the quarantine."""
    guard = Guard(fragile, "process", Limits(60.0), isolate=False)
    with pytest.raises(StageError, match="all 10 records"):
        guard(texts(*["raise"] * 10))
