"""What comes back from a run, and what there is to say where none can be made."""

import os
import signal
from pathlib import Path

import pytest

from stages.ablation.sandbox import sandbox
from stages.ablation.sandbox.sandbox import Step
from stages.errors import StageError

REASON = sandbox.unavailable()
needs_sandbox = pytest.mark.skipif(REASON is not None, reason=str(REASON))


@needs_sandbox
def test_an_honest_program(shell):
    """Its outputs and its exit status come back; standard input is empty."""
    outcome = shell("cat; echo out; echo err >&2; pwd; exit 3")
    assert (outcome.exit_code, outcome.stop, outcome.step) == (3, None, 0)
    assert (outcome.stdout, outcome.stderr) == (b"out\n/tmp\n", b"err\n")


@needs_sandbox
def test_a_signal_is_told_as_in_a_shell(shell):
    """128 and its number."""
    assert shell("kill -SEGV $$").exit_code == 128 + signal.SIGSEGV


@needs_sandbox
def test_steps_follow_one_another_in_one_folder(word):
    """What the first leaves, the second finds; what the first says is not the second's output."""
    steps = [Step(["/bin/sh", "-c", "echo said; cat given > made"]), Step(["/bin/cat", "made"])]
    outcome = sandbox.run(steps, {"given": b"\x00bytes\xff"}, environment={"WORD": word})
    assert (outcome.step, outcome.exit_code) == (1, 0)
    assert (outcome.stdout, outcome.stderr) == (b"\x00bytes\xff", b"")


@needs_sandbox
def test_a_failed_step_is_the_last(word):
    """Its exit status is the run's, and what it said is told."""
    steps = [Step(["/bin/sh", "-c", "echo why; exit 9"]), Step(["/bin/touch", "made"])]
    outcome = sandbox.run(steps, {}, environment={"WORD": word})
    assert (outcome.step, outcome.exit_code) == (0, 9)
    assert (outcome.stdout, outcome.stderr) == (b"", b"why\n")


@needs_sandbox
def test_a_folder_that_others_cannot_enter_is_mounted_all_the_same(word, tmp_path):
    """Read-only, and without what lies beside it."""
    closed = tmp_path / "closed"
    for name in ("given", "kept"):
        (closed / name).mkdir(parents=True)
        (closed / name / "file").write_text(name)
    closed.chmod(0o700)
    script = "cat /toolchain/x/file; echo y > /toolchain/x/file; ls /toolchain /mnt"
    outcome = sandbox.run(
        [Step(["/bin/sh", "-c", script])],
        {},
        mounts=[(closed / "given", Path("/toolchain/x"))],
        environment={"WORD": word},
    )
    assert outcome.stdout == b"given/toolchain:\nx\n"
    assert (closed / "given" / "file").read_text() == "given"
    assert not Path("/mnt/0").exists()


@needs_sandbox
def test_what_cannot_be_mounted_is_an_error_not_a_verdict(tmp_path):
    """No program ran, so nothing is said about it."""
    missing = tmp_path / "missing"
    with pytest.raises(StageError, match=r"a sandbox does not start: .*missing"):
        sandbox.run([Step(["/bin/true"])], {}, mounts=[(missing, Path("/toolchain/x"))])
    with pytest.raises(StageError, match=r"a sandbox does not start: .*missing"):
        sandbox.run([Step(["/bin/true"])], {}, mounts=[(missing / "in", Path("/toolchain/x"))])


def test_without_bubblewrap_nothing_is_executed(monkeypatch):
    """The reason names what is missing and the package that brings it."""
    monkeypatch.setattr(os, "defpath", "/nowhere")
    sandbox.unavailable.cache_clear()
    try:
        reason = sandbox.unavailable()
    finally:
        sandbox.unavailable.cache_clear()
    assert reason is not None
    assert "bwrap is not installed (Debian: bubblewrap)" in reason
