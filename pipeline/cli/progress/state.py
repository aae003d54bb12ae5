"""How far a run is, from what the engine tells: a row for each stage, and the step it is at.

Nothing here prints or looks at a clock: who tells of an event says when it happened.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pipeline.configuration.names import StepName
from pipeline.engine.runner import Counted
from pipeline.engine.work.task import Outcome

LOOKING = "looking for what is missing"
FINISHING = "finishing the product"


@dataclass
class Step:
    """One step of a stage: how many of its tasks are done, and what they read."""

    name: StepName
    n_tasks: int
    started: float
    done: int = 0
    records: int = 0
    text_bytes: int = 0
    doing: Callable[[], str] | None = None
    """What its tasks do and how far they are, where one may take long."""

    @property
    def short(self) -> str:
        """Its name within the stage."""
        return self.name.task or self.name.half or ""

    def per_second(self, now: float) -> float:
        """Documents it reads a second."""
        return self.records / max(now - self.started, 1e-9)

    def left(self, now: float) -> float | None:
        """The seconds that the other tasks will take at this pace."""
        if not self.done or self.done == self.n_tasks:
            return None
        return (now - self.started) / self.done * (self.n_tasks - self.done)


@dataclass
class Row:
    """One stage."""

    name: str
    started: float | None = None
    ended: float | None = None
    step: Step | None = None
    """The step it is at, or the last that had anything to do; None: all was as before."""
    counted: Counted | None = None
    """What its table says in the end."""
    text_bytes: int = 0
    quarantined: int = 0
    implicit: bool = False
    """Known from its steps alone: it ends when a step of another stage begins."""

    @property
    def runs(self) -> bool:
        """Whether something is being made now."""
        return self.started is not None and self.ended is None and self.step is not None

    @property
    def documents(self) -> int:
        """In its table; until that is complete, those that the present step has read."""
        if self.counted is not None:
            return self.counted.rows
        return self.step.records if self.step is not None else 0

    def seconds(self, now: float) -> float:
        """Since it began, or until it ended."""
        return 0.0 if self.started is None else (self.ended or now) - self.started

    def bytes_per_second(self, now: float) -> float:
        """Of text that its tasks read."""
        return self.text_bytes / max(self.seconds(now), 1e-9)

    def facts(self, now: float) -> dict[str, object]:
        """What it did, for the log."""
        if self.step is None:
            return {"as_before": True}
        return {
            "as_before": False,
            "documents": self.documents,
            "kept": self.counted.kept if self.counted else None,
            "text_bytes": self.text_bytes,
            "quarantined": self.quarantined,
            "seconds": round(self.seconds(now), 3),
        }


@dataclass
class Progress:
    """All stages in order, and what is done outside of them."""

    now_doing: str = LOOKING
    """What the driver itself is at while no stage is."""
    since: float = 0.0
    began: float = 0.0
    """When the run did."""
    n_workers: int | None = None
    rows: dict[str, Row] = field(default_factory=dict)
    current: Row | None = None
    is_over: bool = False

    def stages(self, names: Sequence[str]) -> None:
        """These are to come."""
        self.rows = {name: Row(name) for name in names}

    def place(self, row: Row) -> tuple[int, int]:
        """Which of how many stages a row is, from 1."""
        return 1 + list(self.rows).index(row.name), len(self.rows)

    @property
    def quarantined(self) -> int:
        """Records of all stages."""
        return sum(row.quarantined for row in self.rows.values())

    def prepare(self, what: str, done: int, total: int, now: float) -> float:
        """So much of it is there; returns how long that took."""
        if not self.now_doing.startswith(what):
            self.since = now
        self.now_doing = f"{what}: {done:,} of {total:,}"
        if self.current is not None:
            self.current.started = now  # a stage begins when all is there
        return now - self.since

    def begin(self, stage: str, now: float) -> Row:
        """A stage begins; returns it."""
        self.current = self.rows.setdefault(stage, Row(stage))
        self.current.started = now
        return self.current

    def end(self, counted: Counted | None, now: float) -> Row | None:
        """The stage ends; returns it."""
        ended, self.current = self.current, None
        if ended is not None:
            ended.counted, ended.ended = counted, now
        waits = any(row.ended is None for row in self.rows.values())
        self.now_doing, self.since = LOOKING if waits else FINISHING, now
        return ended

    def leaves(self, step: str) -> bool:
        """Whether a step that begins ends the present stage."""
        row = self.current
        return row is not None and row.implicit and row.name != _stage_of(step)

    def begin_step(self, step: str, n_stale: int, now: float) -> tuple[Row, bool]:
        """So many tasks of a step will run; returns its stage, and whether the step is the first
        that has anything to do."""
        if self.current is None:
            self.begin(_stage_of(step), now).implicit = True
        assert self.current is not None
        is_first = self.current.step is None
        self.current.step = Step(StepName.parse(step), n_stale, now)
        return self.current, is_first

    def add(self, outcome: Outcome) -> None:
        """A task of the present step is done."""
        row = self.current
        if row is not None and row.step is not None:
            row.step.done += 1
            row.step.records += outcome.result.records
            row.step.text_bytes += outcome.result.text_bytes
            row.text_bytes += outcome.result.text_bytes
            row.quarantined += sum(outcome.quarantine_reasons.values())


def _stage_of(step: str) -> str:
    return str(StepName.parse(step).whole)
