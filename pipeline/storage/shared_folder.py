"""A folder of this machine that all our processes share and nobody else may write to.

It has a name that anybody can guess, in a temporary directory where anybody can make it first, so
it is taken only if it is ours.
"""

import os
import stat
import tempfile
from pathlib import Path


def shared_folder(purpose: str) -> Path | None:
    """The folder for this purpose, made if need be; None where it cannot be trusted."""
    folder = Path(tempfile.gettempdir(), f"sluice-{purpose}-{os.geteuid()}")
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not _is_ours(folder):
            return None
    folder.chmod(0o700)
    return folder


def _is_ours(folder: Path) -> bool:
    """A real folder of this user's, to which nobody else could write."""
    status = folder.lstat()
    writable_to_others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not writable_to_others
