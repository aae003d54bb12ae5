"""Progress for people, and a structured log for everything else.

On a terminal a bar per step with documents/s, MB/s and the time left; elsewhere a plain line
every ten seconds and one at a step's end. `RUN/log.jsonl` gets a line per task, if the run lies on
a disk: nothing can be appended to an object.
"""

import contextlib
import json
import time
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from pipeline.engine.runner import Monitor
from pipeline.engine.work.task import Outcome
from pipeline.storage.credentials import without_credentials
from pipeline.storage.location import is_remote
from stages.errors import StorageError

LINE_SECONDS = 10.0
MB = 1e6


class ProgressMonitor(Monitor):
    """Shows a run as it goes and logs it."""

    def __init__(self, console: Console, run: Path) -> None:
        self._console = console
        self._log_path = None if is_remote(run) else run / "log.jsonl"
        self._log: TextIO | None = None
        self._bar: Progress | None = None
        self._bar_task: TaskID | None = None
        self._step = _Step()

    def __enter__(self) -> Self:
        if self._log_path is not None:
            try:
                self._log_path.parent.mkdir(parents=True, exist_ok=True)
                self._log = self._log_path.open("a", encoding="utf-8")
            except OSError as error:
                raise StorageError(f"the run's log cannot be written: {error}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end_bar()
        with contextlib.suppress(OSError):  # of a full disk, which `error` tells of
            if error is not None:
                self._write({"event": "failed", "error": f"{type(error).__name__}: {error}"})
        if self._log is not None:
            with contextlib.suppress(OSError):
                self._log.close()

    def step_started(self, step: str, n_tasks: int, n_stale: int) -> None:
        self._write({"event": "step", "step": step, "tasks": n_tasks, "stale": n_stale})
        self._step = _Step(n_stale)
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description:<34}"),
                BarColumn(bar_width=24),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=self._console,
            )
            self._bar.start()
            self._bar_task = self._bar.add_task(step, total=n_stale, rate="")

    def task_done(self, step: str, key: str, outcome: Outcome) -> None:
        self._step.add(outcome)
        result = outcome.result
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
        if self._bar is not None and self._bar_task is not None:
            self._bar.update(self._bar_task, advance=1, rate=self._step.rate())
        elif self._step.line_is_due():
            self._console.print(f"{step}: {self._step.line()}", highlight=False, soft_wrap=True)

    def step_ended(self, step: str) -> None:
        self._end_bar()
        self._write({"event": "step_ended", "step": step, "seconds": round(self._step.seconds, 3)})
        if not self._console.is_terminal:
            self._console.print(f"{step}: {self._step.line()}", highlight=False, soft_wrap=True)

    def flagged(self, flag: str) -> None:
        self._write({"event": "flagged", "flag": flag})

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
        self._bar = self._bar_task = None

    def _write(self, event: dict[str, object]) -> None:
        if self._log is not None:
            content = {"time": round(time.time(), 3), **without_credentials(event)}
            self._log.write(json.dumps(content) + "\n")
            self._log.flush()


class _Step:
    """Running totals of one step."""

    def __init__(self, n_tasks: int = 0) -> None:
        self._n_tasks = n_tasks
        self._done = self._documents = self._bytes = self._quarantined = 0
        self._started = self._last_line = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def add(self, outcome: Outcome) -> None:
        self._done += 1
        self._documents += outcome.result.records
        self._bytes += outcome.result.text_bytes
        self._quarantined += sum(outcome.quarantine_reasons.values())

    def rate(self) -> str:
        seconds = max(self.seconds, 1e-9)
        text = f"{self._documents / seconds:,.0f} documents/s"
        if self._bytes:
            text += f" · {self._bytes / MB / seconds:,.1f} MB/s"
        return text + (f" · {self._quarantined} quarantined" if self._quarantined else "")

    def line(self) -> str:
        left = self._n_tasks - self._done
        ending = f"{self.seconds:.1f} s"
        if left and self._done:
            ending = f"{left * self.seconds / self._done:.0f} s left"
        return f"{self._done}/{self._n_tasks} tasks · {self.rate()} · {ending}"

    def line_is_due(self) -> bool:
        if time.monotonic() - self._last_line < LINE_SECONDS or self._done == self._n_tasks:
            return False
        self._last_line = time.monotonic()
        return True
