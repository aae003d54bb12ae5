"""Progress of a run: for people on a terminal or in a file, for machines, and for the run's log.

On a terminal one table of all stages, drawn anew four times a second; elsewhere a line for each
stage when it begins and when it ends, and one every ten seconds that says what takes so long.
`--verbose` adds a line for each of the many steps of which stages are made. `--progress json` has
the events of the log (`event_log`) in place of all that.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from pipeline.cli.progress.event_log import EventLog
from pipeline.cli.progress.state import Progress
from pipeline.cli.progress.views import (
    live_table,
    stage_line,
    start_line,
    step_line,
    waiting_line,
)
from pipeline.engine.runner import Counted, Monitor
from pipeline.engine.work.task import Outcome

LINE_SECONDS = 10.0
TICK_SECONDS = 1.0
DRAWN_PER_SECOND = 4

Form = Literal["auto", "json"]
"""auto: a table on a terminal, lines elsewhere; json: one event a line."""


class ProgressMonitor(Monitor):
    """Shows a run as it goes and logs it."""

    def __init__(
        self,
        console: Console,
        run: Path,
        *,
        verbose: bool = False,
        form: Form = "auto",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._verbose = verbose
        self._is_json = form == "json"
        self._draws = console.is_terminal and not self._is_json
        self._clock = clock
        self._log = EventLog(run, console.file if self._is_json else None)
        self._lock = threading.RLock()
        self._progress = Progress(since=clock(), began=clock())
        self._said = clock()
        self._logged = ""
        self._ended = threading.Event()
        self._speaker = threading.Thread(target=self._speak_up, daemon=True)
        self._live = Live(
            console=console,
            get_renderable=self._draw,
            refresh_per_second=DRAWN_PER_SECOND,
            vertical_overflow="crop",
        )

    def __enter__(self) -> Self:
        self._log.__enter__()
        if self._draws:
            self._live.start()
        self._speaker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        if self._speaker.is_alive():  # one that outlives the interpreter holds on to all modules
            self._speaker.join()
        with self._lock:
            self._end_stage(None, finished=error is None)
            self._progress.is_over = True
        self._live.stop()
        with contextlib.suppress(OSError):  # of a full disk, which `error` tells of
            if error is not None:
                self._log.write("failed", error=f"{type(error).__name__}: {error}")
        self._log.__exit__()

    def stages(self, names: Sequence[str]) -> None:
        with self._lock:
            self._progress.stages(names)
            self._log.write("stages", stages=list(names))

    def preparing(self, what: str, done: int, total: int) -> None:
        with self._lock:
            seconds = self._progress.prepare(what, done, total, self._clock())
            if done == total:
                self._log.write("prepared", what=what, seconds=round(seconds, 3))
                if not self._draws:
                    self._say(waiting_line(self._progress, self._clock()))

    def stage_started(self, stage: str) -> None:
        with self._lock:
            self._progress.begin(stage, self._clock())

    def stage_ended(self, stage: str, counted: Callable[[], Counted]) -> None:
        with self._lock:
            self._end_stage(counted, finished=True)

    def at_work(self, n_workers: int) -> None:
        with self._lock:
            self._progress.n_workers = n_workers

    def step_started(self, step: str, n_tasks: int, n_stale: int) -> None:
        with self._lock:
            if self._progress.leaves(step):
                self._end_stage(None, finished=True)
            row, is_first = self._progress.begin_step(step, n_stale, self._clock())
            if is_first:
                number, of = self._progress.place(row)
                n_workers = self._progress.n_workers
                self._log.write("stage", stage=row.name, number=number, of=of, workers=n_workers)
                if not self._draws:
                    self._say(start_line(self._progress, row))
            self._log.write("step", step=step, tasks=n_tasks, stale=n_stale)

    def working(self, step: str, what: Callable[[], str]) -> None:
        with self._lock:
            row = self._progress.current
            if row is not None and row.step is not None:
                row.step.doing = what

    def standing_still(self, step: str, what: str) -> None:
        with self._lock:
            self._log.write("standing_still", step=step, what=what)
            self._say(f"{step}: {what}")

    def task_done(self, step: str, key: str, outcome: Outcome) -> None:
        result = outcome.result
        with self._lock:
            self._progress.add(outcome)
            self._log.write(
                "task",
                step=step,
                key=key,
                rows=result.written.rows,
                bytes=result.written.size,
                text_bytes=result.text_bytes,
                seconds=round(outcome.seconds, 3),
                cpu_seconds=round(outcome.cpu_seconds, 3),
                peak_bytes=outcome.peak_bytes,
                quarantined=outcome.quarantine_reasons,
            )

    def step_ended(self, step: str) -> None:
        with self._lock:
            row = self._progress.current
            if row is None or row.step is None:
                return
            now = self._clock()
            seconds = round(now - row.step.started, 3)
            self._log.write("step_ended", step=step, seconds=seconds)
            if self._verbose:
                self._say(step_line(row.step, now))

    def flagged(self, flag: str) -> None:
        with self._lock:
            self._log.write("flagged", flag=flag)

    def _end_stage(self, counted: Callable[[], Counted] | None, *, finished: bool) -> None:
        row = self._progress.current
        if row is None:
            return
        found = counted() if counted is not None and row.step is not None else None
        now = self._clock()
        self._progress.end(found, now)
        if not finished:
            return
        self._log.write("stage_ended", stage=row.name, **row.facts(now))
        if row.step is not None and not self._draws:
            self._say(stage_line(row, now))

    def _speak_up(self) -> None:
        """Say what takes so long, whenever nothing else was said for a while."""
        while not self._ended.wait(TICK_SECONDS):
            with self._lock:
                now = self._clock()
                if now - self._said >= LINE_SECONDS:
                    self._log_doing()
                    self._say(waiting_line(self._progress, now), drawn=True)

    def _log_doing(self) -> None:
        """Log how far tasks are that take long, unless the log has it."""
        row = self._progress.current
        step = row.step if row is not None and row.runs else None
        doing = step.doing() if step is not None and step.doing is not None else ""
        if step is not None and doing not in ("", self._logged):
            self._log.write("working", step=str(step.name), what=doing)
            self._logged = doing

    def _say(self, line: str, *, drawn: bool = False) -> None:
        """Print a line; what is `drawn` on a terminal as it is needs none there."""
        self._said = self._clock()
        if not (self._is_json or (drawn and self._draws)):
            self._console.print(Text(line), soft_wrap=True)

    def _draw(self) -> RenderableType:
        # Without the lock: who holds it may wait for the console, which draws just now.
        return live_table(self._progress, self._clock(), self._console.height)
