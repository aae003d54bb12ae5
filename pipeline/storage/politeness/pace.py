"""When the next request may be made, after a server has asked for fewer.

A refusal stops everybody for as long as the server says (`Retry-After`, else a second), and for
the minute that follows the last refusal requests start a second apart, whoever makes them: Common
Crawl's rule for 503, and good manners elsewhere. Waits get up to a half more, a minute at most, so
that clusters that were refused together do not come back together.
"""

import random
from dataclasses import dataclass

APART_SECONDS = 1.0
SLOW_SECONDS = 60.0
LONGEST_JITTER_SECONDS = 60.0

_jitter = random.Random()


@dataclass
class Pace:
    """Two moments, in seconds of one clock."""

    not_before: float = 0.0
    """No request starts before it."""
    slow_until: float = 0.0
    """Until then requests start a second apart."""

    def wait(self, now: float, apart_seconds: float = 0.0) -> float:
        """Seconds until the caller may ask again, or 0: then it makes a request now, and the next
        one starts `apart_seconds` later at the earliest."""
        if now < self.not_before:
            return self.not_before - now
        if now < self.slow_until:
            apart_seconds = max(apart_seconds, APART_SECONDS)
        if apart_seconds:
            self.not_before = now + apart_seconds
        return 0.0

    def slow_down(self, now: float, seconds: float | None) -> None:
        """A request was refused; `seconds` is what the server said."""
        pause = max(seconds or 0.0, APART_SECONDS)
        more = _jitter.uniform(0, min(pause / 2, LONGEST_JITTER_SECONDS))
        self.not_before = max(self.not_before, now + pause + more)
        self.slow_until = max(self.slow_until, self.not_before + SLOW_SECONDS)
