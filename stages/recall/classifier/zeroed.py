"""Memory that is zero when fastText gets it.

With one thread fastText (0.9.3 and its wheels) fills only the first tenth of its input matrix
with random numbers; the rest stays as the allocator returned it. Fresh pages are zero, reused
memory holds anything: two trainings in one process then differ, and on small models the leftovers
read as huge floats or end in "Encountered NaN". glibc can fill what it hands out: `mallopt` with
M_PERTURB = 255 fills with 255 XOR 255 = 0, at any size and in any process.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

M_PERTURB = -6
FILL_WITH_ZERO = 255
OFF = 0


@contextmanager
def zeroed_allocations() -> Iterator[None]:
    """While open, memory that C code allocates in this process is zero. Without glibc's `mallopt`
    nothing happens (macOS returns zeroed pages for a matrix)."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    mallopt = getattr(libc, "mallopt", None)
    if mallopt is None:
        yield
        return
    mallopt(M_PERTURB, FILL_WITH_ZERO)
    try:
        yield
    finally:
        mallopt(M_PERTURB, OFF)
