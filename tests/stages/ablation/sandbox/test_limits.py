"""Programs that take too much are ended, each by its own limit."""

import signal

import pytest

from stages.ablation.sandbox import sandbox, supervise

REASON = sandbox.unavailable()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))
MB = 1 << 20


@pytest.mark.parametrize("bomb", [":(){ :|:; };:", "while :; do sleep 60 & done"])
def test_a_fork_bomb_is_ended(shell, bomb):
    """By the count of its processes, not by its time."""
    assert shell(bomb, wall_seconds=60).stop == "processes"


def test_a_fork_bomb_in_the_background_ends_with_the_program(shell):
    """At the latest with its first process, which may be gone before anybody counts."""
    assert shell(":(){ :|:& };:; wait", wall_seconds=60).stop in {None, "processes"}


def test_between_two_looks_the_kernel_counts(python, monkeypatch):
    """Its own limit holds for root too, whose runs have a user of their own."""
    monkeypatch.setattr(supervise, "usage", lambda first: (0, 0))
    outcome = python(
        """
        import os, time
        made = 0
        try:
            while made < 500:
                if os.fork() == 0:
                    time.sleep(100)
                made += 1
        except BlockingIOError:
            print(made)
        """,
        processes=10,
    )
    assert 30 < int(outcome.stdout) <= sandbox.KERNEL_PROCESSES * 10


@pytest.mark.parametrize("where", ["yes", "yes >&2"])
def test_endless_output_is_ended(shell, where):
    """No more than the limit is kept."""
    outcome = shell(where, output_bytes=MB)
    assert outcome.stop == "output"
    assert 0 < max(len(outcome.stdout), len(outcome.stderr)) <= MB


def test_a_memory_bomb_is_ended(python):
    """By the resident memory of the whole tree."""
    outcome = python(
        """
        kept = []
        while True:
            kept.append(bytearray(b"x") * (8 << 20))
        """,
        memory_bytes=256 * MB,
    )
    assert outcome.stop == "memory"


def test_memory_is_counted_over_all_processes(python):
    """Eight of 60 MB are too much for 256 MB."""
    outcome = python(
        """
        import os, time
        for _ in range(8):
            if os.fork() == 0:
                kept = bytearray(b"x") * (60 << 20)
                time.sleep(100)
        os.wait()
        """,
        memory_bytes=256 * MB,
    )
    assert outcome.stop == "memory"


def test_address_space_is_the_kernels_to_limit(python):
    """An allocation beyond it fails in the program, which may say so."""
    outcome = python(
        """
        try:
            bytearray(4 << 30)
        except MemoryError:
            print("refused")
        """,
        address_space=1 << 30,
    )
    assert outcome.stdout == b"refused\n"


def test_a_busy_loop_is_ended(shell):
    """By processor time, so that a busy machine judges like an idle one."""
    outcome = shell("while :; do :; done", cpu_seconds=1, wall_seconds=120)
    assert outcome.stop == "CPU time"


def test_a_busy_loop_that_ignores_its_signal_is_ended(shell):
    """One second later, by one that cannot be ignored."""
    outcome = shell("trap '' XCPU; while :; do :; done", cpu_seconds=1, wall_seconds=120)
    assert (outcome.stop, outcome.exit_code) == ("CPU time", 128 + signal.SIGKILL)


def test_a_sleeper_is_ended(shell):
    """By the clock."""
    outcome = shell("sleep 1000", wall_seconds=0.3)
    assert outcome.stop == "wall time"


def test_a_file_cannot_outgrow_its_limit(shell):
    """The program gets the kernel's signal."""
    outcome = shell("exec head -c 20000000 /dev/zero > big", file_bytes=MB)
    assert outcome.exit_code == 128 + signal.SIGXFSZ


def test_many_files_cannot_fill_the_disk(shell):
    """Their folder has a size, whatever their number."""
    outcome = shell(
        "for i in 1 2 3 4 5 6 7 8; do head -c 1000000 /dev/zero > $i || exit 5; done",
        disk_bytes=4 * MB,
    )
    assert outcome.exit_code == 5
    assert b"No space left" in outcome.stderr
