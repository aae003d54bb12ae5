"""Ends the process when a block takes too long, even inside native code that holds the
interpreter's lock: `faulthandler` has a thread of its own, which prints where every thread stands
and exits with code 1. Setting it costs 50 µs.
"""

import faulthandler
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TextIO

EXIT_CODE = 1
"""What a process ends with whose block took too long."""

LONGEST_SECONDS = 1e9
"""Thirty years: as good as no limit, and what the system's timers can still count."""


@contextmanager
def watchdog(seconds: float) -> Iterator[None]:
    """End the process if the block takes longer."""
    wind(seconds)
    try:
        yield
    finally:
        unwind()


def wind(seconds: float) -> None:
    """End the process in so many seconds, unless it is wound again or unwound before."""
    faulthandler.dump_traceback_later(
        min(max(seconds, 1e-3), LONGEST_SECONDS), exit=True, file=_trace()
    )


def unwind() -> None:
    """Let the process live."""
    faulthandler.cancel_dump_traceback_later()


def _trace() -> TextIO:
    """Where the threads' places are printed: standard error, or nowhere if that is closed."""
    try:
        os.fstat(sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):
        return _nowhere()
    return sys.stderr


@cache
def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")
