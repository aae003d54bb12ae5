"""One driver at a time."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.storage.lock import run_lock
from stages.errors import StorageError

HOLDER = """
import sys, time
from pathlib import Path
from pipeline.storage.lock import run_lock
with run_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_driver_is_refused_and_told_who_holds_the_run(tmp_path: Path) -> None:
    """The message names the holder; when the holder is killed, the lock is free at once."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    with holder:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(StorageError, match=f"process {holder.pid}"),
            run_lock(tmp_path, wait_seconds=0.1),
        ):
            pass
        holder.kill()
        holder.wait()
    with run_lock(tmp_path, wait_seconds=0.1) as generation:
        assert generation == 2


def test_generations_count_up(tmp_path: Path) -> None:
    """Each driver of a run folder has its own number."""
    generations = []
    for _ in range(3):
        with run_lock(tmp_path) as generation:
            generations.append(generation)
    assert generations == [1, 2, 3]
