"""Counts a sandbox's processes and their memory, from outside.

The kernel limits one process at a time (and, without a cgroup of one's own, nothing else), so the
tree is walked every few hundredths of a second: `/proc/PID/task/TID/children`, below process 1 of
the sandbox, which adopts every orphan. About 20 µs per process.
"""

import os
from collections.abc import Iterator
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def usage(first: int) -> tuple[int, int]:
    """(processes, resident bytes) of the tree below a process, itself not counted."""
    n_processes = resident = 0
    for pid in _below(first):
        n_processes += 1
        resident += _resident(pid)
    return n_processes, resident


def _below(first: int) -> Iterator[int]:
    waiting = [first]
    seen = {first}
    while waiting:
        for pid in _children(waiting.pop()):
            if pid not in seen:
                seen.add(pid)
                waiting.append(pid)
                yield pid


def _children(pid: int) -> Iterator[int]:
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            yield from map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    except (FileNotFoundError, ProcessLookupError):  # gone in the meantime
        return


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
    except (FileNotFoundError, ProcessLookupError):
        return 0
