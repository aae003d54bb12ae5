"""What is killed and run again ends in the bytes of an undisturbed run."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.inspection.verify import verify
from tests.golden.hours import write_hours
from tests.pipeline.conftest import product

COMMAND = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from pipeline.cli import main; main()"
)
"""A shell's background jobs ignore Ctrl-C and hand that down; this heeds it."""


@pytest.fixture(scope="module")
def configuration(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("faults") / "faults.toml"
    write_hours(path.parent / "hours")
    path.write_text(
        f"[github]\ninputs = ['{inputs}/*.tar.gz', '{path.parent / 'hours'}']\n"
        "shard_bytes = 40000\n"
        f"[web]\ninputs = ['{inputs}/*.warc.gz']\n[tokens]\nstore = 'always'\n"
    )
    return path


@contextlib.contextmanager
def driver(configuration: Path, run: Path, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    """`sluice run` in a process of its own; killed with its children if the block fails."""
    command = [sys.executable, "-c", COMMAND, "run", str(configuration), "--run", str(run)]
    with (run.parent / f"{run.name}.log").open("ab") as log:
        process = subprocess.Popen([*command, *options], stdout=log, stderr=log)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def complete(configuration: Path, run: Path, *options: str) -> None:
    with driver(configuration, run, *options) as process:
        code = process.wait(timeout=300)
    assert code == 0, (run.parent / f"{run.name}.log").read_text()


def n_done(run: Path) -> int:
    log = run / "log.jsonl"
    return log.read_bytes().count(b'"event": "task"') if log.exists() else 0


def wait_for(process: "subprocess.Popen[bytes]", run: Path, n_tasks: int) -> bool:
    """Until the run has logged so many tasks; False if it ended before."""
    while n_done(run) < n_tasks:
        if process.poll() is not None:
            return False
        time.sleep(0.005)
    return True


@pytest.fixture(scope="module")
def undisturbed(configuration: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    complete(configuration, run, "--address", "local")
    return run


def kill_drivers(configuration: Path, run: Path, undisturbed: Path, n_kills: int) -> None:
    total = n_done(undisturbed)
    draw = random.Random(7)
    for number in range(n_kills):
        done = n_done(run)
        reach = done + 1 + draw.randrange(max(1, (total - done) // (n_kills - number)))
        with driver(configuration, run, "--workers", "2") as process:
            if wait_for(process, run, reach):
                os.kill(process.pid, signal.SIGKILL)
                process.wait()


def kill_workers(configuration: Path, run: Path, n_tasks: int, n_kills: int) -> int:
    draw = random.Random(11)
    killed = 0
    with driver(configuration, run, "--workers", "2") as process:
        for number in range(n_kills):
            if not wait_for(process, run, (number + 1) * n_tasks // (n_kills + 1)):
                break
            killed += _kill_one_worker(process, draw)
        assert process.wait(timeout=300) == 0, (run.parent / f"{run.name}.log").read_text()
    return killed


def _kill_one_worker(process: "subprocess.Popen[bytes]", draw: random.Random) -> int:
    """SIGKILL one process that is doing a task."""
    for _ in range(2000):
        workers = []
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                    if "ray::run_task" in " ".join(child.cmdline()):
                        workers.append(child.pid)
        if workers:
            os.kill(draw.choice(workers), signal.SIGKILL)
            return 1
        if process.poll() is not None:
            return 0
        time.sleep(0.001)
    return 0


def test_a_killed_driver_is_resumed_to_the_same_bytes(
    configuration: Path, undisturbed: Path, tmp_path: Path
) -> None:
    """Killed twice with SIGKILL, then run to its end."""
    run = tmp_path / "run"
    kill_drivers(configuration, run, undisturbed, 2)
    complete(configuration, run, "--workers", "2")
    assert product(run) == product(undisturbed)
    assert verify(run) == []


def test_a_killed_worker_costs_an_attempt_and_nothing_else(
    configuration: Path, undisturbed: Path, tmp_path: Path
) -> None:
    """Two workers are killed in mid-task; the run goes on."""
    run = tmp_path / "run"
    assert kill_workers(configuration, run, n_done(undisturbed), 2) == 2
    assert product(run) == product(undisturbed)
    assert verify(run) == []


def test_an_interrupted_run_says_how_to_go_on(configuration: Path, tmp_path: Path) -> None:
    """Ctrl-C ends the run with code 130 and leaves it resumable."""
    run = tmp_path / "run"
    with driver(configuration, run, "--address", "local") as process:
        assert wait_for(process, run, 3)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
    assert "resumes" in (tmp_path / "run.log").read_text()


@pytest.mark.faults
def test_twenty_killed_drivers(configuration: Path, undisturbed: Path, tmp_path: Path) -> None:
    """The same after twenty kills."""
    run = tmp_path / "run"
    kill_drivers(configuration, run, undisturbed, 20)
    complete(configuration, run, "--workers", "2")
    assert product(run) == product(undisturbed)
    assert verify(run) == []


@pytest.mark.faults
def test_twenty_killed_workers(configuration: Path, undisturbed: Path, tmp_path: Path) -> None:
    """Twenty workers killed, five in each of four runs."""
    killed = 0
    for number in range(4):
        run = tmp_path / f"run-{number}"
        killed += kill_workers(configuration, run, n_done(undisturbed), 5)
        assert product(run) == product(undisturbed)
    assert killed >= 18
