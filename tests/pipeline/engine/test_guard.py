"""The record that kills a stage is found and the others survive; what is no record's fault ends
the task."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from pipeline.engine.work.guard import Guard
from pipeline.engine.work.patience import PATIENCE, Patience
from pipeline.engine.work.task import Limits, StageRef
from stages.contract import Options
from stages.errors import StageError

ROOT = Path(__file__).resolve().parents[3]

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
                os.kill(os.getpid(), signal.SIGSEGV)
            if text == "hang":
                time.sleep(60)
            if text == "runtime":
                raise RuntimeError("can't start new thread")
            if text == "import":
                import a_library_that_is_missing
            if text == "memory":
                raise MemoryError("no room")
            if text == "deep":
                raise RecursionError("too deep")
            if text == "disk":
                raise OSError(28, "No space left on device")
        return batch


class Unbuilt(Fragile):
    def __init__(self, options):
        raise RuntimeError("no seeds here")
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
    good, failures = solve(guard, texts("a", "b", "raise", "c", "deep", "d", "e"))
    assert good == ["a", "b", "c", "d", "e"]
    assert failures == {2: "error", 4: "error"}


def test_a_first_task_measures_what_its_worker_loads(fragile: StageRef) -> None:
    """The first record goes alone; every record is answered as ever, and a batch of one record
    tells nothing."""
    guard = Guard(fragile, "process", Limits(60.0), isolate=False, since=0.0)
    assert guard(texts("a")) == ([texts("a")], {})
    assert guard.loading_seconds is None
    spent = time.process_time()
    good, failures = solve(guard, texts("raise", "b", "raise", "c"))
    assert (good, failures) == (["b", "c"], {0: "error", 2: "error"})
    assert guard.loading_seconds is not None
    assert spent / 2 < guard.loading_seconds < time.process_time()


def test_a_batch_of_records_that_raise_is_their_fault(fragile: StageRef) -> None:
    """However many stand side by side: whether a stage works at all shows in the whole step."""
    guard = Guard(fragile, "process", Limits(60.0), isolate=False)
    assert solve(guard, texts(*["raise"] * 64)) == ([], dict.fromkeys(range(64), "error"))


def test_a_record_that_kills_the_process_is_found_in_a_child(fragile: StageRef) -> None:
    """A crash costs the child and one record."""
    guard = Guard(fragile, "process", Limits(60.0), isolate=True)
    good, failures = solve(guard, texts("a", "die", "b", "raise"))
    assert good == ["a", "b"]
    assert failures == {1: "crash", 3: "error"}


def test_records_that_hang_are_found_in_a_child(fragile: StageRef) -> None:
    """A single record gets ten times the limit, then it counts as hanging; the next one less."""
    guard = Guard(fragile, "process", Limits(0.1), isolate=True)
    good, failures = solve(guard, texts("a", "hang", "b", "hang", "c"))
    assert good == ["a", "b", "c"]
    assert failures == {1: "timeout", 3: "timeout"}


@pytest.mark.parametrize("record_seconds", [0.1, 1, 60, 3600])
def test_sixty_four_hanging_records_cost_a_bounded_time(record_seconds: float) -> None:
    """A task's purse pays for them: 20 times the limit in all, then the least for each; the first
    one has its full ten times."""
    limits = Limits(record_seconds)
    patience = Patience(limits)
    waits = []
    for _ in range(64):
        waits.append(patience.limit(PATIENCE * limits.seconds(1)))
        patience.lose(waits[-1])
    least = min(record_seconds, 1.0)
    assert waits[0] == pytest.approx(PATIENCE * record_seconds)
    assert min(waits) == least
    assert sum(waits) <= 20 * record_seconds + 64 * least


@pytest.mark.parametrize("isolate", [False, True])
@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("runtime", StageError, "can't start new thread"),
        ("import", StageError, "a_library_that_is_missing"),
        ("memory", MemoryError, "no room"),
    ],
)
def test_what_is_no_records_fault_ends_the_task(
    fragile: StageRef, text: str, error: type[Exception], message: str, isolate: bool
) -> None:
    """No record is quarantined for a thread, a library or memory that is missing."""
    guard = Guard(fragile, "process", Limits(60.0), isolate)
    with pytest.raises(error, match=message):
        solve(guard, texts("a", text, "b"))


def test_a_full_disk_is_tried_again(fragile: StageRef) -> None:
    """It stays an OSError, which the executor retries."""
    guard = Guard(fragile, "process", Limits(60.0), isolate=False)
    with pytest.raises(OSError, match="No space left"):
        guard(texts("disk"))


@pytest.mark.parametrize("target", ["{}:Unbuilt", "a_module_that_is_missing:Stage"])
def test_a_stage_that_cannot_be_built_is_no_records_fault(fragile: StageRef, target: str) -> None:
    """The child says so and ends; in this process it shows before the first record."""
    stage = StageRef(target.format(fragile.target.partition(":")[0]), Options())
    guard = Guard(stage, "process", Limits(60.0), isolate=True)
    with pytest.raises(StageError, match=r"no seeds here|a_module_that_is_missing"):
        solve(guard, texts("a"))
    with pytest.raises((RuntimeError, ImportError)):
        Guard(stage, "process", Limits(60.0), isolate=False)


def test_a_child_that_died_between_two_batches_is_replaced(fragile: StageRef) -> None:
    """Its death is not the next batch's fault."""
    guard = Guard(fragile, "process", Limits(60.0), isolate=True)
    try:
        assert guard(texts("a"))[1] == {}
        for child in psutil.Process().children():
            child.kill()
            while child.status() != psutil.STATUS_ZOMBIE or child.num_threads() > 1:
                time.sleep(0.01)  # the other threads end after the first
        assert guard(texts("b"))[1] == {}
    finally:
        guard.close()


