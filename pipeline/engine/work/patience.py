"""How much of a task's time may be lost to what hangs.

A record that hangs is told from a slow one by giving it ten times its limit, alone. Since a crawl
may hold sixty such records in a row, a task has a purse for what it loses to them, and each wait
gets at most half of what is left: sixty cost twenty minutes at the default of 60 s, where sixty
full waits would take ten hours.
"""

from pipeline.engine.work.task import Limits
from pipeline.engine.work.watchdog import LONGEST_SECONDS

PATIENCE = 10
"""A single record, or the reading of an input, gets so many times its limit, in a process of its
own, before it counts as hanging."""
PURSE = 20
"""What a task may lose, in multiples of `record_seconds`."""
LEAST_SECONDS = 1.0
"""What a record gets when the purse is empty (`record_seconds`, if that is less)."""


class Patience:
    """A task's purse."""

    def __init__(self, limits: Limits) -> None:
        self._left = min(limits.record_seconds * PURSE, LONGEST_SECONDS)
        self._least = min(limits.record_seconds, LEAST_SECONDS)

    def covers(self, seconds: float) -> bool:
        """Whether the task can bear the whole of a wait."""
        return seconds <= self._left / 2

    def limit(self, seconds: float) -> float:
        """How much of a wait the task can bear."""
        return max(min(seconds, self._left / 2), self._least)

    def lose(self, seconds: float) -> None:
        """A wait of so many seconds was in vain."""
        self._left = max(0.0, self._left - seconds)
