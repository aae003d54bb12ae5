"""What tasks that take long say of themselves, from the worker to who waits."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.engine.corpus import EngineCorpus
from pipeline.engine.executor import LocalExecutor, Resources
from pipeline.engine.lineage import Tables
from pipeline.engine.runner import Monitor, Runner
from pipeline.engine.work import doing
from pipeline.engine.work.task import Limits
from pipeline.storage.storage import LocalStorage
from stages.contract import Batches
from stages.contract.telling import as_part, tell

LOOKS: list[Callable[[], None]] = []
"""Called when a step has told how far it is."""


@dataclass(frozen=True)
class Train:
    """Tells of two models."""

    fails: bool = False

    def __call__(self, *sources: Batches) -> bytes:
        for number in (1, 2):
            with as_part(f"model {number} of 2"):
                tell("epoch 1 of 1")
                for look in LOOKS:
                    look()
        if self.fails:
            raise ValueError("a bug")
        return b"model"

    def doing(self, n_rows: int) -> str:
        return f"training on {n_rows} documents"


class Looking(Monitor):
    """Asks what is done whenever the step has told."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def working(self, step: str, what: Callable[[], str]) -> None:
        LOOKS[:] = [lambda: self.seen.append(what())]


@pytest.fixture
def monitor() -> Looking:
    return Looking()


@pytest.fixture
def corpus(tmp_path: Path, monitor: Looking) -> EngineCorpus:
    storage = LocalStorage(tmp_path)
    runner = Runner(storage, LocalExecutor(storage, 1), monitor, 1, Limits(60.0), 0.01)
    stage: Any = SimpleNamespace(version=1, libraries=())
    tables = {"web": Tables("web")}
    return EngineCorpus(
        runner, tables, "web", stage, "web.recall", "web.recall", "web/recall", Resources()
    )


def test_a_task_says_which_iteration_target_and_epoch(
    corpus: EngineCorpus, monitor: Looking, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The name of the file says the first two; nothing is left behind."""
    monkeypatch.setattr(doing, "NOTE_SECONDS", 0.0)
    corpus.artefact("iteration-2/model/code.arrow", Train())
    assert monitor.seen == [
        "iteration 2, code: model 1 of 2, epoch 1 of 1",
        "iteration 2, code: model 2 of 2, epoch 1 of 1",
    ]
    assert list((tmp_path / doing.FOLDER).iterdir()) == []


def test_a_short_task_notes_nothing(
    corpus: EngineCorpus, monitor: Looking, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It says what it begins with."""
    monkeypatch.setattr(doing, "NOTE_SECONDS", 3600.0)
    corpus.artefact("iteration-2/model/code.arrow", Train())
    assert monitor.seen == ["iteration 2, code: training on 0 documents"] * 2
    assert not (tmp_path / doing.FOLDER).exists()


def test_a_task_that_fails_leaves_no_note(
    corpus: EngineCorpus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The next one does not say what it did."""
    monkeypatch.setattr(doing, "NOTE_SECONDS", 0.0)
    with pytest.raises(ValueError, match="a bug"):
        corpus.artefact("iteration-2/model/code.arrow", Train(fails=True))
    assert list((tmp_path / doing.FOLDER).iterdir()) == []
