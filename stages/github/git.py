"""Git repositories, bare or with a work tree: the files of HEAD, read from the object store.

Only plumbing that touches objects is run (`rev-parse`, `ls-tree`, `cat-file`), never a checkout,
so no hook, filter, text conversion or file-system monitor of the repository can run. Its own
configuration is read by git but can start nothing: no protocol is allowed (a partial clone would
otherwise fetch missing objects with a command of its choice), there are no replacement objects,
and no settings of the user or the machine apply, so the result depends on the repository alone.
Naming the git folder outright also passes git's ownership check, which guards the discovery of
repositories, without `safe.directory` being set anywhere.

The order is that of `git ls-tree -r`; one `cat-file --batch` process serves all blobs
(about 15,000 small files/s).
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from stages.errors import InputError
from stages.github.entries import Damaged, Entry, EntryType

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""The object name of a tree without files: the revision of a repository without commits."""

_MODES: dict[bytes, EntryType] = {
    b"100644": "file",
    b"100664": "file",
    b"100755": "file",
    b"120000": "symlink",
    b"160000": "submodule",
}


@dataclass(frozen=True, slots=True)
class TreeFile:
    """A line of `git ls-tree -l`; `size` is -1 where git does not know it."""

    mode: bytes
    object_name: str
    size: int
    path: str


def git_dir(folder: Path) -> Path | None:
    """The git folder of a bare repository or a work tree, or None where there is none."""
    if (folder / ".git").exists():
        return folder / ".git"
    if (folder / "HEAD").is_file() and (folder / "objects").is_dir():
        return folder
    return None


def remote_origin(folder: Path) -> str | None:
    """The URL of the remote `origin`."""
    done = _run(folder, "config", "--get", "remote.origin.url")
    return done.stdout.decode("utf-8", "replace").strip() or None


def head_commit(folder: Path, revision: str | None) -> str | None:
    """The commit to read: `revision` if the repository has it, else HEAD; None if there are no
    commits at all. Raises `Damaged` if HEAD leads nowhere."""
    for name in (revision, "HEAD"):
        if name is not None:
            done = _run(
                folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
            )
            if done.returncode == 0:
                return done.stdout.decode("ascii").strip()
    refs = _run(folder, "for-each-ref", "--count=1")
    if refs.returncode == 0 and not refs.stdout:
        return None
    reason = (refs.stderr or done.stderr).decode("utf-8", "replace").strip()
    raise Damaged("unreadable", reason or "HEAD names no commit")


def tree_files(folder: Path, commit: str, *, recursive: bool = True) -> Iterator[TreeFile]:
    """The tree of a commit, line by line: a tree may unfold to more than memory holds."""
    arguments = ["ls-tree", "-z", "-l", "--full-tree", *(["-r"] if recursive else []), commit]
    with _started(folder, arguments) as (process, errors):
        assert process.stdout is not None
        pending = b""
        while chunk := process.stdout.read1(1 << 16):  # type: ignore[attr-defined]
            *lines, pending = (pending + chunk).split(b"\0")
            yield from map(_parse_line, lines)
        if process.wait() != 0 or pending:
            raise Damaged("corrupt", _message(errors) or "git ls-tree ended early")


def read_entries(folder: Path, commit: str) -> Iterator[Entry]:
    """The entries of a commit; blobs are read on demand."""
    with BlobReader(folder) as blobs:
        for file in tree_files(folder, commit):
            kind = _MODES.get(file.mode, "special")
            yield Entry(file.path, kind, file.size, None, partial(blobs.read, file.object_name))


class BlobReader:
    """One `git cat-file --batch` process, started again if a damaged object ends it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None

    def __enter__(self) -> "BlobReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def read(self, object_name: str) -> bytes:
        """The bytes of a blob; raises `Damaged` if it is missing or broken."""
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(object_name.encode("ascii") + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            self._fail(object_name)
        header = process.stdout.readline().split()
        if header[1:] == [b"missing"]:
            raise Damaged("corrupt", f"git: object {object_name} is missing")
        if len(header) != 3 or not header[2].isdigit():
            self._fail(object_name)
        size = int(header[2])
        payload = process.stdout.read(size + 1)
        if len(payload) != size + 1:
            self._fail(object_name)
        return payload[:-1]

    def _start(self) -> subprocess.Popen[bytes]:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the process)
        self._process = subprocess.Popen(
            _command(self._folder, "cat-file", "--batch"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=_environment(),
        )
        return self._process

    def _fail(self, object_name: str) -> None:
        self._stop(keep_errors=True)
        assert self._errors is not None
        message = _message(self._errors)
        self._errors.close()
        raise Damaged("corrupt", message or f"git: object {object_name} cannot be read")

    def _stop(self, *, keep_errors: bool = False) -> None:
        if self._process is not None:
            _end(self._process)
            self._process = None
        if self._errors is not None and not keep_errors:
            self._errors.close()


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


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            _command(folder, *arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=_environment(),
        )
    except FileNotFoundError as error:
        raise InputError(f"{folder}: reading a git repository needs the program `git`") from error


@contextmanager
def _started(
    folder: Path, arguments: list[str]
) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            _command(folder, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=_environment(),
        )
        try:
            yield process, errors
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def _message(errors: IO[bytes]) -> str:
    errors.seek(0)
    return errors.read(4096).decode("utf-8", "replace").strip()


def _parse_line(line: bytes) -> TreeFile:
    fields, _, path = line.partition(b"\t")
    mode, _, name, size = fields.split()
    return TreeFile(
        mode,
        name.decode("ascii"),
        int(size) if size.isdigit() else -1,
        path.decode("utf-8", "backslashreplace"),
    )
