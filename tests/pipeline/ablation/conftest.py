"""A finished run that every test here may read, and add an ablation to."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.run import run
from tests.pipeline.conftest import configured

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def finished_run(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chain over the small inputs, in this process."""
    folder = tmp_path_factory.mktemp("ablation") / "run"
    run(configured(inputs, folder), address="local")
    return folder


@pytest.fixture
def sluice(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process: exit code, standard output, standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["sluice", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return call
