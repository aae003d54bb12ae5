"""A person's judgements: written at once, undone one by one.

The file is the only state. It is replaced as a whole under a lock on the run folder (on a store,
who writes last wins), on what it says at that moment.
"""

import datetime
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from pipeline.inspection.audit import (
    ErrorRate,
    Verdict,
    error_rates,
    last_judgements,
    read_audit,
    write_audit,
)
from pipeline.storage.replace import locked
from pipeline.storage.storage import LocalStorage, Storage
from schemas.audit import AUDIT
from stages.errors import InputError


@dataclass(frozen=True)
class Judgement:
    """One of this session's."""

    verdict: Verdict
    wrong: bool
    uri: str


class Judging:
    """The judgements on a run, and this session's."""

    def __init__(
        self,
        storage: Storage,
        author: str,
        *,
        now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
    ) -> None:
        self.author = author
        self.session: list[Judgement] = []
        self._storage = storage
        self._now = now
        self._last = last_judgements(read_audit(storage))

    @property
    def n_judged(self) -> int:
        """Verdicts that someone judged."""
        return len(self._last)

    def rates(self) -> list[ErrorRate]:
        """The error rate of every stage and reason that was judged."""
        return error_rates(self._last.items())

    def of(self, verdict: Verdict) -> bool | None:
        """Whether the verdict was found wrong; None if nobody judged it."""
        return self._last.get(verdict)

    def judge(self, judgement: Judgement) -> None:
        """Add a judgement, durably."""
        stage, reason, doc_id = judgement.verdict
        row = {
            "stage": stage,
            "reason": reason,
            "doc_id": doc_id,
            "wrong": judgement.wrong,
            "author": self.author,
            "date": self._now(),
        }
        added = pa.Table.from_pylist([row], AUDIT)
        self._change(lambda rows: pa.concat_tables([rows, added]))
        self.session.append(judgement)

    def undo(self) -> Judgement | None:
        """Take back the last judgement of this session. InputError if someone judged since."""
        if not self.session:
            return None
        last = self.session.pop()

        def without_last(rows: pa.Table) -> pa.Table:
            end = rows.slice(max(rows.num_rows - 1, 0)).to_pylist()
            own = [(one["stage"], one["reason"], one["doc_id"]) for one in end]
            if own != [last.verdict] or end[0]["author"] != self.author:
                raise InputError(f"{last.uri}: others judged meanwhile; nothing was undone")
            return rows.slice(0, rows.num_rows - 1)

        self._change(without_last)
        return last

    def _change(self, change: Callable[[pa.Table], pa.Table]) -> None:
        if isinstance(self._storage, LocalStorage):
            with locked(self._storage.root):
                self._write(change)
        else:
            self._write(change)

    def _write(self, change: Callable[[pa.Table], pa.Table]) -> None:
        rows = change(read_audit(self._storage))
        write_audit(self._storage, rows)
        self._last = last_judgements(rows)
