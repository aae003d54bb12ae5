"""What comes back from workers: when its receipts are written, what it took, when there is too much
to bear."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.engine.work.guard import SUSPICIOUS_RECORDS
from pipeline.engine.work.task import Outcome, quarantine_folder
from pipeline.storage.receipts import Receipt, Receipts
from pipeline.storage.storage import Storage
from schemas.quarantine import ERROR
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


@dataclass
class Spent:
    """What a step cost."""

    is_scratch: bool
    """Whether what it writes is deleted in the end."""
    n_planned: int = 0
    """Tasks that it has; `n_done` of them were done."""
    n_done: int = 0
    cpu_seconds: float = 0.0
    n_bytes: int = 0
    peak_bytes: int = 0
    text_bytes: int = 0
    """Read."""
    n_first: int = 0
    """Tasks that were a worker's first of the step, and what they took."""
    first_cpu_seconds: float = 0.0
    folders: set[str] = field(default_factory=set)
    """Where it writes: what several iterations ask for is made once."""

    def plan(self, folder: str, n_tasks: int) -> None:
        """Count what a folder is to hold."""
        if folder not in self.folders:
            self.folders.add(folder)
            self.n_planned += n_tasks

    def add(self, outcome: Outcome) -> None:
        """Count a task."""
        self.n_done += 1
        self.n_first += outcome.is_first
        self.first_cpu_seconds += outcome.cpu_seconds * outcome.is_first
        self.cpu_seconds += outcome.cpu_seconds
        self.n_bytes += outcome.result.written.size
        self.peak_bytes = max(self.peak_bytes, outcome.peak_bytes or 0)
        self.text_bytes += outcome.result.text_bytes


class NothingWorks(StageError):  # noqa: N818 - says what happened
    """Every record of a step raised, which is no bad input: what the step made must not stay."""


class QuarantineRate:
    """The share of quarantined records of a step: a property of its receipts, so that the same
    command does not pass the second time. Checked as outcomes come in and when the step is whole.
    """

    def __init__(self, step: str, limit: float, made: Sequence[Receipt]) -> None:
        self._step = step
        self._limit = limit
        self._records = 0
        self._reasons: dict[str, int] = {}
        self._uncounted = iter(made)
        for receipt in made:
            if receipt.quarantine is not None:
                self._count(receipt.quarantine["reasons"])

    def add(self, outcome: Outcome) -> None:
        """Count an outcome; StageError as soon as there is too much."""
        self._records += outcome.result.records
        self._count(outcome.quarantine_reasons)
        self._require_rate()

    def check(self) -> None:
        """StageError if the whole step has too much."""
        self._require_some(SUSPICIOUS_RECORDS)
        self._require_rate()

    def _require_some(self, floor: int) -> None:
        n = self._reasons.get(ERROR, 0)
        if n >= floor and self._limit < 1 and not self._has(lambda records: records > n):
            raise NothingWorks(
                f"{self._step}: all {n} records raised. That is a bug, or something is missing on "
                "this machine; if it is the records, engine.max_quarantine_rate = 1 lets them pass"
            )

    def _require_rate(self) -> None:
        n = sum(self._reasons.values())
        if self._has(lambda records: n <= self._limit * records) or self._records < RATE_FLOOR:
            return
        self._require_some(RATE_FLOOR)
        raise StageError(
            f"{self._step}: {n} of {self._records} records quarantined "
            f"({', '.join(f'{r} {n}' for r, n in self._reasons.items())}), more than "
            f"engine.max_quarantine_rate = {self._limit}; see {quarantine_folder(self._step)}"
        )

    def _count(self, reasons: Mapping[str, int]) -> None:
        for reason, count in reasons.items():
            self._reasons[reason] = self._reasons.get(reason, 0) + count

    def _has(self, enough: Callable[[int], bool]) -> bool:
        """Whether there were enough records. Reads no more receipts than it takes to know: that of
        100,000 takes two seconds."""
        while not enough(self._records):
            receipt = next(self._uncounted, None)
            if receipt is None:
                return False
            self._records += receipt.effort.get("records", 0)
        return True
