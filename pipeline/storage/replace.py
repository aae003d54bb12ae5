"""Replacing a file, or making a folder, whole or not at all.

The content is written under a hidden name beside it, made durable, and takes its name, and a file's
mode; a reader, a crash or a full disk never meets half of it.
"""

import fcntl
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

TEMPORARY_SUFFIX = ".tmp"


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Write the file's new content; it is in place and, if it is to be, `durable` once the block
    ended well. After an error the file is as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}{TEMPORARY_SUFFIX}")
    try:
        with temporary.open("wb") as stream:
            yield stream
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        if path.exists():
            temporary.chmod(stat.S_IMODE(path.stat().st_mode))
        temporary.replace(path)
        if durable:
            fsync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A hidden folder that becomes `folder`, which is empty or not there, once the block ended
    well; else it is removed. A process that is killed leaves it: the next for the same folder
    removes what no living process holds the lock of."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    with ExitStack() as held:
        with locked(folder.parent):
            _remove_left(folder)
            temporary.mkdir()
            held.enter_context(locked(temporary))
        try:
            yield temporary
            for inner in (temporary, *(path for path in temporary.rglob("*") if path.is_dir())):
                fsync_folder(inner)
            temporary.rename(folder)
            fsync_folder(folder.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _remove_left(folder: Path) -> None:
    hidden = re.compile(rf"\.{re.escape(folder.name)}\.\d+{re.escape(TEMPORARY_SUFFIX)}")
    for left in list(folder.parent.iterdir()):
        if hidden.fullmatch(left.name) and left.is_dir():
            with suppress(BlockingIOError), locked(left, wait=False):
                shutil.rmtree(left, ignore_errors=True)


@contextmanager
def locked(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Wait for, and hold, the lock on a folder: of those who change a file that others change too,
    one at a time. BlockingIOError if another holds it, without waiting."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
