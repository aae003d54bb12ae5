"""What comes back from workers: when its receipts are written, when there is too much to bear."""

import time

from pipeline.engine.work.task import Outcome, quarantine_folder
from pipeline.storage.receipts import Receipt, Receipts
from pipeline.storage.storage import Storage
from stages.errors import StageError

RATE_FLOOR = 1000
"""Records a step must have seen before `max_quarantine_rate` is checked."""

GROUP_RECEIPTS = 256
GROUP_SECONDS = 1.0


class ReceiptGroup:
    """Receipts on their way to storage."""

    def __init__(self, storage: Storage, receipts: Receipts, quarantine: str) -> None:
        self._storage = storage
        self._receipts = receipts
        self._quarantine = quarantine
        self._has_quarantine = False
        self._flushed = float("-inf")

    def add(self, receipt: Receipt) -> None:
        self._receipts.add(receipt)
        self._has_quarantine |= receipt.quarantine is not None

    def flush_if_due(self) -> None:
        """Write once there are enough, or once a second has passed since the last time."""
        n_pending = self._receipts.n_pending
        late = time.monotonic() - self._flushed >= GROUP_SECONDS
        if n_pending >= GROUP_RECEIPTS or (n_pending and late):
            self.flush()

    def flush(self) -> None:
        if self._has_quarantine:
            self._storage.settle(self._quarantine)
        self._receipts.flush()
        self._has_quarantine = False
        self._flushed = time.monotonic()


class QuarantineRate:
    """Checks the share of quarantined records as outcomes come in."""

    def __init__(self, step: str, limit: float) -> None:
        self._step = step
        self._limit = limit
        self._records = self._quarantined = 0
        self._reasons: dict[str, int] = {}

    def check(self, outcome: Outcome) -> None:
        self._records += outcome.result.records
        for reason, count in outcome.quarantine_reasons.items():
            self._quarantined += count
            self._reasons[reason] = self._reasons.get(reason, 0) + count
        if self._records >= RATE_FLOOR and self._quarantined > self._limit * self._records:
            raise StageError(
                f"{self._step}: {self._quarantined} of {self._records} records quarantined "
                f"({', '.join(f'{r} {n}' for r, n in self._reasons.items())}), more than "
                f"engine.max_quarantine_rate = {self._limit}; see {quarantine_folder(self._step)}"
            )
