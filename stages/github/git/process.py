"""Running git over a stranger's repository: without its commands, and never for longer than asked.

Only plumbing that touches objects is run, so no hook, filter, text conversion or file-system
monitor of the repository can run. Its own configuration is read by git but can start nothing: no
protocol is allowed (a partial clone would otherwise fetch missing objects with a command of its
choice), there are no replacement objects, and no settings of the user or the machine apply, so the
result depends on the repository alone. Naming the git folder outright also passes git's ownership
check, which guards the discovery of repositories, without `safe.directory` being set anywhere.

A HEAD that git cannot read (cut off, or lost) makes it refuse the folder altogether; then it is
given one of ours, in a folder that has everything but its HEAD in common with the other.

git runs in a process group of its own, which is killed as a whole when nothing is wanted of it any
more or it has been silent for too long. Its heap is bounded where the system can do that: a small
blob may be a delta of a huge one.
"""

import contextlib
import os
import resource
import select
import signal
import subprocess
import tempfile
from pathlib import Path

from stages.errors import StageError
from stages.github.entries import Damaged
from stages.github.git.folder import has_head

PIECE_BYTES = 1 << 16
MAX_HEAP_BYTES = 1 << 29
MESSAGE_BYTES = 4096


class Git:
    """One running `git` command; `seconds` is how long it may be silent when it is asked."""

    def __init__(self, folder: Path, *arguments: str, seconds: float) -> None:
        self._seconds = seconds
        self._pending = bytearray()
        self._own_head: tempfile.TemporaryDirectory[str] | None = None
        try:
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
            git_dir = folder
            if not has_head(folder):
                self._own_head = tempfile.TemporaryDirectory()
                git_dir = Path(self._own_head.name)
                (git_dir / "HEAD").write_text("ref: refs/heads/main\n")
                (git_dir / "commondir").write_bytes(os.fsencode(folder.absolute()) + b"\n")
            self._process = subprocess.Popen(
                _command(git_dir, *arguments),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                bufsize=0,
                env=_environment(),
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise StageError(f"{folder}: git is needed to read it, and is not installed") from error
        except OSError as error:
            raise StageError(f"{folder}: `git` cannot be started: {error}; run again") from error
        _bound_heap(self._process.pid)
        assert self._process.stdout is not None
        self._output = self._process.stdout.fileno()
        self._poll = select.poll()
        self._poll.register(self._output, select.POLLIN)

    def __enter__(self) -> "Git":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Be done with git, whatever it is doing."""
        self.kill()
        self._errors.close()
        if self._own_head is not None:
            self._own_head.cleanup()

    def ask(self, question: bytes) -> bool:
        """Write to git's input; False if it is gone. Short questions, one at a time."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(question)
        except BrokenPipeError:
            return False
        return True

    def read_piece(self) -> bytes:
        """What git wrote, as it comes; nothing at the end."""
        if self._pending:
            piece = bytes(self._pending)
            self._pending.clear()
            return piece
        return self._receive()

    def read_line(self, limit: int = PIECE_BYTES) -> bytes:
        """The next line, without its end where there is none within `limit` bytes."""
        while (end := self._pending.find(b"\n")) < 0 and len(self._pending) < limit:
            piece = self._receive()
            if not piece:
                break
            self._pending += piece
        return self._take(end + 1 or len(self._pending))

    def read(self, size: int) -> bytes:
        """`size` bytes, fewer only at the end."""
        parts = [self._take(min(size, len(self._pending)))]
        missing = size - len(parts[0])
        while missing > 0 and (piece := self._receive()):
            parts.append(piece[:missing])
            self._pending += piece[missing:]
            missing -= len(parts[-1])
        return b"".join(parts)

    def end(self) -> int:
        """The exit code, once git has written all it has to say."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(self._seconds)
        raise self._silent()

    def message(self) -> str:
        """What git wrote on standard error; call it when git has ended or is killed."""
        self._errors.seek(0)
        return self._errors.read(MESSAGE_BYTES).decode("utf-8", "replace").strip()

    def kill(self) -> None:
        """End git and whatever it started, and wait for that."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _receive(self) -> bytes:
        if not self._poll.poll(1000 * self._seconds):
            raise self._silent()
        return os.read(self._output, PIECE_BYTES)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._pending[:size])
        del self._pending[:size]
        return taken

    def _silent(self) -> Damaged:
        self.kill()
        return Damaged("timeout", f"git was silent for {self._seconds:g} seconds (git_seconds)")


def answer(folder: Path, *arguments: str, seconds: float, limit: int) -> tuple[int, bytes, str]:
    """Exit code, output and message of a git command that says little."""
    with Git(folder, *arguments, seconds=seconds) as git:
        output = git.read(limit + 1)
        if len(output) > limit:
            raise Damaged("limit", f"git {arguments[0]} says more than {limit} bytes")
        return git.end(), output, git.message()


def _bound_heap(process: int) -> None:
    if hasattr(resource, "prlimit"):
        with contextlib.suppress(OSError):
            resource.prlimit(process, resource.RLIMIT_DATA, (MAX_HEAP_BYTES, MAX_HEAP_BYTES))


def _command(folder: Path, *arguments: str) -> list[str]:
    return [
        "git",
        f"--git-dir={folder.absolute()}",
        "--no-pager",
        "--no-replace-objects",
        "-c",
        "core.fsmonitor=false",
        "-c",
        f"core.hooksPath={os.devnull}",
        *arguments,
    ]


def _environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return kept | {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
