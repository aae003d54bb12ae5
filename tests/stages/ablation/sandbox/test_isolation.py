"""Programs that mean harm see nothing of this machine, touch nothing, and leave nothing behind."""

import os
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stages.ablation.sandbox import sandbox
from stages.ablation.sandbox.sandbox import Step
from tests.stages.ablation.sandbox.conftest import survivors

REASON = sandbox.unavailable()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))
ROOT = Path(__file__).resolve().parents[4]


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
        "from stages.ablation.sandbox.sandbox import *\n"
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
