"""Judges completions: each is put into its problem's program, compiled and run in a sandbox.

A program has passed if it ends well *and* its last statement, after every test, has printed a
random word: leaving early with status 0 proves nothing. A language whose compiler is missing, and
every language where no sandbox works, is `not_run`, never failed.
"""

import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, replace
from enum import StrEnum

from stages.ablation.evaluation.languages import languages
from stages.ablation.evaluation.problems import Problem
from stages.ablation.sandbox.precompile import with_header
from stages.ablation.sandbox.sandbox import Outcome, Step, run, unavailable
from stages.ablation.sandbox.supervise import Limits
from stages.ablation.sandbox.toolchains import Missing, Toolchain, find

DETAIL_CHARACTERS = 400
# Of the sets' own solutions the slowest, MBPP's 123, takes 6 s of a processor.
RUN = Limits()
# A compiler is the system's, and large; its limits are for runaway templates.
COMPILE = Limits(wall_seconds=120, cpu_seconds=60, memory_bytes=2 << 30)


class Status(StrEnum):
    """How a completion did."""

    PASSED = "passed"
    FAILED = "failed"
    TIMEOUT = "timeout"
    COMPILE_ERROR = "compile_error"
    NOT_RUN = "not_run"


@dataclass(frozen=True)
class Verdict:
    """What became of one completion; one row of an evaluation."""

    set: str
    task_id: str
    language: str
    status: Status
    detail: str
    """The limit it broke, the end of what it wrote to standard error, or why it was not run."""
    completion: str
    seconds: float


Toolchains = Mapping[str, Toolchain | Missing]


def find_toolchains(keys: Iterable[str] | None = None) -> dict[str, Toolchain | Missing]:
    """Language → its toolchain here, or why none of its programs can be run."""
    reason = unavailable()
    wanted = languages() if keys is None else {key: languages()[key] for key in dict.fromkeys(keys)}
    return {
        key: find(language) if reason is None else Missing(language, reason)
        for key, language in wanted.items()
    }


def judge(
    problem: Problem,
    completion: str,
    *,
    toolchains: Toolchains | None = None,
    limits: Limits = RUN,
) -> Verdict:
    """Runs one completion's program. Raises StageError only if the sandbox itself fails."""
    toolchain = (toolchains or find_toolchains([problem.language]))[problem.language]
    if isinstance(toolchain, Missing):
        return _verdict(problem, completion, Status.NOT_RUN, toolchain.reason, 0.0)
    marker = secrets.token_hex(16)
    language = toolchain.language
    files = {language.file: problem.program(completion, marker), **language.sources}
    steps = [Step(toolchain.run, replace(limits, address_space=language.address_space))]
    if toolchain.compile:
        steps.insert(0, Step(toolchain.compile, COMPILE))
    outcome = run(
        steps,
        {name: text.encode(errors="replace") for name, text in files.items()},
        mounts=toolchain.mounts,
        environment=toolchain.environment,
    )
    status, detail = _judged(outcome, compiling=outcome.step < len(steps) - 1, marker=marker)
    return _verdict(problem, completion, status, detail, outcome.seconds)


def judge_all(
    items: Sequence[tuple[Problem, str]],
    *,
    toolchains: Toolchains | None = None,
    limits: Limits = RUN,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Verdict]:
    """Judges (problem, completion) pairs, `workers` at a time (default: one per processor).

    The verdicts are in the order of the pairs. `progress(done, total)` is called from the calling
    thread after each.
    """
    found = dict(toolchains or find_toolchains(problem.language for problem, _ in items))
    counts = Counter(problem.language for problem, _ in items)
    verdicts: dict[int, Verdict] = {}
    with ExitStack() as stack:
        for key, n_programs in counts.items():
            toolchain = found[key]
            if isinstance(toolchain, Toolchain):
                found[key] = stack.enter_context(with_header(toolchain, n_programs))
        pool = stack.enter_context(ThreadPoolExecutor(workers or os.cpu_count() or 1))
        try:
            futures = {
                pool.submit(judge, problem, completion, toolchains=found, limits=limits): number
                for number, (problem, completion) in enumerate(items)
            }
            for future in as_completed(futures):
                verdicts[futures[future]] = future.result()
                if progress is not None:
                    progress(len(verdicts), len(items))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [verdicts[number] for number in range(len(items))]


def _judged(outcome: Outcome, *, compiling: bool, marker: str) -> tuple[Status, str]:
    where = "compiling: " if compiling else ""
    if outcome.stop in ("wall time", "CPU time"):
        return Status.TIMEOUT, f"{where}{outcome.stop}"
    if compiling:
        return Status.COMPILE_ERROR, outcome.stop or _said(outcome)
    if outcome.stop is not None:
        return Status.FAILED, f"more {outcome.stop} than allowed"
    if outcome.exit_code != 0:
        return Status.FAILED, f"exit status {outcome.exit_code}: {_said(outcome)}"
    if marker.encode() not in outcome.stdout:
        return Status.FAILED, "ended before the last test"
    return Status.PASSED, ""


def _said(outcome: Outcome) -> str:
    return outcome.stderr.decode(errors="replace").strip()[:DETAIL_CHARACTERS]


def _verdict(
    problem: Problem, completion: str, status: Status, detail: str, seconds: float
) -> Verdict:
    return Verdict(
        problem.set, problem.task_id, problem.language, status, detail, completion, seconds
    )
