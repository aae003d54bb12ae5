"""Standard streams that are closed when a command begins (`2>&-`, some services).

The next file that is opened would take their number, and what libraries print from below would be
written into it: into a table, or the run's lock.
"""

import os
import sys


def occupy_standard_streams() -> None:
    """Let the closed ones of standard input, output and error lead nowhere."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w")
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w")
