"""Where compiled kernels are kept on a machine, so that one process finds what another compiled.

Numba unpickles what lies in its cache: who can write there runs code as us. The folder has a name
that anybody can guess, in a temporary directory where anybody can make it first, so it is taken
only if it is ours and nobody else may write to it. Otherwise kernels go to a fresh folder, and this
process compiles for itself.
"""

import atexit
import os
import shutil
import stat
import tempfile
from pathlib import Path

VARIABLE = "NUMBA_CACHE_DIR"
"""Numba's own; where a user sets it, that folder is taken as it is."""


def use_kernel_cache() -> None:
    """Let Numba, which must not have been imported yet, keep its kernels in `kernel_cache()`.

    Ray calls this on a cluster's nodes when a worker starts; children inherit the choice.
    """
    if not os.environ.get(VARIABLE):
        os.environ[VARIABLE] = str(kernel_cache())


def ensure_kernel_cache() -> None:
    """The same where Numba would have no place of its own, which it takes for an error: Sluice is
    installed where this user may not write, and so is the home directory."""
    own = Path(__file__).resolve().parents[2] / "stages" / "kernels" / "__pycache__"
    users = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "numba")
    if not _can_be_made(own) and not _can_be_made(users):
        use_kernel_cache()


def _can_be_made(folder: Path) -> bool:
    there = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    return there.is_dir() and os.access(there, os.W_OK)


def kernel_cache() -> Path:
    """A folder that we alone can enter: the one all our processes on this machine share, or a
    fresh one, gone with this process, where that cannot be trusted."""
    shared = Path(tempfile.gettempdir(), f"sluice-numba-{os.geteuid()}")
    try:
        shared.mkdir(mode=0o700)
    except FileExistsError:
        if not _is_ours(shared):
            fresh = tempfile.mkdtemp(prefix="sluice-numba-")
            atexit.register(shutil.rmtree, fresh, ignore_errors=True)
            return Path(fresh)
    shared.chmod(0o700)
    return shared


def _is_ours(folder: Path) -> bool:
    """A real folder of this user's, to which nobody else could write."""
    status = folder.lstat()
    writable_to_others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not writable_to_others