@pytest.mark.parametrize("record_seconds", [float("inf"), 1e300])
def test_no_limit_is_no_reason_to_quarantine(fragile: StageRef, record_seconds: float) -> None:
    """Infinite patience works, in this process and in a child."""
    for isolate in (False, True):
        guard = Guard(fragile, "process", Limits(record_seconds), isolate)
        assert solve(guard, texts("a", "raise", "b")) == (["a", "b"], {1: "error"})


CLOSED = """
import sys
sys.path.insert(0, sys.argv[1])
import pyarrow as pa
from pipeline.engine.work.guard import Guard
from pipeline.engine.work.task import Limits, StageRef
from stages.contract import Options
guard = Guard(StageRef(sys.argv[2], Options()), "process", Limits(60.0), isolate=sys.argv[3] == "1")
results, failures = guard(pa.RecordBatch.from_pydict({"text": ["a", "raise", "b"]}))
guard.close()
print([text for result in results for text in result["text"].to_pylist()], list(failures))
"""


@pytest.mark.parametrize("isolate", ["0", "1"])
def test_a_closed_standard_error_costs_no_record(fragile: StageRef, isolate: str) -> None:
    """Nothing can be printed, and nothing needs to be."""
    arguments = (sys.path[0], fragile.target, isolate)
    command = ["sh", "-c", 'exec "$0" -c "$1" "$2" "$3" "$4" 2>&-', sys.executable, CLOSED]
    done = subprocess.run(
        [*command, *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT, timeout=60
    )
    assert done.stdout == "['a', 'b'] [1]\n"


UNCOMPILED = """
import pyarrow as pa
from pipeline.engine.work.guard import Guard
from pipeline.engine.work.task import Limits, StageRef
from stages.redact.options import RedactOptions
stage = StageRef("stages.redact.stage:RedactStage", RedactOptions())
guard = Guard(stage, "process", Limits(0.7), isolate=False)
batch = pa.RecordBatch.from_pydict({"text": pa.array(["x = 1"], pa.large_string())})
print(guard(batch)[1])
"""


def test_no_record_answers_for_the_compiler(tmp_path: Path) -> None:
    """Where nothing is cached, a stage's kernels take longer than a record may."""
    done = subprocess.run(
        [sys.executable, "-c", UNCOMPILED],
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert (done.returncode, done.stdout) == (0, "{}\n")
