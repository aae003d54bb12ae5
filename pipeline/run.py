"""`run` makes what a configuration asks for; `plan` says what that would be."""

import contextlib
import json
import platform
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from pipeline.configuration import Config
from pipeline.configuration.names import DECIDE, StepName
from pipeline.configuration.registry import DEDUP, EMIT
from pipeline.engine.address import open_executor
from pipeline.engine.changes import changed_settings
from pipeline.engine.executor import LocalExecutor
from pipeline.engine.intake.run_inputs import run_inputs
from pipeline.engine.leaving import leaving
from pipeline.engine.plans import PlanItem, unsaid
from pipeline.engine.product import check_mixture, finish_product
from pipeline.engine.runner import Counted, Monitor, Runner
from pipeline.engine.session import Session
from pipeline.engine.work.task import Limits, Outcome
from pipeline.inspection.cost import Estimate, corpus_bytes, estimate_run
from pipeline.inspection.flags import run_flags, table_flags
from pipeline.inspection.invariants import check_duplicates
from pipeline.inspection.step_costs import note_costs
from pipeline.inspection.verify import RUN_FILE, seal
from pipeline.report.refresh import REPORT, refresh_report
from pipeline.storage.credentials import without_credentials
from pipeline.storage.intake.input_record import save
from pipeline.storage.json_files import DAMAGED
from pipeline.storage.location import location, open_storage
from pipeline.storage.lock import hold
from pipeline.storage.removals import read_removals, require_no_removal
from pipeline.storage.storage import Storage
from schemas.shards import corpus_of
from stages.dedup.options import DedupOptions
from stages.errors import StageError, StorageError, WaitForPerson


@dataclass
class StepReport:
    """What one step did in this run."""

    tasks: int = 0
    records: int = 0
    text_bytes: int = 0
    cpu_seconds: float = 0.0
    seconds: float = 0.0
    quarantined: int = 0


@dataclass
class RunReport:
    """What a run did, and where its product lies."""

    run: Path
    steps: dict[str, StepReport] = field(default_factory=dict)
    shards: dict[str, dict[str, int]] = field(default_factory=dict)
    """Shard set → files, samples, bytes."""
    flags: list[str] = field(default_factory=list)
    """What someone should look at before trusting the run."""
    left: list[str] = field(default_factory=list)
    """What of an earlier run was removed, and why."""
    page: str | None = None
    """Where what it all came to is to be read."""
    waiting: str | None = None
    """What a person has to decide before the run can go on, and the command for it."""


class _Reporting(Monitor):
    """Adds up outcomes and passes everything on."""

    def __init__(self, report: RunReport, storage: Storage, next_monitor: Monitor) -> None:
        self._report = report
        self._storage = storage
        self._next = next_monitor
        self._said: set[str] = set()
        self._started: dict[str, float] = {}

    def stages(self, names: Sequence[str]) -> None:
        self._next.stages(names)

    def preparing(self, what: str, done: int, total: int) -> None:
        self._next.preparing(what, done, total)

    def stage_started(self, stage: str) -> None:
        self._next.stage_started(stage)

    def stage_ended(self, stage: str, counted: Callable[[], Counted]) -> None:
        self._next.stage_ended(stage, counted)
        step = StepName.parse(stage)
        if step.stage == DEDUP:  # what follows it may take days
            for flag in table_flags(self._storage, step):
                self.flagged(f"{step}: {flag}")

    def at_work(self, n_workers: int) -> None:
        self._next.at_work(n_workers)

    def working(self, step: str, what: Callable[[], str]) -> None:
        self._next.working(step, what)

    def standing_still(self, step: str, what: str) -> None:
        self._next.standing_still(step, what)

    def step_started(self, step: str, n_tasks: int, n_stale: int) -> None:
        self._started[step] = time.monotonic()
        self._next.step_started(step, n_tasks, n_stale)

    def task_done(self, step: str, key: str, outcome: Outcome) -> None:
        report = self._report.steps.setdefault(step, StepReport())
        report.tasks += 1
        report.records += outcome.result.records
        report.text_bytes += outcome.result.text_bytes
        report.cpu_seconds += outcome.cpu_seconds
        report.quarantined += sum(outcome.quarantine_reasons.values())
        self._next.task_done(step, key, outcome)

    def flagged(self, flag: str) -> None:
        if flag not in self._said:
            self._said.add(flag)
            self._next.flagged(flag)

    def step_ended(self, step: str) -> None:
        report = self._report.steps.setdefault(step, StepReport())
        report.seconds += time.monotonic() - self._started[step]
        self._next.step_ended(step)


