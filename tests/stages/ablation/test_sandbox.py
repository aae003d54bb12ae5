"""Programs that mean harm: each is held to its limits, sees nothing, and leaves nothing behind."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from stages.ablation import sandbox, supervise
from stages.ablation.languages import languages
from stages.ablation.sandbox import Outcome, Step
from stages.ablation.supervise import Limits
from stages.ablation.toolchains import find
from stages.errors import StageError

REASON = sandbox.unavailable()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

ROOT = Path(__file__).resolve().parents[3]
MB = 1 << 20


def survivors(word: str) -> list[str]:
    """The processes that have a word in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if word.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().decode())
        except (OSError, ProcessLookupError):
            continue
    return found


@pytest.fixture
def word():
    """In the environment of all that a test starts; nothing of it is left afterwards."""
    made = secrets.token_hex(8)
    yield made
    assert survivors(made) == []


@pytest.fixture
def shell(word):
    """Runs a shell script in a sandbox."""

    def run(script: str, **limits: float) -> Outcome:
        step = Step(["/bin/bash", "-c", script], Limits(**limits))
        return sandbox.run([step], {}, environment={"WORD": word})

    return run


@pytest.fixture
def python(word):
    """Runs a Python program in a sandbox."""
    toolchain = find(languages()["python"])

    def run(program: str, **limits: float) -> Outcome:
        return sandbox.run(
            [Step(toolchain.run, Limits(**limits))],
            {"program.py": textwrap.dedent(program).encode()},
            mounts=toolchain.mounts,
            environment={**toolchain.environment, "WORD": word},
        )

    return run


def test_an_honest_program(shell):
    """Its outputs and its exit status come back; standard input is empty."""
    outcome = shell("cat; echo out; echo err >&2; pwd; exit 3")
    assert (outcome.exit_code, outcome.stop, outcome.step) == (3, None, 0)
    assert (outcome.stdout, outcome.stderr) == (b"out\n/tmp\n", b"err\n")


def test_a_signal_is_told_as_in_a_shell(shell):
    """128 and its number."""
    assert shell("kill -SEGV $$").exit_code == 128 + signal.SIGSEGV


def test_steps_follow_one_another_in_one_folder(word):
    """What the first leaves, the second finds; what the first says is not the second's output."""
    steps = [Step(["/bin/sh", "-c", "echo said; cat given > made"]), Step(["/bin/cat", "made"])]
    outcome = sandbox.run(steps, {"given": b"\x00bytes\xff"}, environment={"WORD": word})
    assert (outcome.step, outcome.exit_code) == (1, 0)
    assert (outcome.stdout, outcome.stderr) == (b"\x00bytes\xff", b"")


def test_a_failed_step_is_the_last(word):
    """Its exit status is the run's, and what it said is told."""
    steps = [Step(["/bin/sh", "-c", "echo why; exit 9"]), Step(["/bin/touch", "made"])]
    outcome = sandbox.run(steps, {}, environment={"WORD": word})
    assert (outcome.step, outcome.exit_code) == (0, 9)
    assert (outcome.stdout, outcome.stderr) == (b"", b"why\n")


@pytest.mark.parametrize("bomb", [":(){ :|:& };:; wait", "while :; do sleep 60 & done"])
def test_a_fork_bomb_is_ended(shell, bomb):
    """By the count of its processes, long before its time is up."""
    outcome = shell(bomb, wall_seconds=60)
    assert outcome.stop == "processes"
    assert outcome.seconds < 30


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


def test_secrets_are_out_of_sight(shell, monkeypatch, tmp_path):
    """Variables of ours, password files, homes, this repository, others' temporary files."""
    secret = secrets.token_hex(16)
    monkeypatch.setenv("SLUICE_TEST_SECRET", secret)
    hidden = tmp_path / "secret"
    hidden.write_text(secret)
    hidden.chmod(0o644)
    paths = ["/etc/passwd", "/etc/shadow", "/etc/hostname", str(Path.home()), "/root", "/home"]
    paths += [str(ROOT), str(hidden), "/var", "/sys", "/run", "/proc/1/root/etc/passwd"]
    outcome = shell(
        f"for p in {' '.join(paths)}; do ls -d $p 2>/dev/null; done\n"
        "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\\0' '\\n'; env; hostname; id -un"
    )
    assert secret not in outcome.stdout.decode()
    assert b"SLUICE_TEST_SECRET" not in outcome.stdout
    seen = outcome.stdout.decode().splitlines()
    assert [path for path in paths if path in seen] == []
    assert socket.gethostname() not in seen


