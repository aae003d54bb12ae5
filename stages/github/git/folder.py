"""Is a git folder its own whole, made of nothing but files and folders?

git follows what it finds: a `.git` file, an `alternates` file, `commondir`, an `include` of the
configuration and symbolic links all lead to files elsewhere, which are not the input's to read; and
it opens a pipe or a device like any file, and waits. So everything that git reads for us is looked
at first, and a folder that leads elsewhere is refused with the reason. What git does not read for
us (hooks, logs, the index, other work trees) may be as it likes.

Cost: a directory listing of `objects` and `refs`, about a million names a second.
"""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from stages.github.entries import Damaged, storable
from stages.regular_files import open_regular

READ_BY_GIT = (
    "HEAD",
    "config",
    "config.worktree",
    "packed-refs",
    "shallow",
    "refs",
    "objects",
    "info",
)
MAX_ALTERNATES_BYTES = 1 << 16
MAX_HEAD_BYTES = 256

_HEAD = re.compile(rb"ref:\s*refs/|[0-9a-f]{40}")


def git_dir(folder: Path) -> Path | None:
    """The git folder of a bare repository or a work tree, or None where there is none."""
    if os.path.lexists(folder / ".git"):
        return folder / ".git"
    is_bare = (folder / "HEAD").is_file() or (
        (folder / "refs").is_dir() and (folder / "config").is_file()
    )
    return folder if is_bare and (folder / "objects").is_dir() else None


def has_head(folder: Path) -> bool:
    """Whether git can read the HEAD of a git folder, which was looked at (`check_git_dir`)."""
    try:
        with open_regular(folder / "HEAD") as stream:
            return _HEAD.match(stream.read(MAX_HEAD_BYTES)) is not None
    except OSError:
        return False


def check_git_dir(folder: Path) -> None:
    """Raise `Damaged` if git, asked about this git folder, would leave it or wait."""
    if folder.is_symlink() or not folder.is_dir():
        raise _refused("`.git` is no folder: it leads to a repository elsewhere")
    if os.path.lexists(folder / "commondir"):
        raise _refused("`commondir` leads to a repository elsewhere")
    root = os.path.realpath(folder)
    for path in _everything(folder):
        _check(path, root)
    _check_alternates(folder / "objects" / "info" / "alternates")


def _everything(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Every file and folder that git may read, links not followed."""
    folders: list[str] = []
    with os.scandir(folder) as listing:
        for entry in listing:
            if entry.name in READ_BY_GIT:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
    while folders:
        with os.scandir(folders.pop()) as listing:
            for entry in listing:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)


def _check(entry: os.DirEntry[str], root: str) -> None:
    if entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False):
        return
    name = storable(os.path.relpath(entry.path, root))
    if not entry.is_symlink():
        raise _refused(f"`{name}` is neither a file nor a folder")
    target = os.path.realpath(entry.path)
    if os.path.commonpath([root, target]) != root:
        raise _refused(f"`{name}` is a link that leads out of the git folder")
    if os.path.exists(target) and not stat.S_ISREG(os.stat(target).st_mode):
        raise _refused(f"`{name}` is a link to something that is no file")


def _check_alternates(path: Path) -> None:
    if not os.path.lexists(path):
        return
    with open_regular(path) as stream:
        lines = stream.read(MAX_ALTERNATES_BYTES).splitlines()
    if any(line and not line.startswith(b"#") for line in lines):
        raise _refused(
            "`objects/info/alternates` leads to objects elsewhere (`git repack -a -d` fetches them)"
        )


def _refused(problem: str) -> Damaged:
    return Damaged("unreadable", f"git: {problem}")
