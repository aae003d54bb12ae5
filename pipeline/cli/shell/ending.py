"""How a command ends that did not end well: one message and an exit code, never a traceback.

What Sluice raises on purpose is its own message. What the machine refuses (a full disk, a file that
may not be read) is the system's. Anything else is a bug: its traceback goes to a file that the
message names. SIGTERM ends a command as Ctrl-C does, so that workers end and locks are given back.
"""

import os
import select
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pipeline.storage.credentials import without_credentials
from stages.errors import ConfigError, SluiceError

FAILED, WRONG_USAGE, INTERRUPTED, TERMINATED = 1, 2, 130, 143


class Terminated(BaseException):
    """Somebody asked this process to end (SIGTERM)."""


@contextmanager
def ending() -> Iterator[None]:
    """Run a command; SystemExit if it did not end well."""
    try:
        with _until_terminated():
            yield
            sys.stdout.flush()
    except (BrokenPipeError, SystemExit) as end:
        if not _nobody_reads():
            raise
        _write_nowhere()
        code = 0 if isinstance(end, BrokenPipeError) or _is_of_pipe(end) else end.code
    except SluiceError as error:
        _say(str(error))
        code = WRONG_USAGE if isinstance(error, ConfigError) else FAILED
    except Terminated:
        _say("terminated")
        code = TERMINATED
    except MemoryError:
        _say("this machine has not enough memory")
        code = FAILED
    except OSError as error:
        _say(f"{type(error).__name__}: {error}")
        code = FAILED
    except Exception as error:  # noqa: BLE001 - the last resort: nobody else can tell the user
        _say(f"{_one_line(error)}: this is a bug of Sluice; {_kept()}")
        code = FAILED
    else:
        return
    sys.exit(code)


@contextmanager
def resumable() -> Iterator[None]:
    """A command that goes on where it stopped; who interrupts it is told."""
    try:
        yield
    except KeyboardInterrupt:
        _say("interrupted; the same command resumes")
        sys.exit(INTERRUPTED)
    except Terminated:
        _say("terminated; the same command resumes")
        sys.exit(TERMINATED)


def _is_of_pipe(end: SystemExit) -> bool:
    """Whether the command line's library made this of a write that nobody read."""
    return isinstance(end.__context__, BrokenPipeError)


def _nobody_reads() -> bool:
    """Whether standard output is a pipe whose reader has gone (`| head`): no error of ours."""
    poller = select.poll()
    poller.register(1, 0)
    return any(event & select.POLLERR for _, event in poller.poll(0))


def _write_nowhere() -> None:
    """So that nothing fails any more when buffers are written at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the process ends


def _say(message: str) -> None:
    shown = without_credentials(message).encode("utf-8", "backslashreplace").decode()
    print(f"sluice: {shown}", file=sys.stderr)


def _one_line(error: Exception) -> str:
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _kept() -> str:
    """Where the traceback of the current exception is; at the worst in the message itself."""
    text = without_credentials(traceback.format_exc())
    try:
        descriptor, path = tempfile.mkstemp(prefix="sluice-bug-", suffix=".log")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(text)
    except OSError:
        return f"its traceback:\n{text}"
    return f"its traceback is in {path}"


@contextmanager
def _until_terminated() -> Iterator[None]:
    """Turn the first SIGTERM into `Terminated`; a second one ends the process at once, and so does
    the first in a process that was forked from this one. A caller's own choice is left alone."""
    mine = os.getpid()
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def terminate(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if os.getpid() != mine:
            os.kill(os.getpid(), signal.SIGTERM)
        raise Terminated

    signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