def test_nothing_outside_tmp_can_be_written(shell, tmp_path):
    """Neither the system, nor the root, nor the kernel's switches; /tmp is the run's own."""
    name = f"sluice-{secrets.token_hex(8)}"
    places = ["", "/usr", "/usr/bin", "/etc", "/dev", "/dev/shm", "/bin", "/proc", str(tmp_path)]
    outcome = shell(
        f"for d in {' '.join(f'{place}/{name}' for place in places)}; do\n"
        "  (echo x > $d) 2>/dev/null && echo wrote $d\n"
        "done\n"
        "(echo x > /proc/sys/kernel/core_pattern) 2>/dev/null && echo wrote core_pattern\n"
        "(echo x > /proc/sysrq-trigger) 2>/dev/null && echo wrote sysrq\n"
        "mount -t tmpfs none /usr 2>/dev/null && echo mounted\n"
        "unshare --user --map-root-user true 2>/dev/null && echo became root\n"
        f"echo x > /tmp/{name} && echo fine"
    )
    assert outcome.stdout == b"fine\n"
    assert not Path("/tmp", name).exists()
    assert not list(tmp_path.iterdir())


def test_nothing_stays_from_one_run_to_the_next(shell):
    """/tmp is empty again."""
    assert shell("touch /tmp/left; ls /tmp").stdout == b"left\n"
    assert shell("ls -A /tmp").stdout == b""


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


DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        {close}
        while True:
            time.sleep(1)
    os._exit(0)
time.sleep(0.2)
print("parent done")
"""


@pytest.mark.parametrize("close", ["os.closerange(0, 3)", "pass"])
def test_a_daemon_dies_with_its_program(python, word, close):
    """Forked twice in a session of its own, with its outputs closed or held open."""
    outcome = python(DAEMON.format(close=close), wall_seconds=100)
    assert (outcome.exit_code, outcome.stop) == (0, None)
    assert outcome.stdout == b"parent done\n"
    assert outcome.seconds < 50
    assert survivors(word) == []


def test_other_processes_cannot_be_killed(shell):
    """A process here and this one live on after an attempt on everything."""
    victim = subprocess.Popen(["sleep", "1000"])
    try:
        outcome = shell(
            f"kill -9 {victim.pid} {os.getpid()} {os.getppid()}; kill -9 -{os.getpgid(0)}; "
            "kill -9 1; kill -9 -1; echo alive"
        )
        assert outcome.exit_code in {0, 137}
        assert victim.poll() is None
    finally:
        victim.kill()
        victim.wait()


def test_there_is_no_network(python):
    """Not to a server on this machine's loopback, by number or in the abstract namespace."""
    name = f"\0sluice-{secrets.token_hex(8)}"
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind(name)
        local.listen()
        port = server.getsockname()[1]
        outcome = python(
            f"""
            import socket
            for family, address in (
                (socket.AF_INET, ("127.0.0.1", {port})),
                (socket.AF_INET, ("192.0.2.1", 80)),
                (socket.AF_UNIX, {name!r}),
            ):
                try:
                    with socket.socket(family) as s:
                        s.settimeout(2)
                        s.connect(address)
                    print("connected", address)
                except OSError:
                    print("refused")
            """
        )
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert outcome.stdout.split() == [b"refused"] * 3


def test_links_lead_nowhere(word, tmp_path):
    """A step that swaps files of the run for links to files here reads and writes none of them."""
    hidden = tmp_path / "secret"
    hidden.write_text("secret word")
    script = (
        f"for f in .step-0 program out; do rm -f $f; ln -s {hidden} $f; done; echo x > out; exit 1"
    )
    steps = [Step(["/bin/sh", "-c", script]), Step(["/bin/cat", "program"])]
    outcome = sandbox.run(steps, {"program": b"x"}, environment={"WORD": word})
    assert outcome.exit_code == 1
    assert b"secret word" not in outcome.stdout + outcome.stderr
    assert hidden.read_text() == "secret word"


def test_a_run_ends_when_its_parent_is_killed(word):
    """Even by a signal that gives the parent no time to clean up."""
    program = (
        "from stages.ablation.sandbox import *\n"
        f"run([Step(['sleep', '1000'])], {{}}, environment={{'WORD': {word!r}}})"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT) as parent:
        deadline = time.monotonic() + 60
        while not any("sleep" in line for line in survivors(word)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        parent.kill()
    while survivors(word):
        assert time.monotonic() < deadline
        time.sleep(0.05)


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
