"""What stands still is mentioned, and what a killed driver leaves is ended by the next one."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from pipeline.engine.ray.processes import Process, descendants, holders
from pipeline.engine.ray.remains import NOTE, end_remains
from pipeline.engine.ray.standstill import LOOK_SECONDS, Silence, Standstill
from pipeline.storage.storage import LocalStorage
from tests.pipeline.engine.test_faults import driver, n_done, wait_for


class Clock:
    """Time as a test needs it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_worker_that_uses_no_time_is_mentioned() -> None:
    """Once it is still for longer than a record may take, and again when it has been twice as
    long; one that works is not, nor one that works again or has ended."""
    clock = Clock()
    state, cpu = "S", 1.0
    others = [Process(2, 1, "R", 0.0, "busy")]

    def workers() -> list[Process]:
        return [
            Process(7, 1, state, cpu + clock.now / 1000, "still"),
            *(replace(other, cpu_seconds=clock.now) for other in others),
        ]

    watch = Standstill(workers, clock)

    def tell(*seconds: int) -> dict[int, list[str]]:
        told = {}
        for clock.now in seconds:
            if lines := watch.look(60):
                told[int(clock.now)] = lines
        return told

    lines = "worker 7 has stood still for {} s; if it is killed, its task is tried again"
    expected = {70: [lines.format(60)], 130: [lines.format(120)], 250: [lines.format(240)]}
    assert tell(*range(10, 300, 10)) == expected
    cpu = 9.0
    assert tell(*range(300, 360, 10)) == {}
    state = "T"
    assert list(told := tell(360, 370)) == [360]
    assert "60 s, stopped by a signal;" in told[360][0]


def test_looking_costs_little() -> None:
    """Every five seconds at most, however often it is asked."""
    clock = Clock()
    looks: list[float] = []

    def workers() -> list[Process]:
        looks.append(clock.now)
        return []

    watch = Standstill(workers, clock)
    for tick in range(100):
        clock.now = tick / 10
        watch.look(0)
    assert looks == [LOOK_SECONDS]


def test_processes_are_seen_as_they_are() -> None:
    """Children of children, with their titles and states."""
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as parent:
        while not (below := [one for one in descendants(os.getpid()) if one.parent == parent.pid]):
            time.sleep(0.01)
        (child,) = below
        assert child.title.endswith("-c input()")
        os.kill(child.pid, signal.SIGSTOP)
        while psutil.Process(child.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)
        assert {one.pid: one.state for one in descendants(os.getpid())}[child.pid] == "T"
        os.kill(child.pid, signal.SIGKILL)
    assert not {parent.pid, child.pid} & {one.pid for one in descendants(os.getpid())}


def test_of_a_cluster_silence_is_told() -> None:
    """After the limit, then at twice the time, until a task ends."""
    clock = Clock()
    silence = Silence(clock)
    told = []
    for second in range(0, 300, 10):
        clock.now = second
        if second == 250:
            silence.ended()
        if silence.look(60, 4):
            told.append(second)
    assert told == [60, 120, 240]


def test_only_holders_of_a_dead_session_are_ended(tmp_path: Path) -> None:
    """By the files they hold open; a note of another machine, or none, ends nobody."""
    storage = LocalStorage(tmp_path / "run")
    sessions = [tmp_path / f"session_{n}" for n in range(2)]
    code = (
        "import sys, time; stream = open(sys.argv[1], 'w'); print('.', flush=True); time.sleep(60)"
    )
    agents = []
    for session in sessions:
        session.mkdir()
        agent = subprocess.Popen(
            [sys.executable, "-c", code, str(session / "agent.log")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert agent.stdout is not None
        agent.stdout.readline()
        agents.append(agent)
    try:
        assert [holders(str(session)) for session in sessions] == [[a.pid] for a in agents]
        assert end_remains(storage) == 0
        for content in ("{", json.dumps({"host": "another", "sessions": [str(sessions[0])]})):
            storage.write(NOTE, content.encode())
            assert end_remains(storage) == 0
        note = {"host": os.uname().nodename, "sessions": [str(sessions[0])]}
        storage.write(NOTE, json.dumps(note).encode())
        assert end_remains(storage) == 1
        assert agents[0].wait(timeout=10) == -signal.SIGKILL
        assert agents[1].poll() is None
        assert not storage.exists(NOTE)
    finally:
        for agent in agents:
            agent.kill()
            agent.communicate()


@pytest.mark.slow
def test_a_stopped_worker_and_a_killed_driver(inputs: Path, tmp_path: Path) -> None:
    """A worker under SIGSTOP is mentioned in the log; after SIGKILL of the driver the next run
    ends Ray's agents before it begins, and ends well."""
    run = tmp_path / "run"
    configuration = tmp_path / "still.toml"
    configuration.write_text(
        f"[web]\ninputs = ['{inputs}/*.warc.gz']\n[engine]\nrecord_seconds = 5\n"
    )
    with driver(configuration, run, "--workers", "1") as process:
        assert wait_for(process, run, 1)
        stopped = _stop_a_worker(process)
        deadline = time.monotonic() + 120
        while b"standing_still" not in (run / "log.jsonl").read_bytes():
            assert time.monotonic() < deadline, (tmp_path / "run.log").read_text()
            time.sleep(0.2)
        family = [one.pid for one in descendants(process.pid)]
        note = json.loads((run / NOTE).read_text())
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    os.kill(stopped, signal.SIGCONT)
    assert note["sessions"]
    (session,) = note["sessions"]
    left = set(holders(session))
    assert left
    assert left <= set(family)
    with driver(configuration, run, "--workers", "1") as process:
        assert wait_for(process, run, n_done(run) + 1)
        assert not holders(session)
        assert process.wait(timeout=300) == 0, (tmp_path / "run.log").read_text()
    assert not (run / NOTE).exists()


def _stop_a_worker(process: "subprocess.Popen[bytes]") -> int:
    while True:
        assert process.poll() is None
        for one in descendants(process.pid):
            if "ray::run_task" in one.title:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one.pid, signal.SIGSTOP)
                    if "ray::run_task" in " ".join(psutil.Process(one.pid).cmdline()):
                        return one.pid
                    os.kill(one.pid, signal.SIGCONT)
        time.sleep(0.001)
