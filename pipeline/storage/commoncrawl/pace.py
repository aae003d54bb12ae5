"""When the next request may be made, after a server has asked for fewer.

Common Crawl's rule for 503: wait, then at most one request a second. So a refusal stops everybody
for as long as the server says (`Retry-After`, else a second), and for the minute that follows the
last refusal requests start a second apart, whoever makes them. Waits get up to a half more, so
that clusters that were refused together do not come back together.
"""

import random
from dataclasses import dataclass

APART_SECONDS = 1.0
SLOW_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 600.0

_jitter = random.Random()


@dataclass
class Pace:
    """Two moments, in seconds of one clock."""

    not_before: float = 0.0
    """No request starts before it."""
    slow_until: float = 0.0
    """Until then requests start a second apart."""

    def wait(self, now: float) -> float:
        """Seconds until the caller may ask again, or 0: then it makes a request now."""
        if now < self.not_before:
            return self.not_before - now
        if now < self.slow_until:
            self.not_before = now + APART_SECONDS
        return 0.0

    def slow_down(self, now: float, seconds: float | None) -> None:
        """A request was refused; `seconds` is what the server said."""
        pause = min(max(seconds or 0.0, APART_SECONDS), LONGEST_PAUSE_SECONDS)
        self.not_before = max(self.not_before, now + _jitter.uniform(pause, 1.5 * pause))
        self.slow_until = max(self.slow_until, self.not_before + SLOW_SECONDS)
