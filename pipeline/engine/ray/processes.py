"""The processes of this machine, as Linux tells of them in `/proc`; elsewhere there are none to
see, and what is built on this does nothing.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
STOPPED = "T"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Process:
    """One process: its parent, its state (a letter of proc(5)), and the CPU time it has used."""

    pid: int
    parent: int
    state: str
    cpu_seconds: float
    title: str


def processes() -> Iterator[Process]:
    """All that this user may see."""
    for folder in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):  # it may end meanwhile
            yield _read(folder)


def descendants(pid: int) -> list[Process]:
    """The children of a process, their children, and so on."""
    children: dict[int, list[Process]] = {}
    for process in processes():
        children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    pending = [pid]
    while pending:
        own = children.get(pending.pop(), [])
        found += own
        pending += [process.pid for process in own]
    return found


def holders(folder: str) -> list[int]:
    """This user's processes that have a file in the folder open, but for this one."""
    inside = folder.rstrip("/") + "/"
    found = []
    for process in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if process.stat().st_uid == os.getuid() and int(process.name) != os.getpid():
                links = (os.readlink(link) for link in (process / "fd").iterdir())
                if any(link.startswith(inside) for link in links):
                    found.append(int(process.name))
    return found


def _read(folder: Path) -> Process:
    name, _, rest = (folder / "stat").read_text(errors="replace").rpartition(")")
    fields = rest.split()
    title = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return Process(
        pid=int(name.split()[0]),
        parent=int(fields[1]),
        state=fields[0],
        cpu_seconds=(int(fields[11]) + int(fields[12])) / _TICKS,
        title=title.strip(),
    )
