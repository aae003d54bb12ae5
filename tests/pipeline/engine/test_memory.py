"""A task's peak is set by the batch, not by the input."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.slow
def test_a_ten_times_larger_input_needs_no_more_memory(tmp_path: Path) -> None:
    """55 MB and 550 MB of text peak within 150 MB of each other."""
    small, large = peak(tmp_path / "small", 1000), peak(tmp_path / "large", 10_000)
    assert large - small < 150 << 20
