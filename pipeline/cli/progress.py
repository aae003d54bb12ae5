"""Progress for people, and a structured log for everything else.

On a terminal one table of all stages, drawn anew four times a second; elsewhere a line for each
stage when it ends, and one every ten seconds that says what takes so long. `--verbose` adds a line
for each of the many steps of which stages are made. `RUN/log.jsonl` gets a line per task, if the
run lies on a disk: nothing can be appended to an object.
"""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from pipeline.cli.progress_state import Progress
from pipeline.cli.progress_views import live_table, stage_line, step_line, waiting_line
from pipeline.engine.runner import Counted, Monitor
from pipeline.engine.work.task import Outcome
from pipeline.storage.credentials import without_credentials
from pipeline.storage.location import is_remote
from stages.errors import StorageError

LINE_SECONDS = 10.0
TICK_SECONDS = 1.0
DRAWN_PER_SECOND = 4


class ProgressMonitor(Monitor):
    """Shows a run as it goes and logs it."""

    def __init__(
        self,
        console: Console,
        run: Path,
        *,
        verbose: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._verbose = verbose
        self._clock = clock
        self._log_path = None if is_remote(run) else run / "log.jsonl"
        self._log: TextIO | None = None
        self._lock = threading.RLock()
        self._progress = Progress(since=clock())
        self._said = clock()
        self._ended = threading.Event()
        self._speaker = threading.Thread(target=self._speak_up, daemon=True)
        self._live = Live(
            console=console,
            get_renderable=self._draw,
            refresh_per_second=DRAWN_PER_SECOND,
            vertical_overflow="crop",
        )

    def __enter__(self) -> Self:
        if self._log_path is not None:
            try:
                self._log_path.parent.mkdir(parents=True, exist_ok=True)
                if self._log_path.exists() and not self._log_path.is_file():
                    raise StorageError(
                        f"the run's log cannot be written: {self._log_path} is no file"
                    )
                self._log = self._log_path.open("a", encoding="utf-8")
            except OSError as error:
                raise StorageError(f"the run's log cannot be written: {error}") from error
        if self._console.is_terminal:
            self._live.start()
        else:
            self._speaker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        with self._lock:
            self._end_stage(None, finished=error is None)
            self._progress.is_over = True
        self._live.stop()
        with contextlib.suppress(OSError):  # of a full disk, which `error` tells of
            if error is not None:
                self._write({"event": "failed", "error": f"{type(error).__name__}: {error}"})
        if self._log is not None:
            with contextlib.suppress(OSError):
                self._log.close()

    def stages(self, names: Sequence[str]) -> None:
        with self._lock:
            self._progress.stages(names)

    def preparing(self, what: str, done: int, total: int) -> None:
        with self._lock:
            seconds = self._progress.prepare(what, done, total, self._clock())
            if done == total:
                self._write({"event": "prepared", "what": what, "seconds": round(seconds, 3)})
                if not self._console.is_terminal:
                    self._say(waiting_line(self._progress, self._clock()))

    def stage_started(self, stage: str) -> None:
        with self._lock:
            self._progress.begin(stage, self._clock())

    def stage_ended(self, stage: str, counted: Callable[[], Counted]) -> None:
        with self._lock:
            self._end_stage(counted, finished=True)

    def step_started(self, step: str, n_tasks: int, n_stale: int) -> None:
        with self._lock:
            self._write({"event": "step", "step": step, "tasks": n_tasks, "stale": n_stale})
            if self._progress.leaves(step):
                self._end_stage(None, finished=True)
            self._progress.begin_step(step, n_stale, self._clock())

    def working(self, step: str, what: str) -> None:
        with self._lock:
            row = self._progress.current
            if row is not None and row.step is not None:
                row.step.doing = what

    def standing_still(self, step: str, what: str) -> None:
        with self._lock:
            self._write({"event": "standing_still", "step": step, "what": what})
            self._say(f"{step}: {what}")

    def task_done(self, step: str, key: str, outcome: Outcome) -> None:
        result = outcome.result
        with self._lock:
            self._progress.add(outcome)
            self._write(
                {
                    "event": "task",
                    "step": step,
                    "key": key,
                    "rows": result.written.rows,
                    "bytes": result.written.size,
                    "text_bytes": result.text_bytes,
                    "seconds": round(outcome.seconds, 3),
                    "cpu_seconds": round(outcome.cpu_seconds, 3),
                    "peak_bytes": outcome.peak_bytes,
                    "quarantined": outcome.quarantine_reasons,
                }
            )

    def step_ended(self, step: str) -> None:
        with self._lock:
            row = self._progress.current
            if row is None or row.step is None:
                return
            now = self._clock()
            seconds = round(now - row.step.started, 3)
            self._write({"event": "step_ended", "step": step, "seconds": seconds})
            if self._verbose:
                self._say(step_line(row.step, now))

    def flagged(self, flag: str) -> None:
        with self._lock:
            self._write({"event": "flagged", "flag": flag})

    def _end_stage(self, counted: Callable[[], Counted] | None, *, finished: bool) -> None:
        row = self._progress.current
        if row is None:
            return
        found = counted() if counted is not None and row.step is not None else None
        now = self._clock()
        self._progress.end(found, now)
        if row.step is not None and finished and not self._console.is_terminal:
            self._say(stage_line(row, now))

    def _speak_up(self) -> None:
        """Say what takes so long, whenever nothing else was said for a while."""
        while not self._ended.wait(TICK_SECONDS):
            with self._lock:
                now = self._clock()
                if now - self._said >= LINE_SECONDS:
                    self._say(waiting_line(self._progress, now))

    def _say(self, line: str) -> None:
        self._said = self._clock()
        self._console.print(Text(line), soft_wrap=True)

    def _draw(self) -> RenderableType:
        # Without the lock: who holds it may wait for the console, which draws just now.
        return live_table(self._progress, self._clock(), self._console.height)

    def _write(self, event: dict[str, object]) -> None:
        if self._log is not None:
            content = {"time": round(time.time(), 3), **without_credentials(event)}
            self._log.write(json.dumps(content) + "\n")
            self._log.flush()
