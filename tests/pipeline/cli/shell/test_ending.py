"""How a command ends that did not end well: one sentence, the right code, no traceback."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NoReturn

import pytest

from pipeline.cli import commands
from pipeline.cli.shell.ending import ending
from stages.errors import ConfigError, StageError
from tests.pipeline.conftest import Sluice

WAITING = """
import sys, time
from pathlib import Path
from pipeline import cli
from pipeline.cli import commands
from pipeline.storage.lock import run_lock

def wait(*_, **__):
    with run_lock(Path(sys.argv[-1])):
        try:
            print("working", flush=True)
            time.sleep(60)
        finally:
            print("cleaned up", flush=True)

commands.run = commands.verify = wait
cli.main()
"""


def raising(error: BaseException) -> object:
    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ConfigError("`x` = 1: too small"), 2, "sluice: `x` = 1: too small"),
        (StageError("web.dedup: it broke"), 1, "sluice: web.dedup: it broke"),
        (PermissionError(13, "Permission denied", "/x"), 1, "Permission denied: '/x'"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
        (MemoryError(), 1, "not enough memory"),
        (StageError("https://me:s3cret@host/x?sig=s3cret failed"), 1, "https://***@host/x?***"),
    ],
)
def test_an_error_is_one_message(
    sluice: Sluice,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    message: str,
) -> None:
    """Ours, and those of the machine; without secrets."""
    monkeypatch.setattr(commands, "verify", raising(error))
    found, out, err = sluice("verify", "x")
    assert (found, out) == (code, "")
    assert message in err
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert "s3cret" not in err


def test_a_bug_is_one_sentence_and_a_file(
    sluice: Sluice, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The file holds the traceback, the sentence where it is."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    bug = ZeroDivisionError("token=s3cret\nand more")
    monkeypatch.setattr(commands, "verify", raising(bug))
    code, _, err = sluice("verify", "x")
    (log,) = tmp_path.glob("sluice-bug-*.log")
    assert code == 1
    assert err == (
        "sluice: ZeroDivisionError: token=***: this is a bug of Sluice; "
        f"its traceback is in {log}\n"
    )
    text = log.read_text()
    assert "Traceback" in text
    assert "in fail" in text
    assert "s3cret" not in text


def test_a_bug_on_a_full_disk_still_has_its_traceback(
    sluice: Sluice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the message, where no file can be written."""
    monkeypatch.setattr("tempfile.tempdir", "/nowhere/at/all")
    monkeypatch.setattr(commands, "verify", raising(ZeroDivisionError()))
    code, _, err = sluice("verify", "x")
    assert code == 1
    assert "sluice: ZeroDivisionError: this is a bug" in err
    assert "Traceback" in err


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("run", "sluice: terminated; the same command resumes\n"),
        ("verify", "sluice: terminated\n"),
    ],
)
def test_sigterm_ends_a_command_in_order(command: str, message: str, tmp_path: Path) -> None:
    """Exit code 143; what was held is given back, as after Ctrl-C."""
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING, command, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (143, "cleaned up\n", message)


def test_a_forked_child_dies_of_sigterm_at_once() -> None:
    """It must not unwind its parent's work."""
    with ending():
        child = os.fork()
        if child == 0:
            try:
                time.sleep(60)
            finally:
                os._exit(7)
        time.sleep(0.2)
        os.kill(child, signal.SIGTERM)
        _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGTERM


def test_what_a_caller_does_with_sigterm_is_left_alone() -> None:
    """A program that uses Sluice may have a handler of its own, or a thread that is not the main
    one."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with ending():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)

    def elsewhere() -> None:
        with ending():
            pass

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_handler_goes_with_the_command() -> None:
    """A second SIGTERM ends the process at once."""

    def work() -> NoReturn:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(30)
        finally:
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        raise AssertionError

    with pytest.raises(SystemExit) as caught, ending():
        work()
    assert caught.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
