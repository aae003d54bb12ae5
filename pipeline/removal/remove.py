"""Takes documents out of a run, for good.

What is named goes to `removals.parquet`, which the stage `remove` of every later run obeys, and out
of the shards at once: only the files that hold it are written anew, and nothing is tokenised. So do
documents that dedup dropped because they repeat what is removed: a removed text must not come back
by its copy when thresholds or inputs change.

A removal that was interrupted leaves `removal.json`. It is ended by the next one, whatever that is
given, and no run begins before that.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.configuration import Config
from pipeline.configuration.names import StepName
from pipeline.configuration.registry import CONFIGURED, EMIT, EVENTS
from pipeline.engine.address import LOCAL, open_executor
from pipeline.engine.executor import Executor, LocalExecutor
from pipeline.engine.product import finish_product
from pipeline.engine.runner import Monitor, Runner
from pipeline.engine.work.task import Limits, Outcome
from pipeline.inspection.audit import read_audit, write_audit
from pipeline.inspection.run_configuration import read_configuration
from pipeline.inspection.staleness import mending
from pipeline.inspection.verify import RUN_FILE, reseal
from pipeline.removal.absence import prove_absence
from pipeline.removal.documents import (
    Matches,
    events_of,
    find,
    holding,
    names_origin,
    repeating,
    resolve_ids,
)
from pipeline.removal.plan import PLAN, make_plan
from pipeline.removal.purge import Purge, ahead_of_receipts, receipt_folders
from pipeline.removal.report import Entry, Removed
from pipeline.removal.walk import AdoptingRunner, Cuts, stale_steps, walk
from pipeline.report.refresh import COMPARISON, REPORT, refresh_report
from pipeline.storage.location import location, open_storage
from pipeline.storage.lock import hold
from pipeline.storage.manifest import MANIFEST, SHARDS, emitted_before
from pipeline.storage.progress import Progress, silent
from pipeline.storage.removals import (
    PENDING,
    Pending,
    Removal,
    Removals,
    pending_removal,
    read_removals,
    write_pending,
    write_removals,
)
from pipeline.storage.storage import LocalStorage, Storage
from schemas.columns import DOC_ID
from schemas.removals import DOCUMENT
from schemas.shards import corpus_of
from stages.emit.options import EmitOptions
from stages.emit.stage import EmitStage
from stages.emit.without import WithoutDocuments
from stages.errors import ConfigError, StorageError, WaitForPerson
from stages.remove.stage import digest, normalised

REPEATS = "repeats what was removed"
MAX_SHOWN = 3


@dataclass(frozen=True)
class _Place:
    """A run folder that this process holds."""

    run: Path
    storage: Storage
    config: Config
    generation: int
    executor: Executor
    progress: Progress

    def dry(self) -> Runner:
        return _runner(self.storage, self.config, self.generation, Monitor(), None)

    def maker(self, n_files: int) -> Runner:
        """Has objects made, shard files among them."""
        told = _ShardsTold(self.progress, n_files)
        return _runner(self.storage, self.config, self.generation, told, self.executor)


class _ShardsTold(Monitor):
    """Tells of shard files as they are written anew."""

    def __init__(self, progress: Progress, n_files: int) -> None:
        self._progress = progress
        self._n_files = n_files
        self._n_done = 0

    def task_done(self, step: str, key: str, outcome: Outcome) -> None:
        if StepName.parse(step).stage == EMIT:
            self._n_done += 1
            self._progress("shard files written", self._n_done, self._n_files)


def remove(
    run: Path,
    wanted: Mapping[str, Sequence[str]],
    *,
    why: str | None = None,
    purge: bool = False,
    address: str | None = LOCAL,
    workers: int | None = None,
    progress: Progress = silent,
) -> Removed:
    """Take out what `wanted` names (key → values, see `schemas.removals.KEYS`).

    With `purge` also what is kept of all removed documents anywhere in the run folder.
    """
    workers_storage = open_storage(run)
    if isinstance(workers_storage, LocalStorage) and not workers_storage.root.is_dir():
        raise ConfigError(f"{run}: no such run folder")
    with ExitStack() as stack:
        held = stack.enter_context(hold(workers_storage))
        storage = held.storage
        before = read_removals(storage)
        begun = pending_removal(storage)
        added, entries = _entries(storage, wanted, why)
        if not entries and begun is None and not purge:
            raise ConfigError("nothing to remove: name documents, or purge those that are removed")
        removals = before.plus(added)
        if begun is not None:
            purge = purge or begun.purge
            if begun.rewrites and removals != before:
                ending = f"end it first: `sluice remove {location(run)}`"
                raise StorageError(f"{location(run)}: a purge was interrupted; {ending}")
        found = find(storage, removals)
        report = Removed([Entry(one.key, one.value or "", _n(found, one)) for one in entries])
        removals = _with_repeats(storage, removals, found, report)
        unfinished = _unfinished(storage, run, before) if begun is None else None
        if unfinished is not None:
            if purge:
                raise StorageError(f"{unfinished}; then purge")
            report.waits = unfinished
            write_removals(storage, removals)
            return report
        config = read_configuration(storage, run)
        executor = stack.enter_context(open_executor(config, workers_storage, address, workers))
        place = _Place(run, storage, config, held.generation, executor, progress)
        rewrites = begun is not None and begun.rewrites
        _carry_out(place, removals, Pending(purge, rewrites), report)
    return report


def _carry_out(place: _Place, removals: Removals, pending: Pending, report: Removed) -> None:
    """The shards, then what a purge writes and proves; each step may be the last before a crash."""
    storage = place.storage
    write_pending(storage, pending)
    write_removals(storage, removals)
    found = find(storage, removals)
    cuts = _cuts(place, found)
    plan = None
    if pending.purge:
        found.ids[EVENTS] = events_of(storage, removals)
        plan = make_plan(storage, found.ids, cuts)
    if not pending.rewrites:
        report.lacks = _complete(place, removals, cuts)
        report.n_files = len(cuts)
    if plan is not None:
        write_pending(storage, replace(pending, rewrites=True))
        named = names_origin(removals)
        work = Purge(storage, place.generation, plan, named)
        for done, total in work.rewrite():
            place.progress("folders purged", done, total)
        report.n_purged_files = work.n_written
        _forget_judgements(storage, plan.ids)
        write_removals(storage, removals.without_values())
        _complete(place, removals, {})
    reseal(storage)
    _report_anew(place)
    if plan is not None:
        report.absence = prove_absence(storage, plan.needles, place.progress)
        storage.delete(PLAN)
    storage.delete(PENDING)


def _forget_judgements(storage: Storage, ids: frozenset[bytes]) -> None:
    """Delete what people said of verdicts on purged documents."""
    rows = read_audit(storage)
    others = rows.filter(pc.invert(pc.is_in(rows["doc_id"], pa.array(sorted(ids), DOC_ID))))
    if len(others) < len(rows):
        write_audit(storage, others)


def _report_anew(place: _Place) -> None:
    """Pages that quote the run as it was are deleted; its report is made of what it is now."""
    for path in (REPORT, COMPARISON):
        place.storage.delete(path)
    if place.config.report and emitted_before(place.storage):
        refresh_report(place.storage, place.run)


def _entries(
    storage: Storage, wanted: Mapping[str, Sequence[str]], why: str | None
) -> tuple[list[Removal], list[Removal]]:
    """The rows of what was given, all spellings; and one row for each value as it was given."""
    now = datetime.now(UTC).replace(microsecond=0)
    rows: list[Removal] = []
    given: list[Removal] = []
    for key, values in wanted.items():
        wholes = resolve_ids(storage, values) if key == DOCUMENT else dict.fromkeys(values, None)
        for value in dict.fromkeys(values):
            whole = wholes[value] if key == DOCUMENT else value
            own = [
                Removal(key, digest(one), one, now, why)
                for one in (normalised(key, whole) if whole is not None else ())
            ]
            rows += own
            given.append(Removal(key, b"".join(row.digest for row in own), value, now, why))
    return rows, given


def _n(found: Matches, entry: Removal) -> int:
    """Documents that a value names, in any of its spellings."""
    digests = [entry.digest[i : i + 16] for i in range(0, len(entry.digest), 16)]
    return max((found.counts[entry.key, one] for one in digests), default=0)


def _with_repeats(
    storage: Storage, removals: Removals, found: Matches, report: Removed
) -> Removals:
    """The list with the dropped duplicates of what it names."""
    now = datetime.now(UTC).replace(microsecond=0)
    for corpus in CONFIGURED:
        repeats = repeating(storage, corpus, found.ids[corpus])
        texts = [one.hex() for one in sorted(repeats.of_these)]
        rows = [Removal(DOCUMENT, digest(text), text, now, REPEATS) for text in texts]
        removals = removals.plus(rows)
        report.n_repeats += len(rows)
        report.n_kept_twins += len(repeats.kept)
    report.n_documents = sum(len(found.ids[corpus]) for corpus in CONFIGURED) + report.n_repeats
    return removals


def _unfinished(storage: Storage, run: Path, removals: Removals) -> str | None:
    """Why what is in the run cannot be told from what is to be made anew; None: it can."""
    if not storage.exists(RUN_FILE):
        return f"{location(run)}: no run has been finished here; finish it with `sluice run`"
    for folder in receipt_folders(storage):
        for key in ahead_of_receipts(storage, folder):
            raise StorageError(
                f"{location(run)}/{folder}: {key} is not what was committed; `sluice verify` names "
                "all that is damaged"
            )
    config = read_configuration(storage, run)
    finish = f"finish it with `{mending(storage, run)}`"
    try:
        dry = _runner(storage, config, 0, Monitor(), None)
        stale = stale_steps(storage, config, dry, removals)
    except WaitForPerson as wait:
        return f"{location(run)} waits for a person ({wait}); {finish}"
    if not stale:
        return None
    more = f" and {len(stale) - MAX_SHOWN} more" if len(stale) > MAX_SHOWN else ""
    shown = "; ".join(stale[:MAX_SHOWN])
    return f"{location(run)} is not as its configuration says ({shown}{more}); {finish}"


def _cuts(place: _Place, found: Matches) -> dict[str, WithoutDocuments]:
    """Shard file → the step that takes out of it what leaves. A file that was written when a
    removal was interrupted, and its receipt not, is written again."""
    emit = EmitStage(place.config.options(EMIT, EmitOptions))
    cuts: dict[str, WithoutDocuments] = {}
    sets = emitted_before(place.storage)
    for number, name in enumerate(sets, 1):
        folder = f"{SHARDS}/{name}"
        files = holding(place.storage, folder, found.ids[corpus_of(name)])
        for key in ahead_of_receipts(place.storage, folder):
            files.setdefault(f"{folder}/{key}.parquet", frozenset())
        cuts |= {path: emit.without(ids) for path, ids in files.items()}
        place.progress("shard sets read", number, len(sets))
    return cuts


def _complete(place: _Place, removals: Removals, cuts: Cuts) -> str | None:
    """Make the run complete without the documents; says what its product cannot state any more."""
    storage, config = place.storage, place.config
    runner = AdoptingRunner(**vars(place.dry()), maker=place.maker(len(cuts)), cuts=cuts)
    session = walk(storage, config, runner, removals)
    if not storage.exists(f"{SHARDS}/{MANIFEST}"):
        return None
    try:
        finish_product(storage, config, session)
    except ConfigError as error:  # a set that the mixture weighs has no samples any more
        emit = config.options(EMIT, EmitOptions).model_copy(update={"mixture": None})
        finish_product(storage, replace(config, stages={**config.stages, EMIT: emit}), session)
        return f"the card states no mixture: {error}"
    return None


def _runner(
    storage: Storage, config: Config, generation: int, monitor: Monitor, executor: Executor | None
) -> Runner:
    """One that has objects made, or, without an executor, one that makes none."""
    return Runner(
        storage=storage,
        executor=executor or LocalExecutor(storage, config.engine.max_attempts),
        monitor=monitor,
        generation=generation,
        limits=Limits(config.engine.record_seconds),
        max_quarantine_rate=config.engine.max_quarantine_rate,
        dry=executor is None,
    )
