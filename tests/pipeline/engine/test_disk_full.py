"""A disk that fills up under a run, and a worker that writes long after its driver."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.configuration import Config, load
from pipeline.engine.work.task import Outcome, Task, run_task
from pipeline.inspection.verify import verify
from pipeline.run import run
from pipeline.storage.storage import LocalStorage, Storage
from tests.pipeline.conftest import product

COMMAND = "from pipeline.cli import main; main()"
SHARES = (0.1, 0.5, 1.0)
"""Sizes of a disk that is too small, as parts of what a run takes but for its last file."""
TOKENIZER = "shards/tokenizer.json"
PAGE = 4096


def overrides(inputs: Path) -> list[str]:
    return [
        f"github.inputs=['{inputs}/python__[jh]*.tar.gz']",
        f"web.inputs=['{inputs}/crawl-0.warc.gz']",
        "engine.max_attempts=1",
    ]


def configured(inputs: Path, folder: Path) -> Config:
    return load(None, overrides(inputs), folder)


@pytest.fixture(scope="module")
def finished(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with room enough."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    run(configured(inputs, folder), address="local")
    return folder


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one page; skips where one cannot be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode != 0:
        pytest.skip(f"a file system cannot be mounted: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def resize(disk: Path, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], check=True)


def test_a_full_disk_ends_the_run_and_a_larger_one_resumes_it(
    disk: Path, finished: Path, inputs: Path, tmp_path: Path
) -> None:
    """Each time with code 1 and the step that had no room; then the undisturbed bytes."""
    config = tmp_path / "full.toml"
    config.write_text("")
    command = [sys.executable, "-c", COMMAND, "run", str(config), "--run", str(disk / "run")]
    command += ["--address", "local"]
    for one in overrides(inputs):
        command += ["--set", one]
    sizes = {
        path.relative_to(finished).as_posix(): -(-path.stat().st_size // PAGE) * PAGE
        for path in finished.rglob("*")
        if path.is_file()
    }
    needed = sum(size for path, size in sizes.items() if path != TOKENIZER)
    steps = []
    for share in SHARES:
        resize(disk, int(needed * share))
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 1, done.stderr
        assert "Traceback" not in done.stderr
        assert "No space left on device" in done.stderr
        said = re.search(r"^sluice: ([a-z.-]+) failed (on shard|in) ", done.stderr, re.MULTILINE)
        assert said is not None, done.stderr
        steps.append(said[1])
        assert json.loads((disk / "run/lock").read_bytes())["generation"] == len(steps)
    assert len(set(steps)) == len(SHARES)
    resize(disk, 4 * sum(sizes.values()))
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert product(disk / "run") == product(finished)
    assert verify(disk / "run") == []
    assert not list((disk / "run").rglob("*.tmp"))


def test_a_late_worker_changes_nothing(finished: Path, inputs: Path, tmp_path: Path) -> None:
    """Every task of a driver that is gone, done once more when the run is over: objects, receipts
    and `verify` stay; the next run sweeps what was written."""
    folder = tmp_path / "run"
    stage = "github.rules.decide"
    late: list[Task] = []

    def remember(storage: Storage, task: Task) -> Outcome:
        late.append(task)
        return run_task(storage, task)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.engine.executor.run_task", remember)
        run(configured(inputs, folder), stages=[stage], address="local")
    assert {task.step for task in late} > {"github.documents", stage}
    run(configured(inputs, folder), address="local")
    assert product(folder) == product(finished)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    storage = LocalStorage(folder)
    for task in late:
        run_task(storage, task)
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    left = after.keys() - before.keys()
    assert {path.name for path in left} >= {".00000.parquet.g1a0.tmp"}
    assert all(storage.is_staged(path.name) for path in left)
    assert {path: after[path] for path in before} == before
    assert product(folder) == product(finished)
    assert verify(folder) == []

    run(configured(inputs, folder), address="local")
    assert product(folder) == product(finished)
    assert not list(folder.rglob("*.tmp"))
