"""How often a task is tried, and what its tries are."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.engine.executor import LocalExecutor, Resources, after_crash
from pipeline.engine.work.task import Context, Limits, Quarantine, Result, Task, Work
from pipeline.storage.storage import LocalStorage
from pipeline.storage.tables import Written
from stages.errors import StageError


@dataclass
class Failing:
    """Raises an I/O error as often as told."""

    failures: int
    attempts: list[int] = field(default_factory=list)

    def run(self, context: Context, quarantine: Quarantine) -> Result:
        self.attempts.append(context.task.attempt)
        if len(self.attempts) <= self.failures:
            raise OSError("the disk is away")
        return Result(Written())


def task(work: Work) -> Task:
    return Task("web.rules", "00000", "web/rules", work, Limits(1.0), generation=1)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.engine.executor.time.sleep", lambda seconds: None)


@pytest.mark.parametrize("tries", [1, 2, 3])
def test_a_task_is_tried_as_often_as_the_setting_says(tmp_path: Path, tries: int) -> None:
    """`engine.max_attempts = 3` is three tries, the first among them."""
    work = Failing(failures=9)
    with pytest.raises(StageError, match=rf"{tries} attempts; the last: OSError"):
        list(LocalExecutor(LocalStorage(tmp_path), tries).run([task(work)], Resources()))
    assert work.attempts == list(range(tries))


def test_the_last_try_may_succeed(tmp_path: Path) -> None:
    """Two failures cost nothing when three tries are allowed."""
    work = Failing(failures=2)
    ((done, _),) = LocalExecutor(LocalStorage(tmp_path), 3).run([task(work)], Resources())
    assert done.attempt == 2


@pytest.mark.parametrize(("tries", "isolated"), [(2, [True]), (3, [False, True])])
def test_a_record_that_kills_workers_is_isolated_before_tries_end(
    tries: int, isolated: list[bool]
) -> None:
    """However few tries there are, the last one of several is in a child process."""
    tried = task(Failing(0))
    found = []
    for _ in range(tries - 1):
        tried = after_crash(tried, "the worker died", tries)
        found.append(tried.isolate)
    assert found == isolated
    with pytest.raises(StageError, match=f"{tries} attempts"):
        after_crash(tried, "the worker died", tries)
