"""Runs programs nobody has read: namespaces by bubblewrap, limits by the kernel and a watchdog.

What a program sees: the system's /usr and what its toolchain names, read-only; an empty /tmp of
limited size that dies with it; its own processes; no network, not even the host's loopback; no
home, no /etc but the loader's cache, no variable of ours. Nothing comes back but the exit status
and, up to a limit, what it wrote to its two outputs; none of its processes survives. It costs about
20 ms besides the program. Without bubblewrap 0.8 or later nothing is ever executed.
"""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stages.ablation.sandbox import bubblewrap
from stages.ablation.sandbox.supervise import READ_BYTES, Limits, Stop, Supervised
from stages.errors import StageError

# Between two ticks of the watchdog the kernel holds a fork bomb to so many times the limit;
# threads count there.
KERNEL_PROCESSES = 4
OPEN_FILES = 256


@dataclass(frozen=True)
class Step:
    """A command in /tmp; the next one runs if it exits with 0.

    Before the last step, both outputs go to standard error, and only if the step fails.
    """

    command: Sequence[str]
    limits: Limits = Limits()  # noqa: RUF009 - frozen


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    step: int
    """The last step that began."""
    exit_code: int
    """128 + N after signal N."""
    stop: Stop | None
    """The limit that ended the run."""
    stdout: bytes
    stderr: bytes
    seconds: float


@cache
def unavailable() -> str | None:
    """Why nothing can be executed here; None where a sandbox works."""
    needed = {"bwrap": "bubblewrap", "prlimit": "util-linux", "setpriv": "util-linux"}
    for tool, package in needed.items():
        if shutil.which(tool, path=os.defpath) is None:
            return f"no program is executed: {tool} is not installed (Debian: {package})"
    if not Path(f"/proc/self/task/{os.getpid()}/children").exists():
        return "no program is executed: this kernel does not list a process's children"
    try:
        outcome = run([Step(["/bin/sh", "-c", "exit 7"])], {})
    except StageError as error:
        return f"no program is executed: {error}"
    return None if outcome.exit_code == 7 else f"no program is executed: {outcome}"


def run(
    steps: Sequence[Step],
    files: Mapping[str, bytes],
    *,
    mounts: bubblewrap.Mounts = (),
    environment: Mapping[str, str] | None = None,
) -> Outcome:
    """Runs the steps one after another in one sandbox whose /tmp holds `files`.

    `mounts` are pairs (here, in the sandbox), read-only. Raises StageError if no sandbox could be
    made, or if it could not be ended; whatever the program does is an Outcome.
    """
    started = time.monotonic()
    limits = [step.limits for step in steps]
    with ExitStack() as stack:
        control, theirs = (stack.enter_context(end) for end in socket.socketpair())
        info, writing = (stack.enter_context(open(end, mode)) for end, mode in _pipe())
        contents = {name: _in_memory(name, data, stack) for name, data in files.items()}
        try:
            command = bubblewrap.command(
                _script(steps),
                mounts,
                contents,
                environment or {},
                limits[0].disk_bytes,
                writing.fileno(),
            )
            process = subprocess.Popen(
                command,
                bufsize=0,
                stdin=theirs.fileno(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[writing.fileno(), *contents.values()],
                cwd="/",
                # Bubblewrap is process 1 in the sandbox, and its environment can be read there.
                env={"PATH": os.defpath},
                start_new_session=True,
            )
        except OSError as error:
            raise StageError(f"a sandbox does not start: {error}") from error
        writing.close()
        theirs.close()
        with Supervised(process, control, info) as supervised:
            stop = supervised.watch(limits)
        if supervised.step < 0:
            raise supervised.not_started()
        seconds = time.monotonic() - started
        code = supervised.exit_code
        cpu_seconds = limits[supervised.step].cpu_seconds
        if stop is None and (
            code == 128 + signal.SIGXCPU  # a program that catches it is killed a second later
            or (code == 128 + signal.SIGKILL and seconds > cpu_seconds)
        ):
            stop = "CPU time"
        return Outcome(
            supervised.step,
            code,
            stop,
            bytes(supervised.stdout[: limits[0].output_bytes]),
            bytes(supervised.stderr[: limits[0].output_bytes]),
            seconds,
        )


def _pipe() -> tuple[tuple[int, str], tuple[int, str]]:
    reading, writing = os.pipe()
    return (reading, "rb"), (writing, "wb")


def _in_memory(name: str, content: bytes, stack: ExitStack) -> int:
    """A descriptor to read `content` from."""
    descriptor = os.memfd_create(name)
    stack.callback(os.close, descriptor)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _script(steps: Sequence[Step]) -> str:
    """Tells on standard input, a socket, that a step begins; no step inherits it."""
    lines = ["read -r go"]
    for number, step in enumerate(steps):
        words = shlex.join([*_limited(step.limits), *step.command])
        lines.append("echo >&0")
        if number == len(steps) - 1:
            lines.append(f"exec {words} </dev/null")
        else:
            log = f".step-{number}"
            failed = f"{{ code=$?; head -c {READ_BYTES} {log} >&2; exit $code; }}"
            lines += [f"{words} </dev/null >{log} 2>&1 || {failed}", f"rm -f {log}"]
    return "\n".join(lines)


def _limited(limits: Limits) -> Iterator[str]:
    yield "prlimit"
    yield f"--cpu={limits.cpu_seconds}:{limits.cpu_seconds + 1}"
    yield f"--nproc={KERNEL_PROCESSES * limits.processes}"
    yield f"--fsize={limits.file_bytes}"
    yield f"--nofile={OPEN_FILES}"
    yield "--core=0"
    if limits.address_space is not None:
        yield f"--as={limits.address_space}"
    yield "--"
