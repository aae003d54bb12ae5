"""Where compiled kernels are kept on a machine, so that one process finds what another compiled.

Numba unpickles what lies in its cache: who can write there runs code as us. Where the shared folder
cannot be trusted kernels go to a fresh one, and this process compiles for itself.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from pipeline.storage.shared_folder import shared_folder

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
    shared = shared_folder("numba")
    if shared is not None:
        return shared
    fresh = tempfile.mkdtemp(prefix="sluice-numba-")
    atexit.register(shutil.rmtree, fresh, ignore_errors=True)
    return Path(fresh)
