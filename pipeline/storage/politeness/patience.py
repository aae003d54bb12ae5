"""A request made when it is its turn, as often as that is worth while.

- `SlowDown`: everybody waits (`pace`), then this request is made again;
- PermissionError: the server wants nothing more of us: `BlockedError`, and the run ends;
- anything else that may pass (`Transient`) is tried again for five minutes.
"""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn, TypeVar

from pipeline.storage.credentials import without_credentials
from pipeline.storage.object_stores.retry import Retry, SlowDown, Transient
from pipeline.storage.politeness.gate import Connection, Gate
from pipeline.storage.politeness.service import Service
from stages.errors import BlockedError, StorageError

log = logging.getLogger("sluice")

_jitter = random.Random()
T = TypeVar("T")


@dataclass(frozen=True)
class Politeness:
    """Makes the requests to one service."""

    gate: Gate
    service: Service
    retry: Retry = field(default_factory=Retry)

    def call(self, what: str, action: Callable[[], T]) -> T:
        """The action's answer; BlockedError if we are not wanted, StorageError when patience is
        at its end. Waiting for a turn costs no patience."""
        return self.call_for_long(what, lambda _: action())

    def call_for_long(self, what: str, action: Callable[[Connection], T]) -> T:
        """The same for an action that may hold its connection for minutes, and renews it."""
        lost, pause, refused, n_refusals = 0.0, self.retry.first_pause_seconds, None, 0
        while True:
            with self.gate.connection() as connection:
                began = time.monotonic()
                try:
                    return action(connection)
                except PermissionError as error:
                    self._block(error)
                except SlowDown as error:
                    seconds = self._pause(error, n_refusals)
                    self.gate.slow_down(seconds)
                    n_refusals += 1
                    refused = refused or began
                    is_patient = began - refused <= self.service.refused_seconds
                    self._require(is_patient, what, error, seconds)
                    continue
                except Transient as error:
                    lost += time.monotonic() - began + pause
                    self._require(lost <= self.retry.patience_seconds, what, error, pause)
            time.sleep(_jitter.uniform(pause / 2, pause))
            pause = min(2 * pause, self.retry.longest_pause_seconds)

    def _pause(self, error: SlowDown, n_refusals: int) -> float:
        """Seconds for which everybody waits."""
        seconds = error.seconds
        if seconds is None:
            seconds = self.service.pause_seconds * self.service.pause_growth**n_refusals
        return min(seconds, self.service.longest_pause_seconds)

    def _require(self, holds: bool, what: str, error: Transient, seconds: float) -> None:
        """Log why a request is made again, or give up."""
        why = without_credentials(f"{what}: {error}")
        if holds:
            log.warning("again in %.1f s: %s", seconds, why)
        elif isinstance(error, SlowDown):
            raise BlockedError(
                f"{why}; the server has asked for patience for "
                f"{self.service.refused_seconds / 60:.0f} minutes. The same command goes on where "
                "it stopped"
            ) from error
        else:
            raise StorageError(f"{why}; gave up") from error

    def _block(self, error: PermissionError) -> NoReturn:
        why = f"{without_credentials(str(error))}: {self.service.blocked}"
        self.gate.block(why)
        raise BlockedError(why) from error
