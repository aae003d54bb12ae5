"""What a private Ray leaves on this machine when its driver is killed: two agents, which find out
after minutes that there is nobody left. The next driver of the same run, which has its lock, knows
that the last one is gone, and ends them first.

They are known by the log files that they hold open in the folder of their session, whose name the
driver notes down: no other process has those.
"""

import contextlib
import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import ray

from pipeline.engine.ray.processes import holders
from pipeline.storage.storage import Storage

NOTE = "scratch/ray.json"


def note_session(storage: Storage) -> None:
    """Note down the session that was just started on this machine."""
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    sockets = {str(node["RayletSocketName"]) for node in nodes}
    folders = sorted(str(Path(name).parent.parent) for name in sockets)
    note = {"host": socket.gethostname(), "sessions": folders}
    storage.write(NOTE, json.dumps(note).encode())


def forget_session(storage: Storage) -> None:
    """The session has ended in order."""
    storage.delete(NOTE)


def end_remains(storage: Storage) -> int:
    """End what is left of the session of a driver that was killed; returns how many processes."""
    sessions: list[str] = []
    if storage.exists(NOTE):
        with contextlib.suppress(ValueError, KeyError, TypeError):  # a note cut short tells nothing
            note = json.loads(storage.read_bytes(NOTE))
            sessions = note["sessions"] if note["host"] == socket.gethostname() else []
    pids = {pid for folder in sessions if Path(folder).name.startswith("session_")
            for pid in holders(folder)}  # fmt: skip
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    storage.delete(NOTE)
    return len(pids)
