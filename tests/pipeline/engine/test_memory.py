"""A task's peak is set by the batch, not by the input."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.engine.work.task import Context, Limits, Quarantine, Result, Task, run_task
from pipeline.storage.storage import LocalStorage
from pipeline.storage.tables import write_parquet
from tests.pipeline.conftest import write_tar

MEASURE = """
import sys
from pathlib import Path
from pipeline.configuration import load
from pipeline.run import run
folder = Path(sys.argv[1])
config = load(None, [f"github.inputs=['{folder}/*.tar.gz']"], folder / "run")
run(config, stages=["github.rules"], address="local")
from pipeline.storage.receipts import parse_receipts
from pipeline.storage.storage import LocalStorage
storage = LocalStorage((folder / "run").resolve())
peaks = [
    receipt.effort["peak_bytes"]
    for stage in ("documents", "rules/measure")
    for receipt in parse_receipts(storage, f"github/{stage}").values()
]
print(max(peaks))
"""


def peak(folder: Path, n_files: int) -> int:
    folder.mkdir()
    line = "value = compute(first, second) + another_name\n"
    files = {f"file_{n}.py": (f"# {n}\n" + line * 1200).encode() for n in range(n_files)}
    write_tar(folder / "big__repo.tar.gz", "repo-main", files)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(folder)], capture_output=True, text=True, check=True
    )
    return int(json.loads(done.stdout))


@dataclass(frozen=True)
class Holding:
    """A task that holds so much memory for a moment."""

    n_bytes: int

    def run(self, context: Context, quarantine: Quarantine) -> Result:
        held = np.ones(self.n_bytes, np.uint8)
        with write_parquet(context.storage, context.temporary, pa.schema([])) as (_, written):
            assert held.sum() == self.n_bytes
        return Result(written)


def test_a_task_is_not_charged_for_the_one_before(tmp_path: Path) -> None:
    """The peak is the task's, not the highest its worker ever saw; where the system cannot tell,
    nothing is said."""
    peaks = []
    for n_bytes in (1 << 20, 400 << 20, 1 << 20):
        task = Task("web.documents", "0", "tasks", Holding(n_bytes), Limits(60), 1)
        peaks.append(run_task(LocalStorage(tmp_path), task).peak_bytes)
    if peaks == [None] * 3:
        pytest.skip("this system does not let a process set its high-water mark back")
    small, large, after = (peak or 0 for peak in peaks)
    assert large - small > 390 << 20
    assert abs(after - small) < 100 << 20


@pytest.mark.slow
def test_a_ten_times_larger_input_needs_no_more_memory(tmp_path: Path) -> None:
    """55 MB and 550 MB of text peak within 150 MB of each other."""
    small, large = peak(tmp_path / "small", 1000), peak(tmp_path / "large", 10_000)
    assert large - small < 150 << 20
