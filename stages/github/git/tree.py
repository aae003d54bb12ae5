"""Git repositories, bare or with a work tree: the files of HEAD, read from the object store.

The order is that of `git ls-tree -r`; one `cat-file --batch` process serves all blobs
(about 15,000 small files/s). What may be read at all is said in `folder`, how git is run in
`process`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stages.github.entries import MAX_PATH_BYTES, Damaged, Entry, EntryType
from stages.github.git.folder import check_git_dir, git_dir
from stages.github.git.process import Git, answer

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""The object name of a tree without files: the revision of a repository without commits."""

SILENT_SECONDS = 30.0
MAX_SETTINGS_BYTES = 1 << 20
MAX_LINE_BYTES = MAX_PATH_BYTES + 256
"""A line of `ls-tree` that is longer has a path that is too long; the rest of it is let go."""

_MODES: dict[bytes, EntryType] = {
    b"100644": "file",
    b"100664": "file",
    b"100755": "file",
    b"120000": "symlink",
    b"160000": "submodule",
}


@dataclass(frozen=True)
class GitFolder:
    """A git folder that was looked at: it leads nowhere else."""

    path: Path
    seconds: float
    remote: str | None
    """The URL of the remote `origin`."""

    def start(self, *arguments: str) -> Git:
        """A git command over this folder."""
        return Git(self.path, *arguments, seconds=self.seconds)

    def answer(self, *arguments: str) -> tuple[int, bytes, str]:
        """Exit code, output and message of a short git command over this folder."""
        return answer(self.path, *arguments, seconds=self.seconds, limit=MAX_SETTINGS_BYTES)


@dataclass(frozen=True, slots=True)
class TreeFile:
    """A line of `git ls-tree -l`; `size` is -1 where git does not know it."""

    mode: bytes
    object_name: str
    size: int
    path: str


def open_git(folder: Path, seconds: float = SILENT_SECONDS) -> GitFolder:
    """The git folder of a bare repository or a work tree; `Damaged` if there is none that may be
    read."""
    path = git_dir(folder)
    if path is None:
        raise Damaged("unreadable", "the folder is neither a git repository nor a package")
    check_git_dir(path)
    remote = None
    for file in ("config", "config.worktree"):
        if (path / file).exists():
            remote = _settings(path, file, seconds).get("remote.origin.url", remote)
    return GitFolder(path, seconds, remote or None)


def tree_files(
    folder: GitFolder, commit: str, *, recursive: bool = True, under: str | None = None
) -> Iterator[TreeFile]:
    """The tree of a commit, or of a folder in it, line by line: a tree may unfold to more than
    memory holds."""
    recursively = ["-r"] if recursive else []
    inside = [] if under is None else [f"{under}/"]
    with folder.start("ls-tree", "-z", "-l", "--full-tree", *recursively, commit, *inside) as git:
        pending = b""
        while chunk := git.read_piece():
            first, *lines = chunk.split(b"\0")
            if len(pending) < MAX_LINE_BYTES:
                pending += first
            if lines:
                yield _parse_line(pending)
                yield from map(_parse_line, lines[:-1])
                pending = lines[-1]
        if git.end() != 0 or pending:
            raise Damaged("corrupt", git.message() or "git ls-tree ended early")


def read_entries(folder: GitFolder, commit: str, blobs: "BlobReader") -> Iterator[Entry]:
    """The entries of a commit; blobs are read on demand."""
    for file in tree_files(folder, commit):
        kind = _MODES.get(file.mode, "special")
        yield Entry(file.path, kind, file.size, None, partial(blobs.read, file))


class BlobReader:
    """One `git cat-file --batch` process, started again if a damaged object ends it."""

    def __init__(self, folder: GitFolder, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._git: Git | None = None

    def __enter__(self) -> "BlobReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def read(self, file: TreeFile) -> bytes:
        """The bytes of a blob; raises `Damaged` if it is missing, broken or no blob."""
        name = file.object_name
        git = self._git = self._git or self._folder.start("cat-file", "--batch")
        try:
            return self._read(git, name)
        except Damaged:
            self._stop()
            raise

    def _read(self, git: Git, name: str) -> bytes:
        header = git.read_line().split() if git.ask(name.encode("ascii") + b"\n") else []
        if header[1:] == [b"missing"]:
            raise Damaged("corrupt", f"git: object {name} is missing")
        if len(header) != 3 or not header[2].isdigit():
            git.kill()
            raise Damaged("corrupt", git.message() or f"git: object {name} cannot be read")
        kind, size = header[1].decode("ascii", "replace"), int(header[2])
        if kind != "blob" or size > self._max_bytes:
            raise Damaged("corrupt", f"git: object {name} is a {kind} of {size} bytes")
        payload = git.read(size + 1)
        if len(payload) != size + 1:
            git.kill()
            raise Damaged("corrupt", git.message() or f"git: object {name} ends early")
        return payload[:-1]

    def _stop(self) -> None:
        if self._git is not None:
            self._git.close()
            self._git = None


def _settings(path: Path, file: str, seconds: float) -> dict[str, str]:
    """The last value of every setting in a file of the git folder, which may include no other."""
    code, output, message = answer(
        path,
        "config",
        f"--file={(path / file).absolute()}",
        "--no-includes",
        "--null",
        "--list",
        seconds=seconds,
        limit=MAX_SETTINGS_BYTES,
    )
    if code != 0:
        raise Damaged("unreadable", message or f"git: `{file}` cannot be read")
    settings = {}
    for record in output.decode("utf-8", "replace").split("\0"):
        key, _, value = record.partition("\n")
        if key.startswith(("include.", "includeif.")):
            raise Damaged("unreadable", f"git: `{file}` includes another file")
        settings[key] = value
    return settings


def _parse_line(line: bytes) -> TreeFile:
    fields, _, path = line.partition(b"\t")
    mode, _, name, size = fields.split()
    return TreeFile(
        mode,
        name.decode("ascii"),
        int(size) if size.isdigit() else -1,
        path.decode("utf-8", "backslashreplace"),
    )
