"""The command line that makes a sandbox: what a program sees, and as whom it runs.

Started by root, bubblewrap itself runs as a user id of its own: the program then owns no file here,
cannot touch root's, and the kernel's limit on a user's processes counts this run alone. Folders
that such a user cannot reach (a compiler below /root) are first mounted where it can, in a mount
namespace that ends with the run.
"""

import os
import secrets
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from stages.errors import StageError

HOME = "/tmp"
# Above the ids of people, services and containers.
FIRST_USER, N_USERS = 2_000_000_000, 100_000_000
NOBODY = "65534"
STAGES = ("/mnt", "/media", "/srv", "/opt")

Mounts = Sequence[tuple[Path, Path]]


def command(
    script: str,
    mounts: Mounts,
    files: Mapping[str, int],
    environment: Mapping[str, str],
    disk_bytes: int,
    info: int,
) -> list[str]:
    """Runs a shell script in a sandbox; standard input, output and error are passed on.

    `mounts` are pairs (here, in the sandbox), read-only; `files` are written to /tmp from open
    descriptors; on the descriptor `info` bubblewrap tells the sandbox's first process.
    """
    root = os.geteuid() == 0
    hidden = [here for here, _ in mounts if not _anyone_can_reach(here)] if root else []
    stage = _stage([here for here, _ in mounts])
    moved = {here: stage / str(number) for number, here in enumerate(hidden)}
    binds = [("--ro-bind", str(moved.get(here, here)), str(there)) for here, there in mounts]
    sandbox = [
        "bwrap",
        *("--unshare-all", "--unshare-user", "--disable-userns"),
        *("--uid", NOBODY, "--gid", NOBODY, "--cap-drop", "ALL", "--hostname", "sandbox"),
        *("--new-session", "--die-with-parent", "--info-fd", str(info)),
        *_system(),
        *("--size", str(disk_bytes), "--tmpfs", HOME),
        *(word for bind in binds for word in bind),
        *(word for name, fd in files.items() for word in ("--file", str(fd), f"{HOME}/{name}")),
        *("--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev", "--remount-ro", "/"),
        *("--chdir", HOME, "--clearenv"),
        *(word for variable in _environment(environment) for word in ("--setenv", *variable)),
        *("--", "/bin/sh", "-c", script),
    ]
    return [*_staged(moved, stage), *_as_user(), *sandbox] if root else sandbox


def _system() -> Iterator[str]:
    """The system's programs and libraries; links stay links."""
    yield from ("--ro-bind", "/usr", "/usr")
    for top in ("/bin", "/sbin", "/lib", "/lib32", "/lib64"):
        if Path(top).is_symlink():
            yield from ("--symlink", os.readlink(top), top)
        else:
            yield from ("--ro-bind-try", top, top)
    for file in ("/etc/alternatives", "/etc/ld.so.cache"):
        yield from ("--ro-bind-try", file, file)


def _environment(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    defaults = {"PATH": "/usr/bin:/bin", "HOME": HOME, "TMPDIR": HOME, "LANG": "C.UTF-8"}
    yield from {**defaults, **environment}.items()


def _as_user() -> list[str]:
    user = str(FIRST_USER + secrets.randbelow(N_USERS))
    return ["setpriv", "--reuid", user, "--regid", user, "--clear-groups"]


def _stage(sources: Sequence[Path]) -> Path:
    """A folder that every system has and no source lies in, to be covered for this run alone."""
    for folder in map(Path, STAGES):
        if folder.is_dir() and not any(source.is_relative_to(folder) for source in sources):
            return folder
    raise StageError(f"a sandbox needs one of {', '.join(STAGES)} free of what it mounts")


def _staged(moved: Mapping[Path, Path], stage: Path) -> list[str]:
    if not moved:
        return []
    lines = ["set -e", f"mount -t tmpfs -o mode=755 none {stage}"]
    for here, there in moved.items():
        lines += [
            f"mkdir {there}" if here.is_dir() else f"touch {there}",
            f"mount --bind {shlex.quote(str(here))} {there}",
        ]
    return [
        *("unshare", "--mount", "--propagation", "private", "--"),
        *("/bin/sh", "-c", "\n".join([*lines, 'exec "$@"']), "sh"),
    ]


def _anyone_can_reach(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in path.parents)
