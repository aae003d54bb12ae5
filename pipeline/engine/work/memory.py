"""How much memory a task needs.

A worker does many tasks, and the system keeps one high-water mark for the process: after a
training of 2 GB every small task would seem to need as much. Linux lets a process set its mark
back to what it holds now; where it does not, nothing is known.
"""

import contextlib
import re

import pyarrow as pa

_MARK = re.compile(r"VmHWM:\s+(\d+) kB")
RESET = "5"
"""What sets the mark back, written to `clear_refs` (proc(5))."""


class PeakMemory:
    """The most memory this process holds from now on: its interpreter and libraries, what earlier
    tasks left in it, and what the task adds."""

    def __init__(self) -> None:
        pa.default_memory_pool().release_unused()
        self._is_reset = False
        with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as control:
            control.write(RESET)
            control.flush()
            self._is_reset = True

    def peak_bytes(self) -> int | None:
        """The mark; None where it could not be set back."""
        if not self._is_reset:
            return None
        with contextlib.suppress(OSError), open("/proc/self/status", encoding="ascii") as status:
            found = _MARK.search(status.read())
            return None if found is None else int(found[1]) * 1024
        return None