def run(
    config: Config,
    *,
    stages: Sequence[str] = (),
    address: str | None = None,
    workers: int | None = None,
    monitor: Monitor | None = None,
) -> RunReport:
    """Run what is missing or stale, in order; returns what was done.

    `address`: None (RAY_ADDRESS if set, else a private local Ray), `auto`, `ray://…`, or `local`
    (this process, no Ray).
    """
    workers_storage = open_storage(config.run)
    report = RunReport(config.run)
    started = datetime.now(UTC)
    items: list[PlanItem] = []
    with _naming_the_step(config.run, items), ExitStack() as stack:
        held = stack.enter_context(hold(workers_storage))
        storage, generation = held.storage, held.generation
        require_no_removal(storage)
        inputs = run_inputs(config, storage)
        check_mixture(config, inputs.current)
        save(storage, inputs.recorded)
        executor = stack.enter_context(open_executor(config, workers_storage, address, workers))
        runner = Runner(
            storage=storage,
            executor=executor,
            monitor=_Reporting(report, storage, monitor or Monitor()),
            generation=generation,
            limits=Limits(config.engine.record_seconds),
            max_quarantine_rate=config.engine.max_quarantine_rate,
            items=items,
        )
        removals = read_removals(storage)
        leaves = leaving(config, storage, inputs, removes=bool(removals))
        session = Session(config, runner, inputs.current, stages, removals, leaves)
        try:
            session.run()
        except WaitForPerson as wait:
            report.waiting = f"{wait}\nsluice recall annotate {location(config.run)}"
        finally:
            note_costs(storage, runner.spent, corpus_bytes(inputs.current))
        report.left = session.left
        report.flags = [*inputs.lines, *run_flags(storage), *_empty_product(session)]
        for flag in report.flags:
            runner.monitor.flagged(flag)
        _check_decisions(config, storage, session, report)
        if session.emitted and report.waiting is None:
            report.shards = finish_product(storage, config, session)
        _write_run_file(storage, config, report, generation, started)
        if config.report and report.shards:
            refresh_report(storage, config.run)
            report.page = f"{location(config.run)}/{REPORT}"
    return report


@contextlib.contextmanager
def _naming_the_step(run: Path, items: Sequence[PlanItem]) -> Iterator[None]:
    """Where the driver itself cannot read or write (a full disk), say so with the last step."""
    try:
        yield
    except OSError as error:
        step = items[-1].step if items else "preparation"
        what = f"{type(error).__name__}: {error}"
        raise StorageError(f"{step} failed in {location(run)}: {what}") from error


def _empty_product(session: Session) -> list[str]:
    """A flag for each corpus of which no document came through."""
    return [
        f"{StepName(corpus, EMIT)}: no sample was written: no document was kept"
        for corpus in session.emitted
        if not any(corpus_of(folder.rpartition("/")[2]) == corpus for folder in session.shards)
    ]


def _check_decisions(config: Config, storage: Storage, session: Session, report: RunReport) -> None:
    """Where duplicates were decided anew, hold them against what dedup promises."""
    for corpus, tables in session.tables.items():
        name = StepName(corpus, DEDUP)
        if any(StepName.parse(step).unit == replace(name, half=DECIDE) for step in report.steps):
            receipts = next((t.receipts for t in tables.tables if t.stage == str(name)), {})
            threshold = config.options(name, DedupOptions).threshold
            for problem in check_duplicates(storage, corpus, receipts, threshold):
                raise StageError(f"{name}: {problem.message}; this is a bug of Sluice")


@dataclass(frozen=True)
class Forecast:
    """What a run would do."""

    items: list[PlanItem]
    """Every step, whether or not it has anything to do."""
    cost: Estimate
    inputs: list[str]
    """Which inputs are named no longer."""
    leaving: list[str]
    """What the run folder has that the run would remove."""
    changed: dict[str, list[str]] = field(default_factory=dict)
    """Stage → its settings that are others than in the last run."""


def plan(config: Config, *, stages: Sequence[str] = ()) -> list[PlanItem]:
    """What `run` would do, and why. Runs nothing, writes nothing."""
    return forecast(config, stages=stages).items


def forecast(config: Config, *, stages: Sequence[str] = ()) -> Forecast:
    """As `plan`, with what it would cost."""
    storage = open_storage(config.run)
    runner = Runner(
        storage=storage,
        executor=LocalExecutor(storage, 1),
        monitor=Monitor(),
        generation=0,
        limits=Limits(config.engine.record_seconds),
        max_quarantine_rate=config.engine.max_quarantine_rate,
        dry=True,
    )
    inputs = run_inputs(config, storage)
    check_mixture(config, inputs.current)
    removals = read_removals(storage)
    with unsaid():
        Session(config, runner, inputs.current, stages, removals).run()
    leaves = leaving(config, storage, inputs, removes=bool(removals))
    lines = [str(one) for one in leaves if one.is_there(storage)]
    cost = estimate_run(storage, runner.items, inputs.current, config)
    return Forecast(runner.items, cost, inputs.lines, lines, _changed(config, storage))


def _changed(config: Config, storage: Storage) -> dict[str, list[str]]:
    """Nothing where no run was finished, or where nobody can read what it was made with."""
    try:
        before = json.loads(storage.read_bytes(RUN_FILE))["configuration"]
        return changed_settings(config.resolved(), before)
    except (OSError, *DAMAGED):
        return {}


def _write_run_file(
    storage: Storage, config: Config, report: RunReport, generation: int, started: datetime
) -> None:
    content = {
        "configuration": {**config.resolved(), "run": location(config.run)},
        "file": None if config.file is None else str(config.file),
        "overrides": [without_credentials(override) for override in config.overrides],
        "generation": generation,
        "started": started.isoformat(timespec="seconds"),
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("sluice", "ray", "pyarrow", "numpy", "numba")},
        },
        "flags": report.flags,
        "steps": {name: asdict(step) for name, step in report.steps.items()},
    }
    storage.write(RUN_FILE, seal(storage, content))


def _commit() -> str | None:
    """The commit of the code, if it runs from a checkout."""
    here = Path(__file__).resolve().parent
    with contextlib.suppress(OSError):
        done = subprocess.run(
            ["git", "-C", str(here), "rev-parse", "HEAD"], capture_output=True, text=True
        )
        return done.stdout.strip() or None if done.returncode == 0 else None
    return None
